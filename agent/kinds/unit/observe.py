"""
What systemd says of all units in one reading, and what stands where trued puts their files. Only looks.

What can change without a trace in the folders of unit files is asked for in each cycle, by one question for all. The rest
is remembered for as long as these folders stand as they stood.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeAlias

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds.unit import journal, systemd
from agent.kinds.unit.names import is_template, path_of, shipped, suffix, unit_of
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import RUNNING, Trouble, UnitState
from agent.model import Activity

Wants: TypeAlias = Mapping[str, UnitSpec | None]
REST = Activity(active="inactive", sub="dead")
STARTS = frozenset({"start", "restart"})  # jobs that end with the start of a unit
MOST_TOLD = 8  # units whose journal is read in one cycle
MOST_SAID = 400  # characters of it


def observe(probe: Probe, wants: Wants) -> Mapping[str, UnitState | HostError | None]:
    """Return the state of all `wants`; raises HostError for trouble with systemd itself."""
    systemd.check_running(probe)
    paths = {name: path_of(name) for name in wants}
    folders = {path.rpartition("/")[0] for name, path in paths.items() if unit_of(name) != name}
    behind = {name: shipped(name) for name, want in wants.items() if want is None and unit_of(name) == name}
    deep = {paths[name] for name, want in wants.items() if want is not None and want.data is not None}
    others = {path for places in behind.values() for path in places}
    seen = probe.entries({*paths.values(), *folders, *others}, digests=deep)
    units = _units(probe, wants)
    return {name: _state(name, path, seen, units, wants) for name, path in paths.items()}


def _state(
    name: str,
    path: str,
    seen: Mapping[str, Entry | HostError | None],
    units: Mapping[str, UnitState],
    wants: Wants,
) -> UnitState | HostError:
    file, unit = seen[path], unit_of(name)
    if isinstance(file, HostError):
        return file
    state = units[unit]
    if unit != name:
        above = seen[path.rpartition("/")[0]]
        folder = isinstance(above, Entry) and above.type is FileType.DIRECTORY
        return replace(state, drop_in=True, file=file, folder=folder, stops=_stops(wants, unit))
    want = wants[name]
    hides = want is not None and want.data is not None and state.fragment not in {"", path}
    theirs = want is not None and want.state == "present" and want.data is None and not want.masked
    rival = state.id if state.id != name and wants.get(state.id) is not None else ""
    there = (place for place in shipped(name) if isinstance(seen.get(place), Entry))
    return replace(
        state, file=file, rival=rival, hides=hides and file is None, theirs=theirs, shipped=next(there, "")
    )


def _units(probe: Probe, wants: Wants) -> Mapping[str, UnitState]:
    names = sorted({unit_of(name) for name in wants})
    known = systemd.known(probe, names)
    ids = {state.id for state in known.values() if not is_template(state.id)}
    served = {one for state in known.values() if _is_socket(state) for one in state.starts}
    loaded = probe.systemd().loaded(ids | served)
    states = {name: _now(state, loaded, wants) for name, state in known.items()}
    stopped = [
        name for name, state in states.items() if _is_wanted(wants, name) and not state.runs and state.id
    ]
    for name, trouble in _troubles(probe, stopped, states).items():
        states[name] = replace(states[name], trouble=trouble)
    return states


def _now(state: UnitState, loaded: Mapping[str, Activity], wants: Wants) -> UnitState:
    """Return a unit as it is now; one that systemd has not loaded does nothing."""
    at = loaded.get(state.id, REST)
    returns = at.active == "deactivating" and at.job in STARTS
    now = replace(state, active=at.active, sub=at.sub, returns=returns)
    if not _is_socket(state):
        return now
    serving = (one for one in state.starts if one in loaded and not _stops(wants, one))
    return replace(now, serving=tuple(one for one in serving if loaded[one].active in RUNNING))


def _is_socket(state: UnitState) -> bool:
    return suffix(state.id) == "socket"


def _is_wanted(wants: Wants, name: str) -> bool:
    want = wants.get(name)
    return want is not None and bool(want.active)


def _stops(wants: Wants, name: str) -> bool:
    want = wants.get(name)
    return name in wants and (want is None or want.active is False or want.state == "absent")


def _troubles(
    probe: Probe, names: Collection[str], states: Mapping[str, UnitState]
) -> Mapping[str, Trouble]:
    """Return why units that are to be active are not, as far as somebody has tried."""
    tried = [name for name in names if states[name].load == "loaded" and not is_template(name)]
    if not tried:
        return {}
    told = frozenset(tried[:MOST_TOLD])
    return {
        name: Trouble(
            result=outcome.result,
            status=outcome.status,
            restarts=outcome.restarts,
            said=_said(probe, name, states[name], outcome) if name in told else "",
        )
        for name, outcome in systemd.outcomes(probe, tried).items()
    }


def _said(probe: Probe, name: str, state: UnitState, outcome: systemd.Outcome) -> str:
    """Return the end of its journal; of one that is merely at rest, only that a condition kept it from starting."""
    if state.active == "failed" or state.flaps:
        return "; ".join(journal.last_words(probe, name, outcome))[-MOST_SAID:]
    if not outcome.unmet:
        return ""  # to read a journal takes longer than to start most units
    line = journal.last_line(probe, name)
    return line if "ondition" in line else ""
