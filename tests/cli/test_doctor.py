"""`trued doctor`, against a real repository on this machine: what it finds, says, and leaves alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.cli import doctor
from agent.cli.screen import Screen
from agent.doctor import Finding, Found, Grade
from agent.host.lock import daemon_lock
from tests.cli.fleet import TOP, Box, Said

ORDER = ["agent.yaml", "user", "clock", "disk", "tools", "packages", "service", "watches", "bus", "daemon", "memory", "rights", "source",
         "signature", "host", "status"]  # fmt: skip


def checked(said: Said) -> Mapping[str, Any]:
    """Return the findings of `trued doctor --json` by their names."""
    assert said.code == said.data["exit_code"]
    return {each["name"]: each for each in said.data["checks"]}


@pytest.fixture(autouse=True)
def _private(box: Box) -> None:
    """As enroll leaves it."""
    box.config.chmod(0o600)


def test_a_sound_host_ends_with_0(box: Box) -> None:
    """Also where systemd does not run, and nothing keeps the clock."""
    sha = box.push(motd="hello\n")

    said = box.trued("doctor", "--json")

    found = checked(said)
    assert (0, "") == (said.code, said.err)
    assert ORDER == list(found)
    assert not {"failed"} & {each["result"] for each in found.values()}
    assert f"{box.remote}: branch 'main' is at {sha[:12]}" == found["source"]["found"]
    assert re.fullmatch(
        r"fleet.yaml knows this host; \d resources are declared for it", found["host"]["found"]
    )


def test_nothing_is_changed(box: Box) -> None:
    """No state, no ref, no lock."""
    box.push(motd="hello\n")
    before = box.git("for-each-ref", cwd=box.remote)

    box.trued("doctor")

    assert not box.state.exists()
    assert [] == list(box.root.iterdir())
    assert before == box.git("for-each-ref", cwd=box.remote)


def test_without_agent_yaml_the_rest_is_checked(box: Box) -> None:
    box.config.unlink()

    said = box.trued("doctor", "--json")

    found = checked(said)
    assert 78 == said.code
    assert f"{box.config}: there is no such file" == found["agent.yaml"]["found"]
    assert "trued enroll URL" in found["agent.yaml"]["mend"][0]
    assert ["agent.yaml", "user", "clock", "disk", "tools", "packages", "service", "watches", "bus"] == list(
        found
    )


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("intervall: 5s\n", "intervall: unknown key; did you mean 'interval'?"),
        ("allow: {fils: ['*']}\n", "allow: unknown section 'fils'"),
    ],
)
def test_what_is_wrong_in_agent_yaml_ends_with_78(box: Box, more: str, text: str) -> None:
    box.configure(more)

    said = box.trued("doctor", "--json")

    assert 78 == said.code
    assert text in checked(said)["agent.yaml"]["found"]


def test_a_branch_that_is_not_there_ends_with_6_and_names_those_that_are(box: Box) -> None:
    box.push()
    box.config.write_text(
        box.config.read_text().replace(f"{{url: {box.remote}}}", f"{{url: {box.remote}, branch: mian}}")
    )

    said = box.trued("doctor", "--json")

    found = checked(said)
    assert 6 == said.code
    assert f"{box.remote}: there is no branch 'mian'; it has: main" == found["source"]["found"]
    assert ["correct source in agent.yaml"] == found["source"]["mend"]
    assert {"needs source"} == {found[name]["found"] for name in ("signature", "host")}


def test_a_host_that_fleet_yaml_does_not_list_ends_with_3(box: Box) -> None:
    box.write("fleet.yaml", "hosts: [db-1]\nlayers: [base]\n")
    box.push()

    said = box.trued("doctor", "--json")

    assert 3 == said.code
    assert ("failed", True) == (checked(said)["host"]["result"], "edge-01" in checked(said)["host"]["found"])


def test_a_state_that_cannot_be_loaded_is_said_with_its_place(box: Box) -> None:
    box.push_document("fils: {}\n")

    said = box.trued("doctor", "--json")

    assert 3 == said.code
    assert (
        "base/base.yaml:1:1: fils: unknown section; did you mean 'files'?" == checked(said)["host"]["found"]
    )


def test_an_unsigned_commit_is_said_and_the_host_checked_all_the_same(box: Box) -> None:
    """Whoever sets up signatures wants to know both."""
    box.push(motd="x\n")
    signers = box.folder / "signers"
    signers.write_text(
        "ops@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC4bO9kBDFn4VJwFmLkQnoPDVdgJYoKAAIt9fT2NUZCX\n"
    )
    verify = f"{{url: {box.remote}, verify: {{allowed_signers: {signers}}}}}"
    box.config.write_text(box.config.read_text().replace(f"{{url: {box.remote}}}", verify))

    said = box.trued("doctor", "--json")

    found = checked(said)
    assert 3 == said.code
    assert "it is not signed" in found["signature"]["found"]
    assert "ok" == found["host"]["result"]


def wrong_rights(box: Box) -> dict[str, Path]:
    """Make a token, a key and signers, and name them in agent.yaml."""
    paths = {name: box.folder / "etc" / name for name in ("token", "key", "known_hosts")}
    (box.folder / "etc").mkdir()
    for path in paths.values():
        path.write_text("x\n")
        path.chmod(0o600)
    ways = f"token_file: {paths['token']}, ssh_key: {paths['key']}, known_hosts: {paths['known_hosts']}"
    box.config.write_text(
        box.config.read_text().replace(f"{{url: {box.remote}}}", f"{{url: {box.remote}, {ways}}}")
    )
    return paths


@pytest.mark.parametrize(
    ("name", "mode", "says", "mend"),
    [
        ("key", 0o644, "others may read it (mode 0644)", "chmod 600 {}"),
        ("token", 0o640, "others may read it (mode 0640)", "chmod 600 {}"),
        ("known_hosts", 0o666, "others may write to it (mode 0666)", "chmod go-w {}"),
        (".", 0o777, "others may write to it (mode 0777)", "chmod go-w {}"),
    ],
)
def test_files_of_the_way_in_that_are_open_to_others(
    box: Box, name: str, mode: int, says: str, mend: str
) -> None:
    box.push()
    path = wrong_rights(box)["key"].parent / name
    path.chmod(mode)

    said = box.trued("doctor", "--json")

    found = checked(said)["rights"]
    assert (3, "failed", f"{path}: {says}") == (said.code, found["result"], found["found"])
    assert found["mend"][0].startswith(mend.format(path))


def test_a_key_that_is_missing_is_told(box: Box) -> None:
    box.push()
    path = wrong_rights(box)["key"]
    path.unlink()

    assert f"{path}: there is no such file" == checked(box.trued("doctor", "--json"))["rights"]["found"]


def test_an_agent_yaml_that_others_may_read_is_a_warning(box: Box) -> None:
    box.push()
    box.config.chmod(0o644)

    said = box.trued("doctor", "--json")

    assert (0, "warning") == (said.code, checked(said)["rights"]["result"])


@pytest.mark.root
def test_a_key_of_somebody_else_is_told(box: Box) -> None:
    """Its owner can read it, whatever its mode says."""
    box.push()
    path = wrong_rights(box)["key"]
    os.chown(path, 65534, 65534)

    assert f"{path}: belongs to user 65534" == checked(box.trued("doctor", "--json"))["rights"]["found"]


def test_a_damaged_ledger_is_told(box: Box) -> None:
    box.push(motd="x\n")
    box.trued("apply")
    (box.state / "ledger.db").write_bytes(b"not a database" * 100)

    said = box.trued("doctor", "--json")

    assert 3 == said.code
    assert f"{box.state}/ledger.db: the ledger cannot be used" in checked(said)["memory"]["found"]


def test_what_is_remembered_is_told(box: Box) -> None:
    sha = box.push(motd="x\n")
    box.trued("apply")

    found = checked(box.trued("doctor", "--json"))["memory"]

    assert re.fullmatch(rf"{box.state}/ledger.db: \d owned, holds {sha[:12]}", found["found"])


def test_a_ledger_of_another_root_is_told(box: Box) -> None:
    box.push(motd="x\n")
    box.trued("apply")
    (box.folder / "other").mkdir()
    box.config.write_text(box.config.read_text().replace(str(box.root), str(box.folder / "other")))

    assert "the ledger is of the files below" in checked(box.trued("doctor", "--json"))["memory"]["found"]


def test_a_daemon_at_work_is_found_and_not_disturbed(box: Box) -> None:
    box.push()
    with daemon_lock(box.state).held():
        found = checked(box.trued("doctor", "--json"))["daemon"]

    assert f"(pid {os.getpid()})" in found["found"]


def test_a_state_dir_that_cannot_be_is_told(box: Box) -> None:
    box.push()
    box.state.write_text("")

    said = box.trued("doctor", "--json")

    assert (3, f"{box.state}: is no folder") == (said.code, checked(said)["memory"]["found"])


def test_reports_that_are_switched_off_need_no_access(box: Box) -> None:
    box.push()
    box.configure("status: {enabled: false}\n")

    assert (
        "switched off: reports stay on this host"
        == checked(box.trued("doctor", "--json"))["status"]["found"]
    )


@pytest.mark.root
def test_somebody_else_than_root_is_told_what_was_not_looked_at(box: Box) -> None:
    """What only root may see is skipped, and everything else is checked."""
    box.push()
    box.state.mkdir(mode=0o700)
    box.config.write_text(box.config.read_text().replace(f"root: {box.root}\n", ""))
    folder = Path(
        subprocess.run(("mktemp", "-d"), capture_output=True, text=True, check=True).stdout.strip()
    )
    try:
        folder.chmod(0o755)
        config = folder / "agent.yaml"
        config.write_text(f"host: edge-01\nsource: {{url: {folder}/fleet.git}}\nstate_dir: {folder}/state\n")
        config.chmod(0o644)
        (folder / "state").mkdir(mode=0o700)
        subprocess.run(
            ("git", "clone", "-q", "--bare", str(box.remote), str(folder / "fleet.git")), check=True
        )
        said = box.process(
            "doctor",
            "--json",
            "--config",
            str(config),
            before=("setpriv", "--reuid=65534", "--clear-groups"),
        )
    finally:
        subprocess.run(("rm", "-rf", str(folder)), check=True)

    found = checked(said)
    assert "warning" == found["user"]["result"]
    assert ["run it as root: sudo trued doctor"] == found["user"]["mend"]
    assert ("skipped", "is not for this user") == (
        found["memory"]["result"],
        found["memory"]["found"].partition(": ")[2],
    )
    assert "ok" == found["source"]["result"]


def test_a_full_temporary_folder_is_no_reason_not_to_ask_the_repository(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.push()
    monkeypatch.setattr(tempfile, "tempdir", str(box.folder / "nowhere"))

    assert "ok" == checked(box.trued("doctor", "--json"))["source"]["result"]


@pytest.mark.root
def test_a_repository_that_is_mounted_read_only_takes_no_reports(box: Box) -> None:
    box.push()
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'

    said = box.process("doctor", "--json", before=("unshare", "--mount", "sh", "-c", mount, str(box.remote)))

    found = checked(said)
    assert (6, "ok", "failed") == (said.code, found["source"]["result"], found["status"]["result"])
    assert f"{box.remote}: cannot be written" == found["status"]["found"]


def test_a_person_reads_a_line_for_each_and_the_way_out_below(box: Box) -> None:
    """In columns, without colours where there is no terminal, and summed up."""
    box.push()
    box.state.write_text("")

    said = box.trued("doctor")

    lines = said.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("failed   memory "))
    assert f"failed   memory       {box.state}: is no folder" == lines[at]
    assert f"{' ' * 22}mend: name another state_dir in agent.yaml" == lines[at + 1]
    assert re.fullmatch(r"\d+ ok(, \d warnings?)?, 1 failed(, \d skipped)?", lines[-1])
    assert "\x1b" not in said.out


def test_every_check_is_on_its_page(box: Box) -> None:
    """And no other."""
    over = {}
    for url in ("git@git.example.com:ops/fleet.git", "https://git.example.com/ops/fleet.git"):
        engine, more = {"socket": "/run/docker.sock"}, {"kubernetes": {"kubeconfig": "/nowhere"}}
        box.config.write_text(
            json.dumps({"host": "edge-01", "source": {"url": url}, "engine": engine, **more})
        )
        with ExitStack() as stack:
            over |= {check.name: check for check in doctor.checks(box.config, stack)}
    page = (TOP / "docs/doctor.md").read_text("utf-8")

    assert list(dict.fromkeys(re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE))) == sorted(
        over, key=lambda name: page.index(f"| `{name}` |") if f"| `{name}` |" in page else -1
    )


def test_the_lines_of_the_page_are_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    page = (TOP / "docs/doctor.md").read_text("utf-8")
    block = page.partition("$ trued doctor\n")[2].partition("```")[0]
    lines = re.findall(r"^(\w+) +(\S+) +(.+)\n(?: +mend: (.+)\n)?", block, re.MULTILINE)

    for grade, name, text, mend in lines:
        doctor.show(Finding(name=name, found=Found(Grade(grade), text, mend)), Screen())

    assert 3 == len(lines)
    assert block == capsys.readouterr().out
