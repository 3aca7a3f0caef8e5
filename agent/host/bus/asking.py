"""
Asks systemd about its units: on the system bus, and where that does not work, systemd itself. Only looks.

Each question has a connection of its own: the bus lets one in within half a millisecond, and nothing gets old. See
docs/decisions/0019.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from agent.errors import HostError
from agent.host.bus.link import BUS, PRIVATE, WAIT, Asked, DeniedError, Link, plugged
from agent.host.bus.units import MANAGER, PROPERTIES, SYSTEMD, UNIT, path_of
from agent.host.bus.wire import Message, Value
from agent.model import Activity, Json, quoted
from agent.values import dataclass

_T = TypeVar("_T")

SLOW: Final = 25.0  # seconds for an answer of systemd itself, as sd_bus_call(3) has it: while it reloads, it says nothing
PAUSES: Final = (
    0.1,
    0.2,
    0.4,
    0.8,
)  # seconds before it is tried again: systemd begins anew (daemon-reexec), or the bus does
LARGEST: Final = 1 << 25  # bytes of an answer: descriptions of units have no limit
BATCH: Final = 100  # calls, or units, at once: dbus-daemon(1) may let 128 calls wait for answers
# The bus is five times as quick to let us in, and open to all; systemd itself is there without it, for root.
WAYS: Final = ((BUS, WAIT), (PRIVATE, SLOW))
# With these dbus-daemon(1) says that it is systemd that does not answer, and not what systemd says.
_AWAY: Final = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("NameHasNoOwner", "NoReply", "ServiceUnknown", "Disconnected", "TimedOut", "Timeout")
)
_NO_SUCH: Final = frozenset(
    f"org.freedesktop.DBus.Error.{name}" for name in ("UnknownProperty", "UnknownInterface")
)


@dataclass(frozen=True, slots=True)
class Asking:
    """The systemd of the host that is below `root`. `beat` is called after each question: it may take long."""

    _root: Path
    _beat: Callable[[], None] = lambda: None

    def loaded(self, names: Collection[str]) -> Mapping[str, Activity]:
        found = {}
        for some in _batches(sorted(names)):
            member = f"{SYSTEMD}.Manager.ListUnitsByPatterns"
            (answer,) = self._ask([(MANAGER, member, ((), some))])
            for unit in _units(_granted(answer)):
                found[unit[0]] = Activity(active=unit[3], sub=unit[4], job=unit[8])
        return found

    def properties(
        self, names: Collection[str], *, general: Collection[str] = (), own: Collection[str] = ()
    ) -> Mapping[str, Json]:
        asked = [
            (name, interface, word)
            for name in names
            for interface, words in ((UNIT, general), (_own(name), own))
            for word in words
        ]
        calls = [(path_of(name), f"{PROPERTIES}.Get", (interface, word)) for name, interface, word in asked]
        found: dict[str, dict[str, Value]] = {name: {} for name in names}
        for (name, _, word), answer in zip(asked, self._all(calls), strict=True):
            if isinstance(answer, DeniedError) and answer.name in _NO_SUCH:
                continue
            (found[name][word],) = _granted(answer).body or ("",)
        return found

    def enabled(self, names: Collection[str]) -> Mapping[str, str]:
        calls = [(MANAGER, f"{SYSTEMD}.Manager.GetUnitFileState", (name,)) for name in names]
        answers = zip(names, self._all(calls), strict=True)
        return {
            name: str(answer.body[0])
            for name, answer in answers
            if isinstance(answer, Message) and answer.body
        }

    def _all(self, calls: Sequence[Asked]) -> Iterator[Message | DeniedError]:
        for some in _batches(calls):
            yield from self._ask(some)

    def _ask(self, calls: Sequence[Asked]) -> Sequence[Message | DeniedError]:
        """Return the answers, whichever way they come; raises HostError once it has been tried for a while."""
        until = time.monotonic() + WAIT
        for pause in PAUSES:
            try:
                return self._by_some_way(calls)
            except HostError:
                if time.monotonic() > until:  # it is there, and says nothing
                    raise
                time.sleep(pause)
        return self._by_some_way(calls)

    def _by_some_way(self, calls: Sequence[Asked]) -> Sequence[Message | DeniedError]:
        reasons = []
        for path, wait in WAYS:
            try:
                return self._by(path, wait, calls)
            except HostError as error:
                reasons.append(f"/{path}: {error.reason}")
            finally:
                self._beat()
        raise HostError(
            f"systemd cannot be asked about units: {'; '.join(reasons)}",
            hint="trued doctor checks the bus; for a user other than root it is the only way: apt-get install dbus",
        )

    def _by(self, path: str, wait: float, calls: Sequence[Asked]) -> Sequence[Message | DeniedError]:
        try:
            plug = plugged(self._root, path, wait)
        except OSError as error:
            raise HostError(error.strerror or str(error)) from error
        with closing(Link(plug, lambda _: None, bus=path == BUS, wait=wait, largest=LARGEST)) as link:
            answers = link.calls(SYSTEMD, calls)
        for answer in answers:
            if isinstance(answer, DeniedError) and answer.name in _AWAY:
                raise answer
        return answers


def _granted(answer: Message | DeniedError) -> Message:
    if isinstance(answer, DeniedError):
        raise HostError(f"systemd was asked about units, and said no: {answer.reason}")
    return answer


def _units(answer: Message) -> Iterator[Sequence[str]]:
    """Yield what a unit is at, as ListUnits has it: a(ssssssouso)."""
    (listed,) = answer.body or ([],)
    for unit in listed if isinstance(listed, list) else ():
        if not isinstance(unit, tuple) or len(unit) != 10:
            raise HostError(f"systemd answered {quoted(str(unit))}, which is not the state of a unit")
        yield [str(each) for each in unit]


def _own(name: str) -> str:
    """Return the interface of a unit's own type, as org.freedesktop.systemd1.Service."""
    return f"{SYSTEMD}.{name.rpartition('.')[2].title()}"


def _batches(many: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (many[at : at + BATCH] for at in range(0, len(many), BATCH))
