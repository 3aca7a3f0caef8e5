"""The time zone of the host: the link /etc/localtime, and Debian's /etc/timezone where that is. Decides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe, entry_at, shown
from agent.kinds import Found, Kind, NotYetError, files_among
from agent.model import KeepFirst, MakeLink, ResourceId, Stale, Step, Text, WriteFile, quoted
from agent.values import dataclass

LINK: Final = PurePosixPath("/etc/localtime")
TEXT: Final = PurePosixPath("/etc/timezone")
ZONES: Final = PurePosixPath("/usr/share/zoneinfo")
TZDATA: Final = (ResourceId("package", "tzdata"), ResourceId("package", "tzdata-legacy"))
MAGIC: Final = b"TZif"  # RFC 9636, 3.1
MOST: Final = 4096  # bytes of /etc/timezone that are looked at

_ZONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*(?:/[A-Za-z0-9][A-Za-z0-9_+-]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimezoneSpec:
    """Which time zone the host is to have."""

    zone: str = field(metadata={"doc": "the time zone, as in Europe/Berlin or UTC"})

    def __post_init__(self) -> None:
        """Raise ValueError for what is no name of a zone in the IANA database (its file theory.html, "Names")."""
        if len(self.zone) > 255 or not _ZONE.fullmatch(self.zone) or self.zone == "localtime":
            raise ValueError(f"expected a time zone, as in Europe/Berlin or UTC, got {quoted(self.zone)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Which time zone the host has."""

    link: Entry | None  # what stands at /etc/localtime
    text: str | None  # what /etc/timezone says; None if it is not there
    lacks: str = ""  # why the zone that is wanted cannot be had

    @property
    def name(self) -> str | None:
        """The zone that the link names; None if it names none."""
        return None if self.link is None else _zone_of(self.link)


class Timezone(Kind[TimezoneSpec, Zone]):
    """The one time zone of the host."""

    section: ClassVar[str] = "timezone"
    spec = TimezoneSpec
    rank: ClassVar[int] = 3
    shorthand: ClassVar[str] = "zone"
    only: ClassVar[str] = "system"
    late: ClassVar[bool] = True
    in_places: ClassVar[bool] = True

    def edges(self, name: str, want: TimezoneSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield the packages that bring the zones."""
        return [package for package in TZDATA if package in declared]

    def fingerprint(self, spec: TimezoneSpec) -> object:
        return spec.zone

    def rivals(
        self, name: str, want: TimezoneSpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        return files_among(declared, LINK, TEXT)

    def places(self, name: str, want: TimezoneSpec) -> Iterable[str]:
        yield from (str(LINK), str(TEXT))

    def observe(
        self, probe: Probe, wants: Mapping[str, TimezoneSpec | None]
    ) -> Mapping[str, Zone | HostError | None]:
        return {name: _observed(probe, want) for name, want in wants.items()}

    def exists(self, have: Zone) -> bool:
        return have.link is not None

    def steps(
        self, name: str, want: TimezoneSpec | None, have: Zone | None, *, stale: Stale
    ) -> Iterable[Step]:
        if want is None:
            return
        if have is not None and have.lacks:
            raise NotYetError(have.lacks, hint="install tzdata, or declare another zone")
        if have is None or have.name != want.zone:
            yield MakeLink(path=LINK, target=str(ZONES / want.zone), why=_why(want, have))
        if have is not None and have.text not in (None, want.zone):
            why = f"{TEXT} says {shown(have.text or '')!r}, wanted {want.zone}"
            yield WriteFile(path=TEXT, content=Text.of(f"{want.zone}\n".encode()), why=why)

    def first(self, name: str, have: Zone) -> Iterable[Step]:
        if have.link is not None and have.link.type in {FileType.FILE, FileType.LINK}:
            yield KeepFirst(path=LINK, why="")
        if have.text is not None:
            yield KeepFirst(path=TEXT, why="")

    def leaves(self, name: str, have: Zone) -> str:
        return "a host always has a time zone; declare the one it is to have"

    def survey(self, probe: Probe) -> Iterable[Found]:
        found = _observed(probe, None)
        if found.link is None:
            return
        zone = found.name
        if zone is None:
            why = f"{LINK} is no link to a zone below {ZONES}: declare the zone that this host is to have"
            yield Found(name=self.only, entry=None, skipped=why)
        elif found.text not in (None, zone):
            why = f"{LINK} says {zone}, and {TEXT} says {shown(found.text or '')!r}: declare the one that holds"
            yield Found(name=self.only, entry=None, skipped=why)
        else:
            yield Found(name=self.only, entry=zone)


def _observed(probe: Probe, want: TimezoneSpec | None) -> Zone:
    """Return which zone the host has; raises HostError."""
    text = probe.content(TEXT, limit=MOST)
    return Zone(
        link=entry_at(probe, LINK),
        text=None if text is None else text.decode(errors="replace").strip(),
        lacks="" if want is None else _lacks(probe, want.zone),
    )


def _lacks(probe: Probe, zone: str) -> str:
    path = ZONES / zone
    there = entry_at(probe, path)
    if there is None:
        return f"there is no zone {zone}: {path} is missing"
    if there.type is FileType.LINK:  # a former name of the zone
        return ""
    if there.type is not FileType.FILE or probe.content(path, limit=len(MAGIC)) != MAGIC:
        return f"{path} is no time zone"
    return ""


def _zone_of(link: Entry) -> str | None:
    """Return the zone that a link names, as localtime(5) reads it: what follows zoneinfo/ in its target."""
    target = PurePosixPath("/etc", link.target)
    for parts in (ZONES.parts, ("/", "etc", "..", *ZONES.parts[1:])):
        if link.type is FileType.LINK and target.parts[: len(parts)] == parts:
            return "/".join(target.parts[len(parts) :]) or None
    return None


def _why(want: TimezoneSpec, have: Zone | None) -> str:
    if have is None or have.link is None:
        return f"{LINK} is missing"
    if have.link.type is FileType.DIRECTORY:
        raise HostError(f"{LINK} is a folder", hint="move it away")
    if have.link.type is FileType.LINK:
        return f"the zone is {shown(have.name or have.link.target)}, wanted {want.zone}"
    return f"{LINK} is no link"


KIND = Timezone()
