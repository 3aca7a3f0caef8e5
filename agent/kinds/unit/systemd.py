"""Asks systemd, through its own commands, and reads what they answer. Only looks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds.unit.names import FOLDER, is_template
from agent.kinds.unit.state import UnitState
from agent.model import quoted

SYSTEMCTL: Final = ("systemctl", "--no-pager")
BOOTED: Final = "/run/systemd/system"
ABOUT: Final = (
    "Id", "LoadState", "LoadError", "FragmentPath", "NeedDaemonReload", "CanReload", "Type", "RemainAfterExit",
    "TriggeredBy", "Triggers",
)  # fmt: skip
OUTCOME: Final = (
    "Result", "ExecMainStatus", "NRestarts", "InvocationID", "InactiveExitTimestamp", "ExecMainStartTimestamp",
    "ConditionResult",
)  # fmt: skip
_JOURNAL: Final = ("journalctl", "--no-pager", "--quiet", "--boot", "--output=cat", "--lines=5")
ANY: Final = range(6)  # is-enabled says with its exit code what it also says in words

# The unit file search path, as far as something changes there: systemd.unit(5). Generators write anew at each reload.
_WITH_FOLDERS = (FOLDER, BOOTED)
_PLACES = (
    *_WITH_FOLDERS, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    "/run/systemd/transient", "/run/systemd/generator", "/run/systemd/generator.early", "/run/systemd/generator.late",
    "/etc/init.d",
)  # fmt: skip


_STEADY = frozenset(
    {"loaded", "masked", "not-found"}
)  # others may be mended in place, which changes no folder

_STARTS = frozenset({"start", "restart"})


def check_running(probe: Probe) -> None:
    """Raise HostError unless this host was booted with systemd: sd_booted(3)."""
    if not _is_folder(probe.entries((BOOTED,))[BOOTED]):
        raise HostError(
            "systemd does not run on this host, or in this container or chroot, so nothing can be said of its units",
            hint=f"{BOOTED} is there where it does",
        )


def known(probe: Probe, names: Sequence[str]) -> Mapping[str, UnitState]:
    """
    Return what is known of each unit but whether it runs; remembered while no unit file changes. Raises HostError.

    Of each by itself: a look at one unit is answered by what an earlier one has read of all.
    """
    held = probe.remembered("unit", _places(probe), dict[str, UnitState])
    found = {name: held[name] for name in names if name in held}
    if missing := [name for name in names if name not in held]:
        read = _read(probe, missing)
        # Of some the answer will be another one though no file changes: that must not be remembered.
        held |= {name: state for name, state in read.items() if _is_steady(state)}
        found |= read
    return found


def running(probe: Probe, ids: Collection[str]) -> Mapping[str, tuple[str, str]]:
    """Return ActiveState and SubState of the units that systemd has loaded; raises HostError."""
    if not ids:
        return {}
    said = probe.ask(
        *SYSTEMCTL, "list-units", "--full", "--all", "--plain", "--no-legend", "--", *sorted(ids)
    ).out
    states = {}
    for line in said.splitlines():
        words = line.split(None, 4)
        if len(words) < 4 or words[0] not in ids:
            raise HostError(
                f"`systemctl list-units` answered {quoted(line)}, which is not the state of a unit"
            )
        states[words[0]] = (words[2], words[3])
    return states


def starting(probe: Probe) -> Collection[str]:
    """Return the units for which a job waits that ends with their start: `systemctl list-jobs`; raises HostError."""
    said = probe.ask(*SYSTEMCTL, "list-jobs", "--full", "--plain", "--no-legend").out
    jobs = (line.split() for line in said.splitlines())
    return {words[1] for words in jobs if len(words) == 4 and words[2] in _STARTS}


def show(probe: Probe, names: Sequence[str], properties: Sequence[str]) -> Sequence[Mapping[str, str]]:
    """Return properties of units, in the order of the names; raises HostError."""
    said = probe.ask(*SYSTEMCTL, "show", f"--property={','.join(properties)}", "--", *names).out
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines())
        for block in said.strip("\n").split("\n\n")
    ]
    if len(blocks) != len(names):
        raise HostError(f"`systemctl show` told of {len(blocks)} units, and {len(names)} were asked for")
    return blocks


def last_words(probe: Probe, name: str, outcome: Mapping[str, str]) -> Sequence[str]:
    """
    Return the last lines of one run of a unit: of its processes, or of systemd about it where they said nothing.

    Not of the runs before, and not of both: what they say in the same moment comes in any order, and the same
    failure shall have the same words.
    """
    restarts = outcome.get("NRestarts", "0") != "0"
    since = outcome.get("ExecMainStartTimestamp" if restarts else "InactiveExitTimestamp", "")
    # By the time, as of a process that ends as soon as it has spoken, the journal may not learn which run it was of.
    of_processes = _journal(probe, f"--since={since}", f"_SYSTEMD_UNIT={name}") if since else ()
    return of_processes or _journal(probe, f"INVOCATION_ID={outcome.get('InvocationID', '')}")


def last_line(probe: Probe, name: str) -> str:
    """Return the last line that a unit, or systemd for it, has logged since the machine booted."""
    return " ".join(_journal(probe, "--unit", name)[-1:])


def _journal(probe: Probe, *which: str) -> Sequence[str]:
    try:
        said = probe.ask(*_JOURNAL, *which).out
    except HostError:  # no journal is no reason not to mend the unit
        return ()
    return tuple(line.strip() for line in said.splitlines() if line.strip())


def explain(name: str) -> tuple[str, ...]:
    """Return the command that tells why a unit failed."""
    return (*_JOURNAL, "--unit", name)


def _read(probe: Probe, names: Sequence[str]) -> Mapping[str, UnitState]:
    units = [name for name in names if not is_template(name)]
    blocks = show(probe, units, ABOUT) if units else ()
    states = {name: _state(name, facts) for name, facts in zip(units, blocks, strict=True)}
    files = [name for name in names if is_template(name) or states[name].fragment]
    words = _enabled(probe, files)
    for name in names:
        if is_template(name):
            states[name] = _template(name, words.get(name, ""))
        elif name in words:
            states[name] = replace(states[name], enabled=words[name])
    return states


def _state(name: str, facts: Mapping[str, str]) -> UnitState:
    return UnitState(
        id=facts.get("Id", name),
        load=facts.get("LoadState", "not-found"),
        error=_error(facts.get("LoadError", "")),
        fragment=facts.get("FragmentPath", ""),
        reload_needed=facts.get("NeedDaemonReload") == "yes",
        can_reload=facts.get("CanReload") == "yes",
        passing=facts.get("Type") == "oneshot" and facts.get("RemainAfterExit") != "yes",
        triggers=tuple(facts.get("TriggeredBy", "").split()),
        starts=tuple(facts.get("Triggers", "").split()),
    )


def _template(name: str, word: str) -> UnitState:
    load = (
        "masked" if word.startswith("masked") else "loaded" if word not in {"", "not-found"} else "not-found"
    )
    return UnitState(id=name, load=load, enabled=word)


def _error(text: str) -> str:
    """Return the words of a D-Bus error, which stand in quotes after its name."""
    return text.partition(" ")[2].strip('"')


def _enabled(probe: Probe, names: Sequence[str]) -> Mapping[str, str]:
    """Return how units are enabled, as it stands on the disk; is-enabled stops at the first that it cannot tell."""
    words: dict[str, str] = {}
    left = list(names)
    while left:
        said = probe.ask(*SYSTEMCTL, "is-enabled", "--", *left, ok=ANY).out.splitlines()
        words |= zip(left, (line.strip() for line in said), strict=False)
        left = left[len(said) + 1 :]
    return words


def _places(probe: Probe) -> Collection[str]:
    """Return the folders in which unit files and the links that enable them come and go."""
    found = probe.entries(_PLACES)
    there = [path for path in _PLACES if _is_folder(found[path])]
    inner = [
        f"{path}/{name}"
        for path in there
        if path in _WITH_FOLDERS
        for name in probe.names(PurePosixPath(path))
        if name.endswith((".wants", ".requires", ".upholds", ".d"))
    ]
    return (*there, *inner)


def _is_steady(state: UnitState) -> bool:
    return state.load in _STEADY and not state.reload_needed


def _is_folder(entry: Entry | HostError | None) -> bool:
    return isinstance(entry, Entry) and entry.type is FileType.DIRECTORY
