"""How old apt's index is, and from which files that shows. Only looks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Final

from agent.host import FileType, Probe
from agent.kinds.package.manager import Index

LISTS: Final = "/var/lib/apt/lists"
# Every attempt writes here, also one that brings nothing new or fails.
TRIED: Final = f"{LISTS}/partial"
# The folder itself only changes when there was something new, and the files in it have the server's date. The stamps are
# made by apt's daily job, and by a hook that distributions ship; trued's own refresh makes the second one as well.
STAMP: Final = "/var/lib/apt/periodic/update-success-stamp"
DAILY: Final = "/var/lib/apt/periodic/update-stamp"

SLACK: Final = 60.0  # seconds: a clock that is set by the network goes back a little now and then

SOURCES: Final = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")
SETTINGS: Final = (
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d",
    "/etc/apt/preferences",
    "/etc/apt/preferences.d",
    *SOURCES,
)


def index(probe: Probe) -> Index:
    """Return how old the index is; raises HostError."""
    tried = _age(probe, TRIED)
    read = [age for path in (LISTS, STAMP, DAILY) if (age := _age(probe, path)) is not None]
    if not _has_lists(probe):
        return Index(age=None, tried=None, outrun=True)
    sources = (_age(probe, path) for path in files(probe, SOURCES))
    youngest = min((age for age in sources if age is not None), default=None)
    return Index(
        age=min(read, default=None),
        tried=tried,
        outrun=tried is None or (youngest is not None and youngest < tried),
    )


def _age(probe: Probe, path: str) -> float | None:
    """Return the age of something; None, too, where the clock was ahead when it was made: waiting could take years."""
    age = probe.age(PurePosixPath(path))
    return None if age is None or age < -SLACK else age


def _has_lists(probe: Probe) -> bool:
    """Return whether an index was ever read: a fresh host has the folder, and nothing of a source in it."""
    entry = probe.entries((LISTS,))[LISTS]
    if entry is None:
        return False
    names = probe.names(PurePosixPath(LISTS))
    return any(
        name.endswith(("_Packages", "_InRelease", "_Release")) or "_Packages" in name for name in names
    )


def files(probe: Probe, places: tuple[str, ...] = SETTINGS) -> Collection[str]:
    """Return these files and folders and, one level deep, what is in the folders: whatever changes what apt answers."""
    return probe.remembered(("apt:files", places), places, lambda: tuple(_files(probe, places)))


def _files(probe: Probe, places: tuple[str, ...]) -> Iterator[str]:
    found = probe.entries(places)
    for path in places:
        yield path
        entry = found[path]
        if not isinstance(entry, BaseException) and entry and entry.type is FileType.DIRECTORY:
            yield from (f"{path}/{name}" for name in probe.names(PurePosixPath(path)))
