"""What the pages show is so: examples load, commands parse, answers are what the code prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from agent import kinds
from agent.cli import fleet, init
from agent.cli.arguments import parse
from agent.cli.screen import Screen
from agent.config import load_settings
from agent.desired.folder import FolderTree
from agent.desired.load import load
from agent.documents.nodes import Map, Plain, to_plain
from agent.documents.parse import parse as read_yaml
from agent.host.facts import gather
from agent.model import Cause, Identity, Report, ResourceId, Standing, Verdict
from agent.status.document import encode, status_of
from agent.status.fleet import Row
from agent.status.message import message

TOP = Path(__file__).parents[1]
PAGES = (TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")))
FLEET = 'hosts: ["*"]\nlayers: [base]\nvars: {site: berlin}\n'
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"
ENTRIES_OF_TEXT = {"compose"}  # whose entries may be nothing but a source
OBJECT = "ConfigMap/docs/{}"
KINDS = kinds.discover()
EDGE = Identity(host="edge-01", facts=MappingProxyType(dict(gather())))


def text(name: str) -> str:
    return (TOP / name).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced examples of a page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


EXAMPLES = [
    pytest.param(example, id=f"{page.relative_to(TOP)}-{number}")
    for page in PAGES
    for number, example in enumerate(blocks(page.read_text("utf-8"), "yaml"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_yaml_example_loads(example: str, tmp_path: Path) -> None:
    """As what its keys say it is: fleet.yaml, a state document, agent.yaml, or variables."""
    node = read_yaml(example.encode(), "example.yaml")
    assert isinstance(node, Map)

    if "source" in node.entries:
        assert load_settings(written(tmp_path / "agent.yaml", example)).source.url
    elif "hosts" in node.entries:
        written(tmp_path / "base/empty.yaml", "")
        written(tmp_path / "roles/kiosk/empty.yaml", "")
        assert {} == declared(tmp_path, fleet_file=example)
    elif node.entries.keys() <= {"compose", *(kind.section for kind in KINDS.values())}:
        written(tmp_path / "base/example.yaml", example)
        make_sources(to_plain(node), tmp_path / "base")
        make_manifests(node, tmp_path / "base")
        assert declared(tmp_path).keys() >= set(ids(node))
    else:
        written(tmp_path / "base/vars.yaml", example)
        written(tmp_path / "base/one.yaml", f'files: {{/a: {{content: "${{{next(iter(node.entries))}}}"}}}}')
        assert ResourceId("file", "/a") in declared(tmp_path)


def written(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def ids(document: Map) -> Iterator[ResourceId]:
    for singular, kind in KINDS.items():
        section = document.entries.get(kind.section)
        if kind.only and section:
            yield ResourceId(singular, kind.only)
        elif isinstance(section, Map):
            names = map(kind.name, section.entries)
            # An entry of manifests is nothing by itself: see make_manifests.
            yield from (
                ResourceId(singular, OBJECT.format(name) if singular == "manifest" else name)
                for name in names
            )


def make_sources(plain: Plain, base: Path) -> None:
    """Make what the entries of an example refer to: a folder where the name ends with a slash."""
    if not isinstance(plain, dict):
        return
    for name in ENTRIES_OF_TEXT & plain.keys():
        below = plain[name]
        for source in below.values() if isinstance(below, dict) else ():
            make_sources({"source": source}, base)
    if isinstance(source := plain.get("source"), str):
        texts = {".asc": KEY, ".yaml": "services: {web: {image: nginx}}\n"}
        text = texts.get(Path(source).suffix, "# x\n")
        written(base / f"{source}/index.html" if source.endswith("/") else base / source, text)
    for below in plain.values():
        make_sources(below, base)


def make_manifests(document: Map, base: Path) -> None:
    """Make one object for each entry of `manifests`, of its name."""
    section = document.entries.get("manifests")
    for name, entry in section.entries.items() if isinstance(section, Map) else ():
        source = to_plain(entry.entries["source"] if isinstance(entry, Map) else entry)
        path = base / f"{source}/one.yaml" if str(source).endswith("/") else base / str(source)
        kind, namespace, of = OBJECT.format(name).split("/")
        written(
            path, f"{{apiVersion: v1, kind: {kind}, metadata: {{name: {of}, namespace: {namespace}}}}}\n"
        )


def declared(folder: Path, fleet_file: str = FLEET) -> dict[ResourceId, object]:
    written(folder / "fleet.yaml", fleet_file)
    return dict(load(FolderTree(folder), "", EDGE, KINDS).resources)


def commands() -> list[str]:
    """Return every command line of trued that a page shows in full: in a block, after a prompt, or between backticks."""
    shown = set()
    for page in PAGES:
        content = page.read_text("utf-8")
        shown |= set(re.findall(r"^(?:    |\$ )(trued [^#\n]*?) *(?:#.*)?$", content, re.MULTILINE))
        shown |= set(re.findall(r"`(trued [^`]+)`", content))
    return sorted(
        line.partition(" && ")[0] for line in shown if not re.search(r"[\[|…]|: |--help|--version", line)
    )


@pytest.mark.parametrize("line", commands())
def test_every_command_that_is_shown_can_be_said(line: str) -> None:
    """Its verb and options are there."""
    words = shlex.split(line)[1:]

    assert parse([*words, "DIR"] if words in (["init"], ["validate"]) else words).module


def test_the_facts_of_the_page_are_those_that_are_gathered() -> None:
    named = set(re.findall(r"`facts\.([a-z_]+)`", text("docs/state.md")))

    assert named >= gather().keys()
    assert {
        "host",
        "os",
        "arch",
        "kernel",
        "cpus",
        "memory",
        "addresses",
        "virtualization",
        "machine_id",
    } == named


def test_the_readme_begins_with_what_init_writes() -> None:
    """The host of the example is the one that the first commands can render."""
    assert "trued render . --host edge-01" in text("README.md")
    assert f"hosts/{init.EXAMPLE}/host.yaml" in init.files(None)
    assert "edge-01" == init.EXAMPLE


NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"


def report() -> Report:
    """Return the one that docs/status.md tells of."""
    read_only = "/etc/cron.d: read-only file system"
    standings = {
        "/etc/cron.d/backup": Standing(result="failed", cause=Cause.COMMIT, reason=read_only),
        "/etc/backup.conf": Standing(result="blocked", reason="needs file:/etc/cron.d/backup, which failed"),
        "/etc/motd": Standing(result="changed", cause=Cause.DRIFT, reason="content differs"),
        "/etc/nginx/conf.d/kiosk.conf": Standing(
            result="changed", cause=Cause.COMMIT, reason="content differs"
        ),
        "/etc/issue": Standing(result="unchanged"),
    }
    return Report(
        host="edge-01",
        started=NOON,
        finished=NOON,
        result=Verdict.FAILED,
        commit=COMMIT,
        good=COMMIT,
        resources={ResourceId("file", name): standing for name, standing in standings.items()},
    )


def test_the_message_of_the_page_is_what_is_committed() -> None:
    assert blocks(text("docs/status.md"), "text")[0] == message(status_of(report()))


def test_the_keys_of_status_json_are_on_its_page() -> None:
    """All of them, and no others."""
    said = re.findall(r'"(\w+)":', encode(status_of(report())).decode())
    table = text("docs/status.md").partition("## status.json")[2].partition("\n## ")[0]

    assert set(said) == {
        name
        for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }


def test_the_fleet_table_of_the_page_is_what_is_printed() -> None:
    rows = (
        Row(host="db-1", result="converged", commit=COMMIT, age=9 * 3600, stale=True, agent="0.1.0"),
        Row(host="edge-07", result="failed", commit="9f8e7d6", age=125, failing=3, agent="0.1.0"),
        Row(host="edge-01", result="converged", commit="9f8e7d6", age=41, agent="0.1.0"),
    )
    shown = next(block for block in blocks(text("docs/cli.md"), "console") if "fleet status" in block)

    assert shown == "\n".join(["$ trued fleet status", *fleet.lines(rows, Screen()), ""])


def test_every_room_has_its_line_in_the_architecture() -> None:
    """A module or folder of agent/ that the page does not name is one that nobody decided on."""
    rooms = {path.name + "/" * path.is_dir() for path in (TOP / "agent").iterdir()}
    page = text("docs/architecture.md")

    assert [] == [
        name for name in sorted(rooms) if not name.startswith("__") and f"`agent/{name}`" not in page
    ]


def test_decision_records_are_of_one_form() -> None:
    """A number, and what was decided; the index says it in the same words."""
    titles = {
        path.name: path.read_text("utf-8").partition("\n")[0] for path in (TOP / "docs/decisions").iterdir()
    }
    lines = [f"- [{title[2:]}](decisions/{name})" for name, title in sorted(titles.items())]

    assert [] == [title for name, title in titles.items() if not title.startswith(f"# {name[:4]}: ")]
    assert lines == re.findall(r"^- \[\d.*$", text("docs/README.md"), re.MULTILINE)
