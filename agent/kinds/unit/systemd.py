"""Asks systemd by its API, and reads what it answers. Only looks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds.unit.names import FOLDER, is_template, stem
from agent.kinds.unit.state import UnitState
from agent.model import Json
from agent.values import dataclass

SYSTEMCTL: Final = ("systemctl", "--no-pager")
BOOTED: Final = "/run/systemd/system"
_ABOUT: Final = (
    "Id",
    "LoadState",
    "LoadError",
    "FragmentPath",
    "NeedDaemonReload",
    "CanReload",
    "TriggeredBy",
    "Triggers",
)
_ABOUT_SERVICES: Final = ("Type", "RemainAfterExit")
_OUTCOME: Final = ("InvocationID", "InactiveExitTimestamp", "StateChangeTimestamp", "ConditionResult")
_OUTCOME_OF_SERVICES: Final = ("Result", "ExecMainStatus", "NRestarts", "ExecMainStartTimestamp")
SECOND: Final = 1_000_000  # of the times that systemd and its journal tell
_SCRIPTS: Final = "/etc/init.d"  # systemd-sysv-generator(8)
_ANY: Final = range(6)  # is-enabled says with its exit code what it also says in words

# The unit file search path, as far as something changes there: systemd.unit(5). Generators write anew at each reload.
_WITH_FOLDERS = (FOLDER, BOOTED)
_PLACES = (
    *_WITH_FOLDERS, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    "/run/systemd/transient", "/run/systemd/generator", "/run/systemd/generator.early", "/run/systemd/generator.late",
    _SCRIPTS,
)  # fmt: skip

_STEADY = frozenset(
    {"loaded", "masked", "not-found"}
)  # others may be mended in place, which changes no folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the last run of a unit went: Result, ExecMainStatus, NRestarts and InvocationID of org.freedesktop.systemd1(5)."""

    result: str
    status: str
    restarts: int
    run: str
    since: int  # when it began: seconds since the epoch
    until: int  # and when the unit last became otherwise
    unmet: bool  # a condition kept it from starting; so it is said as well of one that was never started


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


def outcomes(probe: Probe, names: Collection[str]) -> Mapping[str, Outcome]:
    """Return how the last run of each unit went; raises HostError."""
    told = probe.systemd().properties(names, general=_OUTCOME, own=_OUTCOME_OF_SERVICES)
    return {name: _outcome(facts) for name, facts in told.items()}


def _outcome(facts: Json) -> Outcome:
    restarts = facts.get("NRestarts", 0)
    since = "ExecMainStartTimestamp" if restarts else "InactiveExitTimestamp"
    return Outcome(
        result=facts.get("Result", ""),
        status=str(facts.get("ExecMainStatus", "")),
        restarts=restarts,
        run=bytes(facts.get("InvocationID", ())).hex(),
        since=facts.get(since, 0) // SECOND,
        until=facts.get("StateChangeTimestamp", 0) // SECOND,
        unmet=not facts.get("ConditionResult", False),
    )


def _read(probe: Probe, names: Sequence[str]) -> Mapping[str, UnitState]:
    units = [name for name in names if not is_template(name)]
    told = probe.systemd().properties(units, general=_ABOUT, own=_ABOUT_SERVICES)
    states = {name: _state(name, facts) for name, facts in told.items()}
    files = [name for name in names if is_template(name) or states[name].fragment]
    words = _enabled(probe, files)
    for name in names:
        if is_template(name):
            states[name] = _template(name, words.get(name, ""))
        elif name in words:
            states[name] = replace(states[name], enabled=words[name])
    return states


def _state(name: str, facts: Json) -> UnitState:
    return UnitState(
        id=facts.get("Id", name),
        load=facts.get("LoadState", "not-found"),
        error=facts.get("LoadError", ("", ""))[1],
        fragment=facts.get("FragmentPath", ""),
        reload_needed=facts.get("NeedDaemonReload", False),
        can_reload=facts.get("CanReload", False),
        passing=facts.get("Type") == "oneshot" and not facts.get("RemainAfterExit", False),
        triggers=tuple(facts.get("TriggeredBy", ())),
        starts=tuple(facts.get("Triggers", ())),
    )


def _template(name: str, word: str) -> UnitState:
    load = (
        "masked" if word.startswith("masked") else "loaded" if word not in {"", "not-found"} else "not-found"
    )
    return UnitState(id=name, load=load, enabled=word)


def _enabled(probe: Probe, names: Sequence[str]) -> Mapping[str, str]:
    """Return how units are enabled, as it stands on the disk; of those that /etc/init.d has, their own command knows."""
    words = dict(probe.systemd().enabled(names))
    made = {name: f"{_SCRIPTS}/{stem(name)}" for name, word in words.items() if word == "generated"}
    found = probe.entries(made.values())
    for name, script in made.items():
        if isinstance(found[script], Entry):
            words[name] = probe.ask(*SYSTEMCTL, "is-enabled", "--", name, ok=_ANY).out.strip() or words[name]
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
