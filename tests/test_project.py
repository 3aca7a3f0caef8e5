"""Pages, scripts and lock files say what the code does: none of them can drift."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.arguments import build
from agent.errors import TruedError

TOP = Path(__file__).parents[1]
PAGES = (
    *sorted(TOP.glob("*.md")),
    *sorted(TOP.glob("docs/**/*.md")),
    *sorted(TOP.glob("benchmarks/*.md")),
)
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
LOCKS = ("requirements.lock", "requirements-dev.lock")
# Of the workplaces of those who write trued, and of places that only they can reach.
FOREIGN = re.compile(r"/work/|/root/|\.\./shared|\bdesign\.md\b|/simple/|\bindex-url\b|\bfind-links =")


def read(name: str) -> str:
    return (TOP / name).read_text("utf-8")


def trued(*words: str) -> str:
    """Return what the command prints."""
    argv = (sys.executable, "-m", "agent", *words)
    return subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=True).stdout


def verbs() -> tuple[str, ...]:
    """Return the verbs of the command line."""
    inner = [action for action in build()._actions if isinstance(action, argparse._SubParsersAction)]
    return tuple(inner[0].choices)


def exit_codes() -> set[int]:
    """Return every exit code that an error or a result can lead to."""

    def family(error: type[TruedError]) -> Iterator[int]:
        yield error.exit_code
        for child in error.__subclasses__():
            yield from family(child)

    return {0, 2, *family(TruedError)}


def keys(schema: object) -> Iterator[str]:
    """Yield every name of a property anywhere in a JSON Schema."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for value in schema.values():
            yield from keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from keys(value)


def tracked() -> list[Path]:
    """Return the files of the checkout as git lists them."""
    if not (TOP / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(
        ("git", "ls-files", "-z"), cwd=TOP, capture_output=True, text=True, check=True
    ).stdout
    return [TOP / name for name in names.split("\0") if name and (TOP / name).is_file()]


def headings(text: str) -> set[str]:
    """Return the anchors that a forge makes of the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_verb_is_on_the_page_of_the_command() -> None:
    """A new verb comes with its description."""
    text = read("docs/cli.md")

    assert [] == [verb for verb in verbs() if f"trued {verb}" not in text]


def test_the_readme_names_no_verb_that_is_not_there() -> None:
    """What a newcomer copies from it exists."""
    named = set(re.findall(r"^ +trued ([a-z]+)\b", read("README.md"), re.MULTILINE))

    assert named
    assert set() == named - set(verbs())


@pytest.mark.parametrize("name", ["docs/cli.md", "README.md"])
def test_every_exit_code_is_described(name: str) -> None:
    """Scripts rely on them."""
    rows = [line.split("|")[1] for line in read(name).splitlines() if re.match(r"\| *`?\d+", line)]

    assert set() == exit_codes() - {int(code) for row in rows for code in re.findall(r"\d+", row)}


def test_every_section_and_key_is_on_the_page_of_state_documents() -> None:
    """The schema that editors use, and the pages that people read, name the same things."""
    pages = (path.relative_to(TOP) for path in (TOP / "docs/kinds").glob("*.md"))
    text = "".join(map(read, ("docs/state.md", *map(str, pages))))

    assert [] == sorted({key for key in keys(json.loads(trued("schema"))) if f"`{key}`" not in text})


def test_every_kind_has_its_page() -> None:
    """docs/kinds/ has one page for each module of agent/kinds/."""
    kinds = {path.stem for path in (TOP / "agent/kinds").iterdir() if not path.name.startswith("_")}

    assert kinds == {path.stem for path in (TOP / "docs/kinds").glob("*.md")}


def test_every_page_can_be_reached_from_the_index() -> None:
    """A decision record that is not linked is not read."""
    index = read("docs/README.md")
    names = [str(path.relative_to(TOP / "docs")) for path in (TOP / "docs").rglob("*.md")]

    assert [] == [name for name in names if name != "README.md" and f"({name}" not in index]


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository, and its anchor a heading there."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in headings(file.read_text("utf-8"))):
            broken.append(target)

    assert [] == broken


def test_the_changelog_is_open() -> None:
    """What is not released yet has its section, above all releases."""
    sections = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)

    assert "Unreleased" == sections[0]


def test_the_package_and_the_project_have_one_version() -> None:
    """pyproject.toml and the package agree."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    found = re.search(r'^__version__ = "(.+)"$', read("agent/__init__.py"), re.MULTILINE)

    assert found
    assert project["version"] == found[1]


@pytest.mark.parametrize("name", ["check", "demo", "lock", "test"])
def test_scripts_can_be_run(name: str) -> None:
    """They are executable, and sh finds no error in them."""
    script = TOP / "scripts" / name

    assert os.access(script, os.X_OK)
    assert 0 == subprocess.run(("sh", "-n", script), check=False).returncode


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_hold_versions_and_hashes_only(name: str) -> None:
    """Every package has one version and hashes; where it comes from is the installer's business."""
    entries = re.split(r"^(?=[a-z])", read(name), flags=re.MULTILINE)[1:]

    assert entries
    assert [] == [entry for entry in entries if not re.match(r"[a-z0-9-]+==\S+ \\\n +--hash=sha256:", entry)]
    assert not re.search(r"^--|://", read(name), re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_cover_what_is_asked_for(name: str) -> None:
    """pyproject.toml names nothing that the lock does not have."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(project["optional-dependencies"]["dev"] if "dev" in name else ())]
    names = {re.split(r"[<>=~!\[ ;]", line)[0].lower() for line in wanted}

    assert set() == names - set(re.findall(r"^([a-z0-9-]+)==", read(name), re.MULTILINE))


def test_every_dependency_has_its_reason() -> None:
    """docs/decisions/0001 says why each is there."""
    names = [
        re.split(r"[<>=]", line)[0]
        for line in tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    ]
    text = read("docs/decisions/0001-dependencies.md").lower()

    assert [] == [name for name in names if name not in text]


def test_every_dependency_is_imported() -> None:
    """What is declared is installed on every host: nothing is there for nothing."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    text = "\n".join(path.read_text("utf-8") for path in (TOP / "agent").rglob("*.py"))
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", text, re.MULTILINE))
    names = {re.split(r"[<>=]", line)[0] for line in project["dependencies"]}

    assert set() == {{"pyyaml": "yaml"}.get(name, name) for name in names} - imported


def test_no_file_names_a_place_that_only_its_authors_can_reach() -> None:
    """What is here stands alone: no path of somebody's machine, no index of packages."""
    this = Path(__file__).resolve()
    texts = {
        path: path.read_bytes().decode("utf-8", "replace") for path in tracked() if path.resolve() != this
    }
    found = [
        f"{path.relative_to(TOP)}:{number}: {line.strip()}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if FOREIGN.search(line)
    ]

    assert [] == found
