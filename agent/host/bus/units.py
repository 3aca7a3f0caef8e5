"""
What systemd tells of its units, and what of it is news: which signals are asked for, and what one of them means. Pure.

org.freedesktop.systemd1(5) has the signals; docs/decisions/0019 says why these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from agent.host.bus.link import DRIVER
from agent.host.bus.wire import Field, Message

SYSTEMD: Final = "org.freedesktop.systemd1"
MANAGER: Final = "/org/freedesktop/systemd1"
UNIT: Final = "org.freedesktop.systemd1.Unit"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
MANY: Final = (
    200  # units; of more than that all changes are asked for: dbus-daemon(1) has 512 rules for a connection
)

_FOLDER: Final = "/etc/systemd/system/"
_GENERAL: Final = frozenset({"Reloading", "UnitFilesChanged"})
# In all others it is on its way, or systemd itself starts it again soon.
_SETTLED: Final = frozenset({"active", "inactive", "failed", "maintenance"})


def names(places: Collection[str]) -> frozenset[str]:
    """Return the units among the places that are kept: a unit's first place is where its file would be."""
    found = (place.removeprefix(_FOLDER) for place in places if place.startswith(_FOLDER))
    return frozenset(name for name in found if "." in name and "/" not in name and "@." not in name)


def place(name: str) -> str:
    return _FOLDER + name


def path_of(name: str) -> str:
    """Return the object of a unit, as systemd escapes its name (sd_bus_path_encode(3))."""
    escaped = (
        chr(each) if chr(each).isalpha() or (at and chr(each).isdigit()) else f"_{each:02x}"
        for at, each in enumerate(name.encode())
    )
    return f"{MANAGER}/unit/{''.join(escaped)}"


def rules(paths: Collection[str]) -> Iterator[str]:
    """Yield the match rules by which the bus knows what is for us; without them it wakes us for every session and timer."""
    of_systemd = f"type='signal',sender='{SYSTEMD}'"
    yield f"type='signal',sender='{DRIVER}',member='NameOwnerChanged',arg0='{SYSTEMD}'"
    for member in sorted(_GENERAL):
        yield f"{of_systemd},path='{MANAGER}',interface='{SYSTEMD}.Manager',member='{member}'"
    changed = f"{of_systemd},interface='{PROPERTIES}',member='PropertiesChanged',arg0='{UNIT}'"
    if len(paths) > MANY:
        yield f"{changed},path_namespace='{MANAGER}/unit'"
        return
    yield from (f"{changed},path='{path}'" for path in sorted(paths))


def is_of_all(message: Message) -> bool:
    """Return whether unit files were read again, or links to them made or removed: it may be about any unit."""
    if message.text(Field.PATH) != MANAGER or message.text(Field.INTERFACE) != f"{SYSTEMD}.Manager":
        return False
    member = message.text(Field.MEMBER)
    return member in _GENERAL and (member != "Reloading" or message.body == (False,))


def owner(message: Message) -> str | None:
    """Return who is systemd on the bus from now on, nobody being nobody; None if it is not about that."""
    if message.text(Field.SENDER) != DRIVER or message.text(Field.MEMBER) != "NameOwnerChanged":
        return None
    return str(message.body[2]) if len(message.body) == 3 and message.body[0] == SYSTEMD else None


def settled(message: Message) -> str:
    """
    Return the ActiveState of a unit to which something happened, once nothing more is on its way; else nothing.

    While a job for it waits or runs, or systemd is about to start it again, it tells no drift: what restarts a unit stops
    it first. What is told besides leaves it as it was: what a service says of itself (STATUS= of sd_notify(3)), a timer
    that elapses, a socket that is connected to.
    """
    if message.text(Field.INTERFACE) != PROPERTIES or len(message.body) < 2 or message.body[0] != UNIT:
        return ""
    changed = message.body[1]
    if not isinstance(changed, dict) or changed.get("ActiveState") not in _SETTLED:
        return ""
    job = changed.get("Job")
    if isinstance(job, tuple) and job and job[0]:
        return ""
    return str(changed["ActiveState"])
