"""
What turns a unit into what is wanted of it. Pure: nothing is read or written.

All units of a plan go through one order, so that their commands can be joined: stop, unmask, write, disable, enable, mask,
remove, one daemon-reload, reset-failed, start, restart or reload. What enables and masks reloads nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from agent.errors import HostError
from agent.kinds._words import ABSENT, UNDECLARED
from agent.kinds.unit.check import agrees, check
from agent.kinds.unit.journal import explain
from agent.kinds.unit.names import OURS, is_template, path_of, stem
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import RUNNING, UnitState
from agent.model import Content, Remove, Run, Stale, Step, WriteFile, settle

SETTLING: Final = "1"  # seconds

_FILES: Final = ("systemctl", "--no-ask-password", "--no-reload")
_UNITS: Final = ("systemctl", "--no-ask-password")
_ENABLED: Final = frozenset({"enabled", "enabled-runtime"})
# Why a unit is enabled, by how it is so far; one that is enabled already is so anew.
_WHY_ENABLE: Final[Mapping[str, str]] = {
    "enabled": "",
    "enabled-runtime": "is enabled until the next boot only",
}


def steps(name: str, want: UnitSpec | None, have: UnitState, stale: Stale) -> tuple[Step, ...]:
    """Return the steps, none when both agree; raises HostError where no step may lead there."""
    if want is None:
        return tuple(_removal(name, have, UNDECLARED, stale))
    if want.state == "absent":
        return tuple(_absence(name, have))
    check(name, want, have)
    found = tuple(_presence(name, want, have, stale))
    if not found:
        _check_running(want, have)
    return found


def daemon_reload(why: str = "") -> Run:
    return Run(argv=("systemctl", "daemon-reload"), why=why)


def reset(name: str) -> Run:
    """Return what forgets a failure. As a pattern that matches this unit alone: one that is not loaded is no error."""
    return Run(argv=(*_UNITS, "reset-failed", "--"), operands=(f"{name[:-1]}[{name[-1]}]",), why="")


def alone(verb: str, name: str, unseen: Stale, why: str) -> Run:
    """
    Return what restarts or reloads one unit: never joined, so that the failure of another repeats nothing.

    systemd goes on when nobody waits any more. What takes longer to start than that must not be restarted for it: it would
    never come to its end.
    """
    return Run(argv=(*_UNITS, verb, "--", name), unseen=unseen, patient=True, explain=explain(name), why=why)


def restarted(name: str, have: UnitState, why: str, unseen: Stale = Stale.RESTART) -> Iterator[Step]:
    """Yield what restarts a unit. A socket is opened anew only while the service that it starts does not run."""
    if have.serving:
        yield Run(argv=(*_UNITS, "stop", "--", *have.serving), why="")
    yield alone("restart", name, unseen, why)
    if have.serving:
        again = (*_UNITS, "start", "--", *have.serving)
        yield Run(argv=again, patient=True, explain=explain(have.serving[0]), why="")


def written(path: str, content: Content, why: str, *, checked_as: str = "") -> WriteFile:
    check = ("systemd-analyze", "--man=no", "verify", f"{{}}:{checked_as}") if checked_as else ()
    return WriteFile(
        path=PurePosixPath(path),
        content=content,
        validate=check,
        fatal=_unreadable(checked_as) if checked_as else "",
        why=why,
    )


def _unreadable(name: str) -> str:
    """Return what systemd-analyze says of a unit that it cannot load. It fails, too, for a program that is not there yet."""
    return rf"^Unit {re.escape(stem(name))}\S* (has a bad unit file setting|failed to load properly)"


def why_written(have: UnitState, what: str) -> str:
    return f"{what} is missing" if have.file is None else f"{what} differs"


def _check_running(want: UnitSpec, have: UnitState) -> None:
    if want.active and have.flaps:
        raise HostError(f"does not stay up{_told(have)}")


def _presence(name: str, want: UnitSpec, have: UnitState, stale: Stale) -> Iterator[Step]:
    files = tuple(_files(name, want, have))
    running = tuple(_running(name, want, have, stale, rewritten=not agrees(want, have)))
    if want.active is False and (have.returns or have.active not in {"inactive", "failed", "deactivating"}):
        yield Run(argv=(*_UNITS, "stop", "--"), operands=(name,), why=_why_stop(have))
    yield from files
    unread = have.reload_needed or (have.ours and have.load == "not-found")
    if files or (unread and (running or want.data is not None)):
        yield daemon_reload("" if files else "systemd has not read its unit file anew")
    yield from running


def _files(name: str, want: UnitSpec, have: UnitState) -> Iterator[Step]:
    """Yield what changes something on the disk, which systemd then has to read."""
    if have.masked and want.masked is False:
        yield from _unmask(name, have, "is masked")
    rewritten = not agrees(want, have)
    if want.data is not None and rewritten:
        yield written(path_of(name), want.data, why_written(have, "unit file"), checked_as=name)
    if want.enabled is False and have.enabled in _ENABLED:
        runtime = ("--runtime",) if have.enabled == "enabled-runtime" else ()
        yield Run(argv=(*_FILES, *runtime, "disable", "--"), operands=(name,), why="is enabled")
    if want.enabled and (rewritten or have.enabled != "enabled"):
        # A unit file that changes may say WantedBy= of another target: the links to the one before have to go.
        verb = "reenable" if have.enabled == "enabled" else "enable"
        why = _WHY_ENABLE.get(have.enabled, "is not enabled")
        yield Run(argv=(*_FILES, verb, "--"), operands=(name,), why=why)
    if want.masked and have.enabled != "masked":
        yield Run(argv=(*_FILES, "mask", "--"), operands=(name,), why="is not masked")


def _unmask(name: str, have: UnitState, why: str) -> Iterator[Step]:
    runtime = ("--runtime",) if have.enabled == "masked-runtime" else ()
    yield Run(argv=(*_FILES, *runtime, "unmask", "--"), operands=(name,), why=why)


def _running(name: str, want: UnitSpec, have: UnitState, stale: Stale, *, rewritten: bool) -> Iterator[Step]:
    """Yield what is done to the running unit. What trued itself runs in is left to the next boot, or to a person."""
    if name == OURS:
        return
    if rewritten:
        stale = Stale.RESTART
    passing = want.named.passing if want.data is not None else have.passing
    if want.active and passing:
        yield from _run_once(name, have, stale, rewritten=rewritten)
    elif want.active and have.flaps:
        if stale:
            yield from _renewed(name, have, Stale.RESTART, rewritten=rewritten)
    elif want.active and not have.runs:
        _check_loaded(name, have, rewritten=rewritten)
        yield from _start(name, have)
    elif want.active is not False and stale and (have.active in RUNNING or have.returns):
        yield from _renewed(name, have, stale, rewritten=rewritten)


def _run_once(name: str, have: UnitState, stale: Stale, *, rewritten: bool) -> Iterator[Step]:
    """Yield what does the work of a oneshot once more: it is at rest whether it has done it or not."""
    if have.active == "failed":
        yield reset(name)
        yield alone("restart", name, Stale.RESTART, f"has failed{_told(have)}")
    elif stale:
        yield alone("restart", name, Stale.RESTART, "" if rewritten else "started again")


def _check_loaded(name: str, have: UnitState, *, rewritten: bool) -> None:
    if have.load in {"error", "bad-setting"} and not rewritten and not have.reload_needed:
        raise HostError(f"systemd cannot load it: {have.error}", hint=f"see systemd-analyze verify {name}")


def _start(name: str, have: UnitState) -> Iterator[Step]:
    if have.active == "failed":
        yield reset(name)
    if have.serving:
        yield from restarted(name, have, _why_start(have), Stale.NO)
        return
    yield Run(
        argv=(*_UNITS, "start", "--"),
        operands=(name,),
        patient=True,
        explain=explain(name),
        why=_why_start(have),
    )
    yield from _settle(name)


def _settle(name: str) -> Iterator[Step]:
    """Yield a moment to wait: a service that is started and ends at once was started, too, as systemd sees it."""
    if name.endswith(".service"):
        yield settle(SETTLING)


def _renewed(name: str, have: UnitState, stale: Stale, *, rewritten: bool) -> Iterator[Step]:
    if stale is Stale.RELOAD and have.can_reload:
        yield alone("reload", name, stale, "reloaded")
        return
    why = "" if rewritten else "restarted" if stale is Stale.RESTART else "restarted (it cannot reload)"
    yield from restarted(name, have, why, stale)
    yield from _settle(name)


def _why_start(have: UnitState) -> str:
    return f"{'has' if have.active == 'failed' else 'is'} {have.active}{_told(have)}"


def _why_stop(have: UnitState) -> str:
    again = f", and {', '.join(have.triggers)} can start it again" if have.triggers else ""
    return f"is {have.active}{', to start again' if have.returns else ''}{again}"


def _told(have: UnitState) -> str:
    """Return what is known of a failure: how it ended, how often it was tried, and the end of its journal."""
    trouble = have.trouble
    ended = have.active == "failed" or have.flaps
    parts = [trouble.result] if ended and trouble.result not in {"", "success"} else []
    if ended and trouble.result == "exit-code" and trouble.status:
        parts = [f"exit code {trouble.status}"]
    if have.flaps and trouble.restarts:
        parts.append("systemd has started it again and again")
    return (f" ({', '.join(parts)})" if parts else "") + (f": {trouble.said}" if trouble.said else "")


def _absence(name: str, have: UnitState) -> Iterator[Step]:
    if have.load != "not-found" and have.fragment not in {"", path_of(name)} and not have.masked:
        raise HostError(
            f"{name} comes from {have.fragment}, which is not for trued to remove",
            hint="remove its package, or declare masked: true and active: false",
        )
    if have.file is not None and not have.ours and not have.masked:
        raise HostError(
            f"{path_of(name)} is no regular file, and trued does not remove it", hint="remove it by hand"
        )
    if have.ours or not have.masked:
        yield from _removal(name, have, ABSENT, Stale.NO)


def _removal(name: str, have: UnitState, why: str, stale: Stale) -> Iterator[Step]:
    """Yield what takes a unit away; of one whose unit file came from elsewhere, nothing."""
    if have.masked and not have.ours:
        yield from _unmask(name, have, why)
        yield daemon_reload()
        return
    if have.ours and have.shipped:
        yield Remove(path=PurePosixPath(path_of(name)), why=why)
        yield daemon_reload()
        yield from _as_shipped(name, have)
    elif have.ours:
        if have.active not in {"inactive", "failed"}:
            yield Run(argv=(*_UNITS, "stop", "--"), operands=(name,), why=why)
        if have.enabled in _ENABLED:
            yield Run(argv=(*_FILES, "disable", "--"), operands=(name,), why=why)
        yield Remove(path=PurePosixPath(path_of(name)), why=why)
        yield daemon_reload()
        if not is_template(name):
            yield reset(name)
    elif have.load == "not-found" and have.active not in {"inactive", "failed"}:
        yield Run(argv=(*_UNITS, "stop", "--"), operands=(name,), why=why)
        yield reset(name)
    elif have.file is None and have.load == "loaded" and have.fragment == path_of(name):
        yield daemon_reload(why)
        yield from _as_shipped(name, have)
    elif stale is Stale.RESTART:
        yield from _as_shipped(name, have)


def _as_shipped(name: str, have: UnitState) -> Iterator[Step]:
    if have.shipped and have.runs:
        yield alone("restart", name, Stale.RESTART, f"restarted as {have.shipped} has it")
