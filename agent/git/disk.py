"""
The objects of a repository on this machine: copied from where they stand. Changes nothing.

What stands whole is copied in pieces; only the result of a delta is held in memory. Where Git itself would look further, dulwich does.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from agent.errors import SourceError
from agent.git.delta import DeltaError, apply_delta, result_size
from agent.git.entries import read_one
from agent.git.index import Packs
from agent.git.limits import FAST, MIB, Limits
from agent.git.objects import Kind, hasher
from agent.git.pack import copy_whole
from agent.git.plain import open_plain, refuse_strange
from agent.git.snapshot import Shelf

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore


DEEPEST = 4095  # deltas on one another, which is as many as Git makes (git-pack-objects(1), --depth)


class _DamagedError(SourceError):
    """What an object holds is not what its name says."""


class Disk:
    """An object store, opened."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._packs = Packs(folder / "pack")
        self._others: list[DiskObjectStore] = []
        self.close = weakref.finalize(self, _close, self._packs, self._others)

    def holds(self, sha: str) -> bool:
        """Return whether an object is there; raises OSError."""
        if (self._folder / sha[:2] / sha[2:]).is_file() or self._packs.find(sha):
            return True
        if self._packs.look() and self._packs.find(sha):
            return True
        from dulwich.objects import ObjectID

        refuse_strange(self._folder, f"{sha[:2]}/{sha[2:]}")
        return ObjectID(sha.encode()) in self._store()

    def copy(self, sha: str, into: Shelf) -> Kind:
        """Copy one object, in pieces where it stands whole; raises SourceError."""
        if record := into.find(sha):
            return record.kind
        if kind := self._copy_packed(sha, into):
            return kind
        try:
            if kind := _copy_loose(self._folder / sha[:2] / sha[2:], sha, into, self._limits):
                return kind
        except _DamagedError:
            self._packs.look()  # Git, too, takes the good one of two
            if self._packs.find(sha) is None:
                raise
            return self._copy_packed(sha, into) or self._made_of_deltas(sha, into)
        if self._packs.look() and (kind := self._copy_packed(sha, into)):
            return kind
        return self._made_of_deltas(sha, into)

    def _copy_packed(self, sha: str, into: Shelf) -> Kind | None:
        """Copy an object that stands whole in one of the packs that are open."""
        if (place := self._packs.find(sha)) is None:
            return None
        found = copy_whole(*place, into, self._limits)
        if found and found[0] != sha:
            raise _DamagedError(f"the object {sha} is damaged")
        return found[1] if found else None

    def _made_of_deltas(self, sha: str, into: Shelf) -> Kind:
        """Copy what stands as a delta, or where dulwich alone looks: with alternates, or an index of old."""
        if made := self._made(sha):
            return self._added(sha, *made, into)
        from dulwich.objects import ObjectID

        try:
            number, data = self._store().get_raw(ObjectID(sha.encode()))
        except KeyError:
            raise SourceError(f"the object {sha} is not there") from None
        return self._added(sha, Kind(number), data, into)

    def _made(self, sha: str) -> tuple[Kind, bytes] | None:
        """Return what an object is in one of the packs that are open, where all of its bases are there as well."""
        place, deltas, limit = self._packs.find(sha), list[bytes](), self._limits.object
        while place is not None and len(deltas) <= DEEPEST:
            base, data = read_one(*place, limit)
            if isinstance(base, Kind):
                return base, self._applied(sha, data, deltas)
            deltas.append(data)
            place = (place[0], base) if isinstance(base, int) else self._packs.find(base)
        return None

    def _applied(self, sha: str, data: bytes, deltas: list[bytes]) -> bytes:
        """Return what becomes of a base, with the delta on it last."""
        try:
            for delta in reversed(deltas):
                if (size := result_size(delta)) > self._limits.object:
                    raise SourceError(
                        f"the object {sha} is too large: {size} bytes, at most {self._limits.object}"
                    )
                data = apply_delta(data, delta)
        except DeltaError as error:
            raise _DamagedError(f"the object {sha} is damaged") from error
        return data

    def _added(self, sha: str, kind: Kind, data: bytes, into: Shelf) -> Kind:
        if into.add(kind, data) != sha:
            raise _DamagedError(f"the object {sha} is damaged")
        return kind

    def _store(self) -> DiskObjectStore:
        if not self._others:
            from dulwich.object_store import DiskObjectStore  # few repositories have alternates

            refuse_strange(self._folder, "info/alternates")
            self._others.append(DiskObjectStore(str(self._folder)))
        return self._others[0]


def _close(packs: Packs, others: list[DiskObjectStore]) -> None:
    """Let go of all files."""
    packs.close()
    for store in others:
        store.close()


def _copy_loose(path: Path, sha: str, into: Shelf, limits: Limits) -> Kind | None:
    """Copy an object from a file of its own; its zlib stream begins with what the id is computed from."""
    try:
        file = open_plain(path)
    except FileNotFoundError:
        return None
    with file:
        pieces = _inflated(file, sha)
        head, _, first = next(pieces, b"").partition(b"\0")
        word, _, digits = head.partition(b" ")
        kind = next((kind for kind in Kind if kind.word == word), None)
        if kind is None or not digits.isdigit():
            raise _DamagedError(f"the object {sha} is damaged")
        size = int(digits)
        if size > limits.object:
            raise SourceError(f"the object {sha} is too large: {size} bytes, at most {limits.object}")
        _store_whole(sha, kind, size, chain((first,), pieces), into)
        return kind


def _inflated(file: BinaryIO, sha: str) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    try:
        while not inflate.eof and (data := file.read(64 << 10)):
            while data and not inflate.eof:
                if out := inflate.decompress(data, MIB):
                    yield out
                data = inflate.unconsumed_tail
    except zlib.error as error:
        raise _DamagedError(f"the object {sha} is damaged") from error


def _store_whole(sha: str, kind: Kind, size: int, pieces: Iterable[bytes], into: Shelf) -> None:
    found, deflate, total = hasher(kind, size), zlib.compressobj(FAST), 0
    into.begin()
    for piece in pieces:
        total += len(piece)
        if total > size:
            break
        found.update(piece)
        into.write(deflate.compress(piece))
    into.write(deflate.flush())
    if total != size or found.hexdigest() != sha:
        raise _DamagedError(f"the object {sha} is damaged")
    into.finish(sha, kind, size)
