"""What the files of sysctl.d(5) set at boot, and which of them has the last word. Only looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds.sysctl.words import FOLDER, OURS, checked_name
from agent.values import dataclass

# In order of precedence; of two files with one name the first is read. /lib/sysctl.d is a link where /lib is one, and
# nothing there where it is none that is not in /usr/lib as well: Debian has moved it.
FOLDERS: Final = (
    FOLDER,
    PurePosixPath("/run/sysctl.d"),
    PurePosixPath("/usr/local/lib/sysctl.d"),
    PurePosixPath("/usr/lib/sysctl.d"),
)
LARGEST: Final = 1 << 20  # bytes of one file that are read
_GLOB: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A line that sets a parameter at boot, in the file that is read last of those that do."""

    value: str
    read: str  # the name by which the order goes
    file: PurePosixPath  # where it stands: a link's target
    unread: str = ""  # why that cannot be read: then it may set the parameter, to whatever


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What is set at boot, by canonical name, as far as it can be read; and by the name of each file that cannot, why."""

    found: Mapping[str, Assignment]
    unread: Mapping[str, HostError] = field(default_factory=dict)

    def of(self, name: str) -> Assignment | None:
        """Return what has the last word on a parameter, or may have: a file that cannot be read. Ours are of one parameter each."""
        found = self.found.get(name)
        last = max((read for read in self.unread if not read.startswith(OURS)), default="")
        if not last or (found and found.read > last):
            return found
        return Assignment(value="", read=last, file=FOLDER / last, unread=self.unread[last].reason)


def at_boot(probe: Probe) -> Boot:
    """Return what is set at boot, without patterns, which a plain line overrides. Raises HostError about the folders."""
    files = dict(sorted(_files(probe).items()))
    paths = [str(path) for path in (*FOLDERS, *files.values())]
    try:
        found = probe.remembered(("sysctl.d", tuple(paths)), paths, lambda: _read(probe, files))
    except HostError:
        return _as_far_as_read(probe, files)
    return Boot(found=found)


def _files(probe: Probe) -> Mapping[str, PurePosixPath]:
    """Return the files that count, by name; a link is what it points to."""
    found: dict[str, PurePosixPath] = {}
    there = probe.entries(tuple(map(str, FOLDERS)))
    for folder in FOLDERS:
        entry = there[str(folder)]
        if isinstance(entry, HostError):
            raise entry
        names = probe.names(folder) if entry is not None else ()
        for name in names:
            if name.endswith(".conf") and name not in found:
                found[name] = folder / name
    linked = probe.entries(tuple(map(str, found.values())))
    return {name: _target(path, linked[str(path)]) for name, path in found.items()}


def _target(path: PurePosixPath, entry: Entry | HostError | None) -> PurePosixPath:
    """Return where a link leads, one step and by its words; Debian's 99-sysctl.conf leads to /etc/sysctl.conf."""
    if not isinstance(entry, Entry) or entry.type is not FileType.LINK:
        return path
    whole = path.parent
    for part in PurePosixPath(entry.target).parts:
        whole = whole.parent if part == ".." else whole / part
    return whole


def _read(probe: Probe, files: Mapping[str, PurePosixPath]) -> Mapping[str, Assignment]:
    found: dict[str, Assignment] = {}
    for read, path in files.items():
        text = (probe.content(path, limit=LARGEST) or b"").decode(errors="replace")
        found |= {name: Assignment(value=value, read=read, file=path) for name, value in assignments(text)}
    return found


def _as_far_as_read(probe: Probe, files: Mapping[str, PurePosixPath]) -> Boot:
    """One file of somebody else's is no reason to say nothing of all others."""
    found: dict[str, Assignment] = {}
    unread: dict[str, HostError] = {}
    for read, path in files.items():
        try:
            found |= _read(probe, {read: path})
        except HostError as error:
            unread[read] = error
    return Boot(found=found, unread=unread)


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield canonical name and value of the lines that set one parameter; what is no such line says nothing here."""
    for line in text.splitlines():
        written, equals, value = line.strip().partition("=")
        written = written.strip().removeprefix("-")
        if not equals or written[:1] in {"#", ";"} or _GLOB.intersection(written):
            continue
        try:
            yield checked_name(written), value.strip()
        except ValueError:
            continue
