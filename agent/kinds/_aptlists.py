"""
The lists that apt has fetched of its sources, and which of them a crash has left torn. Only looks.

apt does not wait until a list is on the disk, so after a power cut one may be empty, cut short, or full of zeros. apt
cannot mend that: it asks the source for what is newer, is told that nothing is, and goes on with what it has; with
a torn InRelease it does nothing at all any more. Only a list that is gone is fetched anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from agent.host import Entry, FileType, Probe

LISTS: Final = PurePosixPath("/var/lib/apt/lists")
LARGEST: Final = 8 << 20  # bytes of an InRelease that are read; Debian's have 150 KiB

_SIGNED: Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_END: Final = b"-----END PGP SIGNATURE-----"
_MEMBER: Final = re.compile(rb"^ [0-9a-f]{64} +([0-9]+) +(\S+)$", re.MULTILINE)
_RELEASE: Final = re.compile(r"(.*_)(?:In)?Release")


def torn(probe: Probe, prefixes: tuple[str, ...] = ("",)) -> tuple[PurePosixPath, ...]:
    """Return the torn ones among the lists whose names begin so; remembered while none comes or goes. Raises HostError."""
    folder = probe.entries((str(LISTS),))[str(LISTS)]
    if not isinstance(folder, Entry) or folder.type is not FileType.DIRECTORY:
        return ()
    return probe.remembered(
        ("apt:torn", prefixes), (str(LISTS),), lambda: tuple(_torn(probe, _lists(probe, prefixes)))
    )


def _lists(probe: Probe, prefixes: tuple[str, ...]) -> Mapping[str, Entry]:
    paths = [
        str(LISTS / name) for name in probe.names(LISTS) if name.startswith(prefixes) and name != "lock"
    ]
    found = probe.entries(paths)
    return {
        path.rpartition("/")[2]: entry
        for path, entry in found.items()
        if isinstance(entry, Entry) and entry.type is FileType.FILE
    }


def _torn(probe: Probe, lists: Mapping[str, Entry]) -> Iterator[PurePosixPath]:
    """Yield the torn ones; of a source whose release is torn all, for nobody can tell of the others."""
    lost: list[str] = []
    sizes: dict[str, int] = {}
    for name in lists:
        if match := _RELEASE.fullmatch(name):
            data = probe.content(LISTS / name, limit=LARGEST) or b""
            if _is_whole(name, data):
                sizes |= _sizes(match[1], data)
            else:
                lost.append(match[1])
    for name, entry in sorted(lists.items()):
        differs = name in sizes and (entry.size != sizes[name] or is_blank(probe, LISTS / name))
        if differs or name.startswith(tuple(lost)):
            yield LISTS / name


def _is_whole(name: str, data: bytes) -> bool:
    if name.endswith("_InRelease"):
        return data.startswith(_SIGNED) and _END in data[-200:]
    return data != b"" and not data.startswith(b"\0")


def _sizes(prefix: str, release: bytes) -> Mapping[str, int]:
    """Return how large the lists are to be that a Release file names: apt stores `a/b` beside it, as `a_b`."""
    every = _MEMBER.findall(release)
    return {
        f"{prefix}{path.decode('utf-8', 'replace').replace('/', '_')}": int(size) for size, path in every
    }


def is_blank(probe: Probe, path: PurePosixPath) -> bool:
    """Return whether a file begins with a zero, as none of apt's does; raises HostError."""
    return probe.content(path, limit=1) == b"\0"
