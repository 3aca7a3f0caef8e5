"""The text of a unit file or drop-in: whether systemd can read it, and what it names. Pure; see systemd.syntax(7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from agent.kinds.unit.names import TYPES, suffix
from agent.values import dataclass

LARGEST: Final = 1 << 20  # bytes

_ANYWHERE = frozenset({"Unit", "Install"})
_TITLES = frozenset(word.title() for word in TYPES - {"target", "device"})
_PATH = re.compile(r"(?<![\w./%])/[^\s\"',;:]+")
_USERS = frozenset({"User", "SocketUser"})
_GROUPS = frozenset({"Group", "SocketGroup", "SupplementaryGroups"})
_NO_FILES = frozenset({"Documentation", "Description"})
_YES = frozenset({"1", "yes", "y", "true", "t", "on"})  # systemd.syntax(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One assignment."""

    section: str
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the text of a unit names, or says of it."""

    files: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    passing: bool = False  # it does something and ends: a oneshot that does not remain


def named(data: bytes, unit: str) -> Named:
    """Return what a text for a unit names; raises ValueError with the line that systemd could not read."""
    lines = tuple(assignments(data, unit))
    last = {(line.section, line.key): line.value for line in lines}
    return Named(
        files=tuple(dict.fromkeys(_files(lines))),
        users=tuple(dict.fromkeys(_words(lines, _USERS))),
        groups=tuple(dict.fromkeys(_words(lines, _GROUPS))),
        passing=last.get(("Service", "Type")) == "oneshot"
        and last.get(("Service", "RemainAfterExit"), "no").lower() not in _YES,
    )


def assignments(data: bytes, unit: str) -> Iterator[Line]:
    """Yield what a text for a unit assigns, in order; raises ValueError with the line that systemd could not read."""
    return _lines(_decoded(data), unit)


def is_empty(data: bytes) -> bool:
    return not data.strip()


def _decoded(data: bytes) -> str:
    if len(data) > LARGEST:
        raise ValueError(f"a unit file has at most {LARGEST >> 20} MiB")
    if b"\0" in data:
        raise ValueError(
            f"line {data[: data.index(0)].count(10) + 1}: a unit file is text, without NUL bytes"
        )
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"line {data[: error.start].count(10) + 1}: a unit file is UTF-8") from None


def _lines(text: str, unit: str) -> Iterator[Line]:
    section = ""
    for number, line in _joined(text):
        if line.startswith("["):
            section = _section(line, number, unit)
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"line {number}: expected a [Section], a comment or Key=value")
        if not section:
            raise ValueError(f"line {number}: {key.strip()}= stands before the first [Section]")
        yield Line(section=section, key=key.strip(), value=value.strip())


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield what lines say, by the number of the first: a backslash goes on, and comments in between don't count."""
    held, start = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith(("#", ";")) or not (line or held):
            continue
        start = start if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        if whole := (held + line).strip():
            yield start, whole
        held = ""
    if held.strip():
        yield start, held.strip()


def _section(line: str, number: int, unit: str) -> str:
    if not line.endswith("]"):
        raise ValueError(f"line {number}: the name of a section stands in brackets, as in [Unit]")
    name = line[1:-1]
    allowed = _ANYWHERE | (_TITLES & {suffix(unit).title()})
    if name not in allowed and not name.startswith("X-"):
        known = ", ".join(f"[{one}]" for one in sorted(allowed))
        raise ValueError(
            f"line {number}: systemd knows no section [{name[:60]}] in a {suffix(unit)}, but {known}"
        )
    return name


def _files(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        if line.section != "Install" and line.key not in _NO_FILES:
            yield from _PATH.findall(line.value)
        if line.key == "ConfigurationDirectory":
            yield from (f"/etc/{word}" for word in line.value.split())


def _words(lines: tuple[Line, ...], keys: frozenset[str]) -> Iterator[str]:
    for line in lines:
        if line.key in keys and line.section != "Install":
            yield from line.value.split()
