"""
The rooms of trued, held against its imports.

Who may import whom stands in one table; it has no cycles, and it is what docs/architecture.md describes.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

TOP = Path(__file__).parents[1]
LIMIT = 400  # lines in a file
FOLDERS = ("agent", "scripts", "tests", "benchmarks")

# Room: the rooms it may import from. `agent.host` and `agent.kinds` as rooms of their own are the protocols that
# stand in their __init__.py, and in those of PROTOCOLS; what is behind them only cli sees.
PROTOCOLS = frozenset({"agent.host.servers"})
LATE_MADE = frozenset({"late", "values"})  # how all of them make values and expressions
ROOMS: Mapping[str, frozenset[str]] = {
    room: frozenset(allowed.split()) | (LATE_MADE if room not in LATE_MADE else frozenset())
    for room, allowed in {
        "late": "",
        "values": "",
        "agent": "",
        "files": "",
        "errors": "",
        "bugs": "errors",
        "model": "errors",
        "documents": "model errors",
        "config": "documents model errors",
        "host": "bugs model errors",
        "host.*": "host documents files bugs model errors",
        "kinds": "host model errors",
        "kinds.*": "kinds host model errors",
        "git": "agent files model errors",
        "compose": "documents model errors",
        "desired": "compose documents kinds model errors",
        "status": "agent model errors",
        "reconcile": "kinds host files bugs model errors",
        "looks": "reconcile kinds host model errors",
        "outfit": "looks reconcile kinds host model errors",
        "cycle": "outfit looks reconcile kinds host bugs model errors",
        "daemon": "agent outfit cycle looks config status model errors",
        "telling": "files status model errors",
        "rebooting": "host files model errors",
        "spare": "",
        "adopting": "documents kinds host model errors",
        "doctor": "config enroll git host host.* reconcile model errors",
        "enroll": "config files git host host.* model errors",
        "cli": "agent files doctor enroll adopting telling rebooting spare daemon cycle outfit looks reconcile status desired git kinds kinds.* host host.* config documents model errors",
        "__main__": "cli",
    }.items()
}

# What only some rooms may import: the doors to the machine, to Git, to YAML.
PRIVATE: Mapping[str, frozenset[str]] = {
    library: frozenset(rooms.split())
    for library, rooms in {
        "subprocess": "host.* git",
        "os": "host.* git files spare telling reconcile daemon doctor enroll cli config",
        "shutil": "host.*",
        "dulwich": "git",
        "urllib3": "git",
        "yaml": "documents",
        "jinja2": "desired",
        "rich": "cli",
        "docker": "host.*",
    }.items()
}
NOWHERE = frozenset(
    {"asyncio", "paramiko", "pydantic", "requests", "httpx", "dulwich.porcelain", "dulwich.client"}
)
LATE = (
    "docker",
    "dulwich",
    "http",
    "jinja2",
    "rich",
    "ssl",
    "urllib3",
    "yaml",
)  # not before somebody needs them

MODULES = {
    ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((TOP / "agent").rglob("*.py"))
}


def room(module: str) -> str:
    """Return the room a module of ours belongs to."""
    parts = module.split(".")[1:] or ["agent"]
    if parts[0] in {"host", "kinds"} and len(parts) > 1 and module not in PROTOCOLS:
        return f"{parts[0]}.*"
    return parts[0]


@cache
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


def offenders(found: Callable[[str], Collection[object]]) -> dict[str, set[object]]:
    """Return what was found in each module in which something was found."""
    return {module: set(things) for module in MODULES if (things := found(module))}


def calls(module: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.Call))


def test_the_table_has_no_cycle() -> None:
    """The rooms can be put in one order in which each imports only those before it."""
    order = list(TopologicalSorter(ROOMS).static_order())

    assert set(ROOMS) == set(order)


def test_every_room_is_in_the_table() -> None:
    """A new folder or module of agent/ gets its line in the table first."""
    assert {room(module) for module in MODULES} <= set(ROOMS)


def test_a_room_imports_only_what_the_table_allows() -> None:
    """git, desired, kinds, host and status don't know each other; only cli knows them all."""

    def foreign(module: str) -> set[object]:
        here = room(module)
        return {name for name in ours(module) if room(name) not in ROOMS[here] | {here}}

    assert {} == offenders(foreign)


