"""
Git objects on disk: a shelf takes them as they come, a snapshot is a shelf in one checked file.

Each object is a zlib stream of its own (see `stored`), so that one can be read, or copied, without the others and
without holding it. Writes its file atomically; touches nothing else.

A snapshot is: MAGIC, the streams, the index (ENTRY for each object, sorted by id), a note (JSON), and TAIL:
where the index starts, how many entries it has, how long the note is, and the SHA-256 of index and note.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from agent.errors import SourceError
from agent.files import make_private, sync_directory
from agent.git.limits import FAST, MIB
from agent.git.objects import Kind, object_id
from agent.git.stored import PIECE, DamagedError, Holding, Record, on_this_disk, undamaged

MAGIC = b"TRUEDOB1"
ENTRY = struct.Struct(">20sBQQQ")
TAIL = struct.Struct(">QQQ32s")
NOTE_LIMIT = 64 << 10
RECENT = 2 * MIB  # of contents that are held from when they were brought until they are put in their place


class _File:
    """A file read at places, without a position that anyone could move; closed, at the latest, when forgotten."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.close = weakref.finalize(self, os.close, descriptor)

    def stored(self, record: Record) -> Iterator[bytes]:
        if not self.close.alive:
            raise SourceError("this commit is not kept any more")
        place, left = record.start, record.stored
        while left:
            with undamaged("a kept object"):
                data = os.pread(self._descriptor, min(left, PIECE), place)
            if not data:
                raise DamagedError("a kept object is cut off")
            yield data
            place, left = place + len(data), left - len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _nameless(folder: Path) -> int:
    """Return a descriptor of a new file without a name; raises OSError."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # not every file system has them
        import tempfile

        with tempfile.TemporaryFile(dir=folder) as file:
            return os.dup(file.fileno())


class Shelf(_File):
    """Objects as they come, in a file without a name: nothing is left of it, whatever ends the process."""

    def __init__(self, folder: Path) -> None:
        make_private(folder)
        super().__init__(_nameless(folder))
        self.folder = folder
        self.records: dict[str, Record] = {}
        self.recent: dict[str, bytes] = {}  # contents of small files, proven
        self._room = RECENT
        self._buffer = bytearray()
        self._flushed = self._end = 0  # how far the file is written, and where the last whole object ends

    def find(self, sha: str) -> Record | None:
        return self.records.get(sha)

    def stored(self, record: Record) -> Iterator[bytes]:
        with on_this_disk(self.folder):
            self._flush()
        return super().stored(record)

    def begin(self) -> None:
        """Start an object; what was written of one that was given up is written over."""
        if self._flushed > self._end:
            self._flushed = self._end
            self._buffer.clear()
        del self._buffer[self._end - self._flushed :]

    def write(self, stored: bytes) -> None:
        self._buffer += stored
        if len(self._buffer) > MIB:
            self._flush()

    def finish(self, sha: str, kind: Kind, size: int) -> None:
        """Say what has been written since `begin`."""
        start, self._end = self._end, self._flushed + len(self._buffer)
        self.records.setdefault(sha, Record(kind, start, self._end - start, size))

    def put(self, sha: str, kind: Kind, size: int, stored: bytes, content: bytes) -> None:
        """Put an object there whose stream is at hand, and its content, which was held against its id."""
        self.begin()
        self.write(stored)
        self.finish(sha, kind, size)
        if kind is Kind.BLOB and size <= self._room and sha not in self.recent:
            self.recent[sha] = content
            self._room -= size

    def _flush(self) -> None:
        while self._buffer:
            written = os.pwrite(self._descriptor, self._buffer, self._flushed)
            self._flushed += written
            del self._buffer[:written]

    def add(self, kind: Kind, data: bytes) -> str:
        """Put an object there and return its id."""
        sha = object_id(kind, data)
        if sha not in self.records:
            self.put(sha, kind, len(data), zlib.compress(data, FAST), data)
        return sha

    def adopt(self, sha: str, record: Record, holding: Holding) -> None:
        """Put an object there as it is stored elsewhere; raises DamagedError."""
        if sha not in self.records:
            self.begin()
            for piece in holding.stored(record):
                self.write(piece)
            self.finish(sha, record.kind, record.size)


class Snapshot(_File):
    """A file of kept objects, opened. Raises DamagedError for one that is not whole."""

    def __init__(self, path: Path) -> None:
        with undamaged(str(path)):
            super().__init__(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        self.path = path
        try:
            with undamaged(str(path)):
                self._index, self.note = self._opened()
        except BaseException:
            self.close()
            raise

    def _opened(self) -> tuple[bytes, Mapping[str, str]]:
        size, descriptor = os.fstat(self._descriptor).st_size, self._descriptor
        tail = os.pread(descriptor, TAIL.size, max(0, size - TAIL.size))
        if size < TAIL.size + len(MAGIC) or os.pread(descriptor, len(MAGIC), 0) != MAGIC:
            raise DamagedError(f"{self.path}: not a file of kept objects")
        start, count, note, digest = TAIL.unpack(tail)
        if note > NOTE_LIMIT or start + count * ENTRY.size + note + TAIL.size != size:
            raise DamagedError(f"{self.path}: its parts do not add up")
        data = os.pread(descriptor, count * ENTRY.size + note, start)
        if hashlib.sha256(data).digest() != digest:
            raise DamagedError(f"{self.path}: the checksum of its index is wrong")
        return data[: count * ENTRY.size], json.loads(data[count * ENTRY.size :])

    def __len__(self) -> int:
        return len(self._index) // ENTRY.size

    def __iter__(self) -> Iterator[str]:
        return (name.hex() for name, *_ in ENTRY.iter_unpack(self._index))

    def find(self, sha: str) -> Record | None:
        name, index, width = bytes.fromhex(sha), self._index, ENTRY.size
        low, high = 0, len(index) // width
        while low < high:
            middle = (low + high) // 2
            place = middle * width
            found = index[place : place + 20]
            if found == name:
                _, kind, start, stored, size = ENTRY.unpack_from(index, place)
                return Record(Kind(kind), start, stored, size)
            if found < name:
                low = middle + 1
            else:
                high = middle
        return None


def save(path: Path, objects: Iterable[tuple[str, Record, Holding]], note: Mapping[str, str]) -> None:
    """Write a snapshot: after a crash at any point there is the file from before, or this one. Raises OSError."""
    make_private(path.parent)
    temporary = path.with_name(f"{path.name}.tmp")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=MIB) as file:
            _write(file, objects, note)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # it may have filled the disk, and the ledger is on it
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def _write(file: BinaryIO, objects: Iterable[tuple[str, Record, Holding]], note: Mapping[str, str]) -> None:
    file.write(MAGIC)
    entries, place = [], len(MAGIC)
    for sha, record, holding in objects:
        file.writelines(holding.stored(record))
        entries.append((bytes.fromhex(sha), int(record.kind), place, record.stored, record.size))
        place += record.stored
    index = b"".join(ENTRY.pack(*entry) for entry in sorted(entries))
    text = json.dumps(note, sort_keys=True).encode()
    file.write(index + text)
    file.write(TAIL.pack(place, len(entries), len(text), hashlib.sha256(index + text).digest()))
