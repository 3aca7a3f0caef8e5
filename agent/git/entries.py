"""
Reads the entries of a pack, one at a time, from a file: what was received, or what Git keeps in a repository on this machine.

What inflates to more than its entry says is refused within one step. The format is gitformat-pack(5).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from agent.errors import SourceError
from agent.git.objects import KINDS, Kind

OFS_DELTA, REF_DELTA = 6, 7
STEP = 64 << 10


class PackError(SourceError):
    """What was sent is damaged, or more than we take."""


class Pieces:
    """A file that is read forward, a little ahead, and can be set back."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        self.size = os.fstat(self._descriptor).st_size
        self._data, self._start, self.place = b"", 0, 0

    def ahead(self, count: int) -> bytes:
        """Return the next bytes without passing over them; fewer at the end."""
        at = self.place - self._start
        if at < 0 or at + count > len(self._data):
            self._start, at = self.place, 0
            self._data = os.pread(self._descriptor, max(count, STEP), self.place)
        return self._data[at : at + count]

    def byte(self) -> int:
        if not (found := self.ahead(1)):
            raise PackError("the pack is cut off")
        self.place += 1
        return found[0]


def header(pack: Pieces) -> tuple[int, int]:
    """Return the number of an entry's type, and its size, inflated; raises PackError."""
    byte = pack.byte()
    kind, size, shift = byte >> 4 & 7, byte & 15, 4
    while byte & 0x80:
        byte = pack.byte()
        size |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise PackError("the pack is damaged: a size has no end")
    return kind, size


def base_of(pack: Pieces, start: int, kind: int) -> int | str:
    """Return what a delta is made on: a place in the same pack, or an id; raises PackError."""
    if kind == REF_DELTA:
        name = pack.ahead(20)
        pack.place += len(name)
        return name.hex()
    byte = pack.byte()
    back = byte & 0x7F
    while byte & 0x80:
        byte = pack.byte()
        back = (back + 1) << 7 | byte & 0x7F
        if back > start:
            break
    if not 0 < back <= start:
        raise PackError("the pack is damaged: a delta points outside it")
    return start - back


def stream(pack: Pieces, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield a zlib stream in pieces, each with what it inflates to, and end behind it; raises PackError."""
    inflate, total = zlib.decompressobj(), 0
    while not inflate.eof:
        if not (feed := pack.ahead(min(STEP, size + 1024))):
            raise PackError("the pack is cut off")
        try:
            content = inflate.decompress(feed, STEP)
        except zlib.error as error:
            raise PackError(f"the pack is damaged: {error}") from error
        used = len(feed) - len(inflate.unused_data if inflate.eof else inflate.unconsumed_tail)
        pack.place += used
        total += len(content)
        if total > size:
            raise PackError("the pack is damaged: an object is larger than it says")
        yield feed[:used], content
    if total != size:
        raise PackError("the pack is damaged: an object is smaller than it says")


def read_one(pack: Pieces, start: int, limit: int) -> tuple[Kind | int | str, bytes]:
    """
    Return what stands at a place in a pack on disk: of an object its kind and content, of a delta its base and its orders.

    The base is a place in the same pack, or an id. Raises PackError, also for more than `limit` bytes.
    """
    pack.place = start
    number, size = header(pack)
    if size > limit:
        raise PackError(f"the pack holds an object of {size} bytes, more than {limit}")
    if number in {OFS_DELTA, REF_DELTA}:
        base = base_of(pack, start, number)
        return base, b"".join(content for _, content in stream(pack, size))
    if not 0 < number < len(KINDS):
        raise PackError(f"the pack holds an object of the unknown type {number}")
    return KINDS[number], b"".join(content for _, content in stream(pack, size))
