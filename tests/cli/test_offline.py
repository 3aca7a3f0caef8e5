"""init, validate, render and schema: what works on a laptop, without a host."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from agent.cli import main
from tests.cli.fleet import Said


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def run(*words: object) -> Said:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def test_what_init_writes_is_valid(run, tmp_path: Path) -> None:
    """For whatever host, until `hosts` is narrowed."""
    fleet = tmp_path / "fleet"

    assert 0 == run("init", fleet).code
    assert (0, f"{fleet}: valid: all layers; hosts: edge-01\n", "") == (
        (said := run("validate", fleet)).code,
        said.out,
        said.err,
    )
    assert 0 == run("validate", fleet, "--host", "whatever").code


def test_what_init_only_suggests_is_valid_too(run, tmp_path: Path) -> None:
    """A section that stands in a comment can be had by taking the # away."""
    fleet = tmp_path / "fleet"
    run("init", fleet)
    base = fleet / "base/base.yaml"
    base.write_text(re.sub(r"^# (?=[a-z]+:$| )", "", base.read_text(), flags=re.MULTILINE))

    assert 0 == run("validate", fleet).code
    assert '\nunits:\n  "nginx.service"' in run("render", fleet, "--host", "edge-01").out


def test_init_for_one_host_refuses_all_others(run, tmp_path: Path) -> None:
    """A host that fleet.yaml does not list is refused."""
    run("init", tmp_path / "fleet", "--host", "db-1")

    assert [0, 5] == [run("validate", tmp_path / "fleet", "--host", host).code for host in ("db-1", "db-2")]


def test_init_says_which_host_to_be(run, tmp_path: Path) -> None:
    """Else the machine's own name would count, which the new fleet.yaml may not list."""
    said = [run("init", tmp_path / name, *more).out for name, more in (("a", ()), ("b", ("--host", "db-1")))]

    assert [
        "  trued enroll URL --host edge-01\n" in said[0],
        "  trued enroll URL --host db-1\n" in said[1],
    ] == [True, True]


@pytest.mark.parametrize("name", ["../evil", "a b", "", "-x"])
def test_init_takes_no_name_that_could_be_no_host(run, tmp_path: Path, name: str) -> None:
    """It becomes a folder and a branch."""
    said = run("init", tmp_path / "fleet", f"--host={name}")

    assert 64 == said.code
    assert not (tmp_path / "fleet").exists()


def test_init_leaves_a_folder_with_something_in_it_alone(run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")

    said = run("init", tmp_path)

    assert (64, [tmp_path / "mine"]) == (said.code, list(tmp_path.iterdir()))
    assert f"trued: {tmp_path}: has something in it already" in said.err


def test_init_where_nothing_can_be_written(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    said = run("init", tmp_path / "file" / "fleet")

    assert 64 == said.code
    assert "cannot be written: Not a directory" in said.err


def test_init_says_what_comes_next(run, tmp_path: Path) -> None:
    """And what it wrote, for a program."""
    assert "trued validate" in run("init", tmp_path / "one").out
    assert {"fleet.yaml", "base/base.yaml", "base/files/motd", "hosts/edge-01/host.yaml"} == set(
        run("--json", "init", tmp_path / "two").data["files"]
    )


def test_every_problem_is_a_line_with_its_place(run, tmp_path: Path) -> None:
    """As a pull request's check shows it; nothing on stdout."""
    run("init", tmp_path / "fleet")
    (tmp_path / "fleet/base/base.yaml").write_text('files:\n  /etc/a: {contnet: "x"}\n  /etc/b: {mode: 9}\n')

    said = run("validate", tmp_path / "fleet")

    assert (4, "") == (said.code, said.out)
    assert ["trued: base/base.yaml:2:", "trued: base/base.yaml:3:"] == [
        line[:24] for line in said.err.splitlines() if line.startswith("trued: ")
    ]


def test_validate_needs_a_fleet_repository(run, tmp_path: Path) -> None:
    said = run("validate", tmp_path)

    assert (64, f"trued: {tmp_path}: has no fleet.yaml") == (said.code, said.err.splitlines()[0])


def test_facts_and_labels_choose_layers(run, tmp_path: Path) -> None:
    """Those of another machine, as its status.json has them."""
    run("init", tmp_path / "fleet")
    (tmp_path / "fleet/fleet.yaml").write_text(
        'hosts: ["*"]\nlayers:\n  - {path: base, when: {facts.arch: z80}}\n'
        "  - {path: hosts/edge-01, when: {labels.ring: canary}}\nvars: {site: x}\n"
    )
    (tmp_path / "status.json").write_text(json.dumps({"schema": 1, "facts": {"arch": "z80"}}))
    (tmp_path / "facts.json").write_text(json.dumps({"arch": "z80"}))

    def layers(*more: object) -> list[str]:
        return run("--json", "render", tmp_path / "fleet", "--host", "edge-01", *more).data["layers"]

    assert [[], ["base"], ["base"], ["hosts/edge-01"]] == [
        layers(),
        layers("--facts", tmp_path / "facts.json"),
        layers("--facts", tmp_path / "status.json"),
        layers("--label", "ring=canary"),
    ]


@pytest.mark.parametrize("text", ["", "[", "[]", '"x"', "[" * 50_000])
def test_facts_that_are_none_are_refused(run, tmp_path: Path, text: str) -> None:
    run("init", tmp_path / "fleet")
    (tmp_path / "facts.json").write_text(text)

    said = run("validate", tmp_path / "fleet", "--facts", tmp_path / "facts.json")

    assert 64 == said.code
    assert "expected facts as" in said.err


def test_render_prints_a_document_with_its_origins(run, tmp_path: Path) -> None:
    """JSON values: nothing in it can be misread as YAML."""
    run("init", tmp_path / "fleet")

    assert [
        "# edge-01: base, hosts/edge-01",
        "files:",
        '  "/etc/motd": {"source": "files/motd", "template": true, "mode": "0644"}  # base/base.yaml:4',
        '  "/etc/trued-example": {"content": "only on edge-01\\n", "mode": "0644"}  # hosts/edge-01/host.yaml:4',
        "",
        "# base/files/motd becomes:",
        "#   This is edge-01, of the site example.",
        "#   It is kept true to Git: what is changed here by hand is changed back.",
    ] == run("render", tmp_path / "fleet", "--host", "edge-01").out.splitlines()


@pytest.mark.parametrize("which", [[], ["--agent"], ["--fleet"]])
def test_schemas_are_schemas(run, which: list[str]) -> None:
    jsonschema.Draft202012Validator.check_schema(run("schema", *which).data)
