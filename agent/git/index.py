"""Where the objects of a pack stand in it: reads the index that Git keeps beside each (gitformat-pack(5), version 2)."""

from __future__ import annotations

import mmap
import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from agent.git.entries import Pieces
from agent.git.plain import open_plain

MAGIC = b"\xfftOc\0\0\0\2"
NAMES = len(MAGIC) + 4 * 256
FAR = 1 << 31  # in a pack of more than 2 GiB the number is a place in a table of larger ones


class Index:
    """An index, mapped into memory. Raises ValueError for one that is of another version, or cut off."""

    def __init__(self, path: Path) -> None:
        with open_plain(path, linked=True) as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        if self._map[: len(MAGIC)] != MAGIC or len(self._map) < NAMES:
            raise ValueError("another version")
        self._below = struct.unpack_from(">256L", self._map, len(MAGIC))  # how many names begin so, or lower
        self._count: int = self._below[255]
        if len(self._map) < NAMES + self._count * 28 + 40:
            raise ValueError("cut off")

    def close(self) -> None:
        self._map.close()

    def find(self, name: bytes) -> int | None:
        """Return where an object begins in its pack, None if it is not there."""
        low, high = self._below[name[0] - 1] if name[0] else 0, self._below[name[0]]
        while low < high:
            middle = (low + high) // 2
            found = self._map[NAMES + middle * 20 : NAMES + middle * 20 + 20]
            if found == name:
                return self._place(middle)
            if found < name:
                low = middle + 1
            else:
                high = middle
        return None

    def _place(self, at: int) -> int | None:
        (found,) = struct.unpack_from(">L", self._map, NAMES + self._count * 24 + at * 4)
        if found < FAR:
            return int(found)
        far = NAMES + self._count * 28 + (found - FAR) * 8
        return int(struct.unpack_from(">Q", self._map, far)[0]) if far + 8 <= len(self._map) else None


class Packs:
    """The packs of one folder, opened as they are found."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, tuple[Index, BinaryIO, Pieces] | None] = {}

    def find(self, sha: str) -> tuple[Pieces, int] | None:
        """Return a pack that is open and holds an object, and where in it."""
        name = bytes.fromhex(sha)
        for opened in self._opened.values():
            if opened is not None and (start := opened[0].find(name)) is not None:
                return opened[2], start
        return None

    def look(self) -> bool:
        """Open the packs that are new since the last look, which lists their folder; return whether there are any."""
        new = {path.name: path for path in self._folder.glob("*.idx") if path.name not in self._opened}
        self._opened |= {name: _opened(path) for name, path in new.items()}
        return bool(new)

    def close(self) -> None:
        for index, file, _ in filter(None, self._opened.values()):
            index.close()
            file.close()
        self._opened = {}


def _opened(path: Path) -> tuple[Index, BinaryIO, Pieces] | None:
    """
    Return a pack with its index; None for what is another's to read, or just being taken away by a repack.

    Raises SourceError for what is no file.
    """
    with suppress(OSError, ValueError):
        file = open_plain(path.with_suffix(".pack"), linked=True)
        try:
            return Index(path), file, Pieces(file)
        except BaseException:
            file.close()
            raise
    return None
