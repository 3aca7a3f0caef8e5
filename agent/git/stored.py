"""
An object as it is stored on this host's disk: a zlib stream of its own, held against its id whenever it is read.

Says in words what the disk refuses, and what it has lost. Opens and writes nothing.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from agent.errors import SourceError
from agent.git.limits import MIB
from agent.git.objects import Kind, hasher, object_id

PIECE = 256 << 10
LOST = {errno.EIO, errno.EUCLEAN, errno.EBADMSG}  # what a bad sector, or a checksum of ext4 or xfs, reads as


class DamagedError(SourceError):
    """What stands on this host's disk is not what was put there."""


@contextmanager
def on_this_disk(place: Path) -> Iterator[None]:
    """Say what this host's own disk, or the host itself, refuses: it is no bug, and the held commit may do without."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        where = Path(error.filename) if error.filename else place
        # A temporary file has another name each time, and its error would be news at each look.
        raise SourceError(
            f"{place if where.parent == place else where}: cannot be read or written on this host: {error.strerror or error}",
            hint="free some space, and some inodes, below state_dir" if full else "",
        ) from error


@contextmanager
def undamaged(place: str) -> Iterator[None]:
    """Have what a disk cannot give back any more count as damaged, so that it is moved away: it stays so."""
    try:
        yield
    except OSError as error:
        if error.errno not in LOST:
            raise
        raise DamagedError(f"{place}: {error.strerror}") from error


class Record(NamedTuple):
    """Where an object stands in its file."""

    kind: Kind
    start: int
    stored: int  # bytes, as they stand there
    size: int  # bytes, inflated


class Holding(Protocol):
    """Objects that are at hand."""

    def find(self, sha: str) -> Record | None:
        """Return where an object is, None if it is not held."""

    def stored(self, record: Record) -> Iterator[bytes]:
        """Yield an object's zlib stream as it stands there; raises DamagedError."""


def read(holding: Holding, sha: str, record: Record, limit: int) -> bytes:
    """Return the whole content of an object; raises DamagedError, or SourceError beyond the limit."""
    if record.size > limit:
        raise SourceError(f"object {sha} is too large: {record.size} bytes, at most {limit}")
    return b"".join(chunks(holding, sha, record))


def chunks(holding: Holding, sha: str, record: Record) -> Iterator[bytes]:
    """
    Yield the content of an object, at most 1 MiB at a time; raises DamagedError.

    One that fits into a single piece is checked before it is yielded, a larger one by the end.
    """
    if record.size < PIECE and record.stored < PIECE:
        if small := _small(holding, sha, record):
            yield small
        return
    found, kept, total = hasher(record.kind, record.size), b"", 0
    for data in _inflated(holding, record):
        if kept:
            yield kept
        found.update(data)
        kept, total = data, total + len(data)
    if total != record.size or found.hexdigest() != sha:
        raise DamagedError(f"object {sha} is damaged on this host's disk")
    if kept:
        yield kept


def _small(holding: Holding, sha: str, record: Record) -> bytes:
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(b"".join(holding.stored(record)), record.size + 1)
    except zlib.error as error:
        raise DamagedError(f"a kept object is damaged: {error}") from error
    if not inflate.eof and len(content) <= record.size:
        raise DamagedError("a kept object is cut off")
    if len(content) != record.size or object_id(record.kind, content) != sha:
        raise DamagedError(f"object {sha} is damaged on this host's disk")
    return content


def _inflated(holding: Holding, record: Record) -> Iterator[bytes]:
    inflate, left = zlib.decompressobj(), record.size
    try:
        for piece in holding.stored(record):
            data = piece
            while data and not inflate.eof:
                out = inflate.decompress(data, MIB)
                data, left = inflate.unconsumed_tail, left - len(out)
                if left < 0:
                    return
                if out:
                    yield out
    except zlib.error as error:
        raise DamagedError(f"a kept object is damaged: {error}") from error
    if not inflate.eof:
        raise DamagedError("a kept object is cut off")