def test_modules_import_each_other_in_one_direction() -> None:
    """There is no cycle inside a room either."""
    edges = {module: {name for name in ours(module) if name != module} for module in MODULES}

    assert set(MODULES) == set(TopologicalSorter(edges).static_order())


def test_kinds_do_not_know_each_other() -> None:
    """A new kind touches its own file: no kind imports another."""

    def others(module: str) -> set[object]:
        family = ".".join(module.split(".")[:3])
        names = {
            name for name in ours(module) if room(name) == "kinds.*" and "._" not in name
        }  # but what they share
        return {
            name for name in names if room(module) == "kinds.*" and not f"{name}.".startswith(f"{family}.")
        }

    assert {} == offenders(others)


def test_a_library_is_imported_only_in_its_rooms() -> None:
    """Processes are started, Git is spoken and YAML is read in one room each."""

    def foreign(module: str) -> set[object]:
        libraries = {name.split(".")[0] for name in imports(module)}
        return {name for name in libraries & set(PRIVATE) if room(module) not in PRIVATE[name]}

    assert {} == offenders(foreign)


def test_what_is_not_wanted_in_the_process_is_imported_nowhere() -> None:
    """No second way to do what trued does, and nothing that would weigh on an idle host."""

    def unwanted(module: str) -> set[object]:
        return {name for name in imports(module) for bad in NOWHERE if f"{name}.".startswith(f"{bad}.")}

    assert {} == offenders(unwanted)


def test_only_cli_prints() -> None:
    """All others return values or log."""

    def printing(module: str) -> set[object]:
        names = (call for call in calls(module) if isinstance(call.func, ast.Name))
        return {call.lineno for call in names if ast.unparse(call.func) == "print" and room(module) != "cli"}

    assert {} == offenders(printing)


def test_no_shell_is_started() -> None:
    """A command is a tuple of words; a name from Git never meets a shell."""

    def shells(module: str) -> set[object]:
        starts = "subprocess" in set(imports(module))
        by_word = {
            call.lineno for call in calls(module) for word in call.keywords if starts and word.arg == "shell"
        }
        return by_word | {
            call.lineno for call in calls(module) if ast.unparse(call.func) in {"os.system", "os.popen"}
        }

    assert {} == offenders(shells)


def test_every_parameter_has_a_name() -> None:
    """A misspelt keyword is an error, not a silence. What stands for `__init__` of all values refuses it itself."""

    def loose(module: str) -> set[object]:
        if module == "agent.values":
            return set()
        functions = (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef))
        return {function.name for function in functions if function.args.kwarg}

    assert {} == offenders(loose)


def test_a_module_says_what_it_is_for() -> None:
    """It starts with a docstring, or is empty."""
    silent = [name for name in MODULES if tree(name).body and not ast.get_docstring(tree(name))]

    assert [] == silent


def test_no_file_is_long() -> None:
    """What needs more lines is two things."""
    paths = [path for folder in FOLDERS for path in (TOP / folder).rglob("*.py")]
    lengths = {str(path.relative_to(TOP)): len(path.read_text("utf-8").splitlines()) for path in paths}

    assert {} == {name: length for name, length in lengths.items() if length > LIMIT}


def test_heavy_libraries_are_imported_late() -> None:
    """Starting the command costs a few milliseconds: what only some verbs need, they import themselves."""
    argv = (sys.executable, "-X", "importtime", "-c", "import agent.cli")
    answer = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in answer.stderr.splitlines()}

    assert set() == loaded & set(LATE)
