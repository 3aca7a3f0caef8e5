"""The name of the host: the one the kernel tells now, and the one in /etc/hostname for the next boot. Decides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import FileType, Probe, entry_at, shown
from agent.kinds import Found, Kind, files_among
from agent.model import KeepFirst, ResourceId, Run, Stale, Step, Text, WriteFile, quoted
from agent.values import dataclass

LIVE: Final = PurePosixPath("/proc/sys/kernel/hostname")
FILE: Final = PurePosixPath("/etc/hostname")
LONGEST: Final = 64  # HOST_NAME_MAX of limits.h
MOST: Final = 4096  # bytes of either file that are looked at

_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostnameSpec:
    """What the host is to be called."""

    name: str = field(metadata={"doc": "the name of the host, as in edge-01"})

    def __post_init__(self) -> None:
        """Raise ValueError for what hostname(7) and RFC 1123, 2.1, do not allow."""
        labels = self.name.split(".")
        if len(self.name) > LONGEST or not all(map(_LABEL.fullmatch, labels)):
            raise ValueError(
                f"expected a host name of at most {LONGEST} letters, digits, dashes and dots,"
                f" as in edge-01, got {quoted(self.name)}"
            )
        if len(labels) > 1 and labels[-1].isdigit():
            raise ValueError(f"expected a host name, got what looks like an address: {quoted(self.name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the host is called."""

    live: str
    written: str | None  # in /etc/hostname; None if it says nothing
    file: FileType | None  # what stands there


class Hostname(Kind[HostnameSpec, Names]):
    """The one name of the host."""

    section: ClassVar[str] = "hostname"
    spec = HostnameSpec
    rank: ClassVar[int] = 2
    shorthand: ClassVar[str] = "name"
    only: ClassVar[str] = "system"

    def fingerprint(self, spec: HostnameSpec) -> object:
        return spec.name

    def rivals(
        self, name: str, want: HostnameSpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        return files_among(declared, FILE)

    def places(self, name: str, want: HostnameSpec) -> Iterable[str]:
        yield str(FILE)

    def observe(
        self, probe: Probe, wants: Mapping[str, HostnameSpec | None]
    ) -> Mapping[str, Names | HostError | None]:
        return dict.fromkeys(wants, _names(probe))

    def steps(
        self, name: str, want: HostnameSpec | None, have: Names | None, *, stale: Stale
    ) -> Iterable[Step]:
        if want is None:
            return
        if have is None or have.written != want.name:
            yield _file(want.name, have)
        if have is None or have.live != want.name:
            # hostnamectl(1) would need D-Bus, which a small host may lack, and early boot does not have.
            why = f"the host is called {shown(have.live)}, wanted {want.name}" if have else "it has no name"
            yield Run(argv=("hostname", want.name), timeout=30.0, why=why)

    def first(self, name: str, have: Names) -> Iterable[Step]:
        if have.file is not None:
            yield KeepFirst(path=FILE, why="")

    def leaves(self, name: str, have: Names) -> str:
        return "a host always has a name; declare the one it is to have"

    def survey(self, probe: Probe) -> Iterable[Found]:
        found = _names(probe)
        try:
            HostnameSpec(name=found.live)
        except ValueError as error:
            yield Found(name=self.only, entry=None, skipped=f"{error}; declare a name that is one")
            return
        if found.written == found.live:
            yield Found(name=self.only, entry=found.live)
            return
        other = "has no name" if found.written is None else f"says {shown(found.written)}"
        why = f"the host is called {found.live} now, and {FILE} {other}: declare the one that holds"
        yield Found(name=self.only, entry=None, skipped=why)


def _file(name: str, have: Names | None) -> Step:
    if have is None or have.file is None:
        why = f"there is no {FILE}"
    elif have.file is FileType.FILE:
        why = f"{FILE} {'has no name' if have.written is None else f'says {shown(have.written)}'}, wanted {name}"
    elif have.file is FileType.LINK:
        why = f"{FILE} is a link"
    else:
        raise HostError(f"{FILE} is no file", hint="move it away")
    return WriteFile(path=FILE, content=Text.of(f"{name}\n".encode()), why=why)


def _names(probe: Probe) -> Names:
    """Return what the host is called; raises HostError."""
    live = probe.content(LIVE, limit=MOST)
    if live is None:
        raise HostError(f"{LIVE} is not there", hint="mount /proc")
    stands = entry_at(probe, FILE)
    return Names(
        live=live.decode(errors="replace").strip(),
        written=_written(probe) if stands else None,
        file=stands.type if stands else None,
    )


def _written(probe: Probe) -> str | None:
    """Return the name in the file: its first line that is neither empty nor a comment, hostname(5)."""
    text = (probe.content(FILE, limit=MOST) or b"").decode(errors="replace")
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), None)


KIND = Hostname()
