"""
The rooms of trued, held against its imports.

Who may import whom stands in one table; it has no cycles, and it is what docs/architecture.md describes.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
LIMIT = 400  # lines in a file

# Room: the rooms it may import from. `agent.host` and `agent.kinds` as rooms of their own are the protocols that
# stand in their __init__.py; what is behind them only cli sees.
ROOMS: Mapping[str, frozenset[str]] = {
    room: frozenset(allowed.split())
    for room, allowed in {
        "agent": "",
        "files": "",
        "errors": "",
        "model": "errors",
        "documents": "model errors",
        "config": "documents model errors",
        "host": "model errors",
        "host.*": "host model errors",
        "kinds": "host model errors",
        "kinds.*": "kinds host model errors",
        "git": "agent files model errors",
        "desired": "documents kinds model errors",
        "status": "agent model errors",
        "reconcile": "kinds host files model errors",
        "cycle": "reconcile kinds host model errors",
        "daemon": "agent cycle config status model errors",
        "telling": "files status model errors",
        "cli": "agent files telling daemon cycle reconcile status desired git kinds kinds.* host host.* config documents model errors",
        "__main__": "cli",
    }.items()
}

# What only some rooms may import: the doors to the machine, to Git, to YAML.
PRIVATE: Mapping[str, frozenset[str]] = {
    library: frozenset(rooms.split())
    for library, rooms in {
        "subprocess": "host.* git",
        "os": "host.* git files telling reconcile daemon cli config",
        "shutil": "host.*",
        "dulwich": "git",
        "urllib3": "git",
        "yaml": "documents",
        "jinja2": "desired",
        "psutil": "desired host.*",
        "rich": "cli",
    }.items()
}
NOWHERE = frozenset({"asyncio", "paramiko", "pydantic", "requests", "httpx", "dulwich.porcelain"})
LATE = ("dulwich", "jinja2", "psutil", "rich", "urllib3", "yaml")  # not before somebody needs them

MODULES = {
    ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((TOP / "agent").rglob("*.py"))
}
EVERY_MODULE = pytest.mark.parametrize("module", MODULES)


def room(module: str) -> str:
    """Return the room a module of ours belongs to."""
    parts = module.split(".")[1:] or ["agent"]
    if parts[0] in {"host", "kinds"} and len(parts) > 1:
        return f"{parts[0]}.*"
    return parts[0]


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def imports(module: str) -> Iterator[str]:
    """Yield the whole name of each thing that a module imports, wherever the statement stands."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            base = node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(module: str) -> Iterator[str]:
    """Yield the modules of trued that a module imports."""
    for name in imports(module):
        if name.split(".")[0] == "agent":
            yield name if name in MODULES else name.rpartition(".")[0]


def calls(module: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.Call))


def test_the_table_has_no_cycle() -> None:
    """The rooms can be put in one order in which each imports only those before it."""
    order = list(TopologicalSorter(ROOMS).static_order())

    assert set(ROOMS) == set(order)


def test_every_room_is_in_the_table() -> None:
    """A new folder or module of agent/ gets its line in the table first."""
    assert {room(module) for module in MODULES} <= set(ROOMS)


@EVERY_MODULE
def test_a_room_imports_only_what_the_table_allows(module: str) -> None:
    """git, desired, kinds, host and status don't know each other; only cli knows them all."""
    here = room(module)
    foreign = {name for name in ours(module) if room(name) not in ROOMS[here] | {here}}

    assert set() == foreign


def test_modules_import_each_other_in_one_direction() -> None:
    """There is no cycle inside a room either."""
    edges = {module: {name for name in ours(module) if name != module} for module in MODULES}

    assert set(MODULES) == set(TopologicalSorter(edges).static_order())


@EVERY_MODULE
def test_kinds_do_not_know_each_other(module: str) -> None:
    """A new kind touches its own file: no kind imports another."""
    if room(module) != "kinds.*":
        return
    family = ".".join(module.split(".")[:3])
    others = {name for name in ours(module) if room(name) == "kinds.*" and not name.startswith(family)}

    assert set() == others


@EVERY_MODULE
def test_a_library_is_imported_only_in_its_rooms(module: str) -> None:
    """Processes are started, Git is spoken and YAML is read in one room each."""
    libraries = {name.split(".")[0] for name in imports(module)}
    foreign = {name for name in libraries & set(PRIVATE) if room(module) not in PRIVATE[name]}

    assert set() == foreign


@EVERY_MODULE
def test_what_is_not_wanted_in_the_process_is_imported_nowhere(module: str) -> None:
    """No second way to do what trued does, and nothing that would weigh on an idle host."""
    unwanted = {name for name in imports(module) for bad in NOWHERE if f"{name}.".startswith(f"{bad}.")}

    assert set() == unwanted


@EVERY_MODULE
def test_only_cli_prints(module: str) -> None:
    """All others return values or log."""
    printing = [
        call.lineno for call in calls(module) if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]

    assert room(module) == "cli" or [] == printing


@EVERY_MODULE
def test_no_shell_is_started(module: str) -> None:
    """A command is a tuple of words; a name from Git never meets a shell."""
    shells = [call.lineno for call in calls(module) for word in call.keywords if word.arg == "shell"]
    shells += [
        call.lineno
        for call in calls(module)
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr) in {("os", "system"), ("os", "popen")}
    ]

    assert [] == shells


@EVERY_MODULE
def test_no_default_takes_any_keyword(module: str) -> None:
    """Every parameter has a name: a misspelt one is an error, not a silence."""
    loose = [
        node.name
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef) and node.args.kwarg is not None
    ]

    assert [] == loose


@EVERY_MODULE
def test_a_module_says_what_it_is_for(module: str) -> None:
    """It starts with a docstring, or is empty."""
    parsed = tree(module)

    assert ast.get_docstring(parsed) or not parsed.body


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for folder in ("agent", "scripts", "tests", "benchmarks")
        for path in (TOP / folder).rglob("*.py")
    ),
    ids=lambda path: str(path.relative_to(TOP)),
)
def test_no_file_is_long(path: Path) -> None:
    """What needs more lines is two things."""
    assert len(path.read_text("utf-8").splitlines()) <= LIMIT


def test_heavy_libraries_are_imported_late() -> None:
    """Starting the command costs a few milliseconds: what only some verbs need, they import themselves."""
    argv = (sys.executable, "-X", "importtime", "-c", "import agent.cli")
    answer = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in answer.stderr.splitlines()}

    assert set() == loaded & set(LATE)
