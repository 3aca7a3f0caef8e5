"""
Makes what is open reach the disk: many files of one file system by one syncfs(2) where that is sure, else one fsync(2) each.

Sure means: on a file system that is known to bring everything to the disk by it, under a kernel that tells of every
error, and while others have little to write, since it waits for theirs too. Changes nothing.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Final

from agent.values import dataclass

FEW: Final = 8  # files that are not worth a call for all
OTHERS: Final = 16 << 20  # bytes of others that may wait to be written: seconds, on a slow memory card
# From 5.8 on, syncfs tells of files that could not be written; from 5.17 on, of a journal that could not, either (5679897eb104).
TELLS_ALL: Final = (5, 17)
# <linux/magic.h>: ext2 to ext4, XFS, Btrfs. A FUSE server, for one, is not told of a syncfs.
BRINGS_ALL: Final = frozenset({0xEF53, 0x58465342, 0x9123683E})
_MEMORY: Final = Path("/proc/meminfo")
_MEMORY_LINE: Final = re.compile(r"^(Dirty|Writeback): +(\d+) kB$", re.MULTILINE)


@dataclass(slots=True)
class Durable:
    """The way to the disk for descriptors in folders that stay open."""

    memory: Path = _MEMORY
    _known: dict[int, int | None] = field(default_factory=dict)  # of a folder: its device, if it brings all

    def together(self, files: Mapping[int, int], *, size: int) -> Collection[int]:
        """
        Bring files to the disk that have `size` bytes in all, given with the folder of each; return those that are there.

        The others are for the caller to fsync, which also tells which of them an error is about.
        """
        groups: dict[int, list[int]] = {}
        for file, folder in files.items():
            if (device := self._device(folder)) is not None:
                groups.setdefault(device, []).append(file)
        large = [group for group in groups.values() if len(group) > FEW]
        if not large or not _tells_all(os.uname().release) or _waiting(self.memory) - size > OTHERS:
            return ()
        return [file for group in large if _synced(group[0]) for file in group]

    def forget(self) -> None:
        """Forget the folders, which are closed now."""
        self._known.clear()

    def _device(self, folder: int) -> int | None:
        if folder not in self._known:
            self._known[folder] = os.fstat(folder).st_dev if _brings_all(folder) else None
        return self._known[folder]


def _synced(file: int) -> bool:
    """
    Bring a whole file system to the disk; False where that failed, be it for a file of somebody else's.

    The fsync(2) behind it tells of a file system that has become read-only, of which syncfs(2) says nothing, and has
    the disk flush its cache under ext2, where syncfs does not.
    """
    import ctypes  # noqa: PLC0415 - as below

    if ctypes.CDLL(None).syncfs(file) != 0:
        return False
    try:
        os.fsync(file)
    except OSError:
        return False
    return True


def _brings_all(folder: int) -> bool:
    """Return whether a file system is one of those: fstatfs(2) begins with its type."""
    import ctypes  # noqa: PLC0415 - a MiB that only many files in one go need

    said = ctypes.create_string_buffer(512)
    if ctypes.CDLL(None).fstatfs(folder, said) != 0:
        return False
    return int.from_bytes(said.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) in BRINGS_ALL


@cache
def _tells_all(release: str) -> bool:
    """Return whether a kernel tells of every error; no, where its version says nothing."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= TELLS_ALL


def _waiting(memory: Path) -> float:
    """Return how many bytes wait to be written to all disks (proc_meminfo(5)); no end of them, where that is not said."""
    try:
        lines = dict(_MEMORY_LINE.findall(memory.read_text("ascii")))
        return (int(lines["Dirty"]) + int(lines["Writeback"])) * 1024
    except (OSError, ValueError, KeyError):
        return math.inf
