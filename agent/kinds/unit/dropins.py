"""What puts a drop-in in place, or takes it away, and makes its unit run with that. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from agent.errors import HostError
from agent.host import FileType
from agent.kinds._words import UNDECLARED
from agent.kinds.unit.check import agrees
from agent.kinds.unit.names import OURS, is_template, path_of, unit_of
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import UnitState
from agent.kinds.unit.steps import daemon_reload, restarted, why_written, written
from agent.model import MakeDirectory, Remove, Stale, Step


def steps(name: str, want: UnitSpec | None, have: UnitState, stale: Stale) -> tuple[Step, ...]:
    """Return the steps, none when both agree; raises HostError where no step may lead there."""
    return tuple(_removal(name, have, stale) if want is None else _presence(name, want, have, stale))


def _presence(name: str, want: UnitSpec, have: UnitState, stale: Stale) -> Iterator[Step]:
    path = PurePosixPath(path_of(name))
    if have.file is not None and have.file.type not in {FileType.FILE, FileType.LINK}:
        raise HostError(
            f"{path} is no regular file, and trued does not replace it", hint="remove it by hand"
        )
    new = not agrees(want, have)
    if new and not have.folder:
        yield MakeDirectory(path=path.parent, why="")
    if new and want.data is not None:
        yield written(str(path), want.data, why_written(have, "drop-in"))
    yield from _applied(name, have, changed=new, stale=stale)


def _removal(name: str, have: UnitState, stale: Stale) -> Iterator[Step]:
    if have.file is not None:
        path = PurePosixPath(path_of(name))
        yield Remove(path=path, why=UNDECLARED)
        yield Remove(path=path.parent, why="")
    yield from _applied(name, have, changed=have.file is not None, stale=stale)


def _applied(name: str, have: UnitState, *, changed: bool, stale: Stale) -> Iterator[Step]:
    """Yield what makes systemd read it, and the unit run with it; a restart that was cut short is made good."""
    unit = unit_of(name)
    restart = (changed or stale is Stale.RESTART) and have.runs and not have.stops
    # Of what is masked systemd reads no drop-in, and says at all times that it should: systemd 252.
    if changed or (have.reload_needed and have.load != "masked"):
        yield daemon_reload("" if changed else "systemd has not read its drop-ins anew")
    if restart and unit != OURS and not is_template(unit):
        # In the words in which the unit restarts itself: what both ask for is done once.
        yield from restarted(unit, have, f"{unit} is restarted")
