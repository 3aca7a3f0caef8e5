"""
Takes a received pack apart onto a shelf, in one pass over a file: nothing is held whole but deltas and their bases.

Each size is held against the limits before anything is inflated past it; each id is computed from the content.
The format is gitformat-pack(5).
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import BinaryIO

from agent.git.delta import DeltaError, apply_delta, result_size
from agent.git.entries import OFS_DELTA, REF_DELTA, STEP, PackError, Pieces, base_of, header, stream
from agent.git.limits import Limits
from agent.git.objects import KINDS, Kind, hasher, object_id
from agent.git.snapshot import Shelf
from agent.git.stored import read
from agent.values import dataclass

SMALL = 32 << 10  # bytes of an object that is copied in one piece
ROUNDS = 64  # in which deltas on a name find their base; Git makes none where ofs-delta was asked for


@dataclass(frozen=True, slots=True)
class _Delta:
    base: int | str  # where in the pack, or which object
    start: int
    size: int
    result: int


@dataclass(slots=True)
class _Unpacking:
    """The state of one pass."""

    pack: Pieces
    shelf: Shelf
    limits: Limits
    total: int = 0
    ids: dict[int, str] = field(default_factory=dict)  # of what stands where in the pack
    deltas: dict[int, _Delta] = field(default_factory=dict)


def receive(
    into: Shelf, limits: Limits, wants: Collection[str], bring: Callable[[Collection[str], BinaryIO], None]
) -> frozenset[str]:
    """
    Have a pack brought into a file, put its objects on a shelf, and return their ids; raises SourceError.

    What was wanted and is not in it is asked for once more, each alone: a large delta then comes whole.
    """
    found = _received(into, limits, wants, bring)
    for missing in sorted(set(wants) - found):
        found |= _received(into, limits, (missing,), bring)
        if missing not in found:
            raise PackError(f"the server does not send the object {missing}")
    return found


def _received(
    into: Shelf, limits: Limits, wants: Collection[str], bring: Callable[[Collection[str], BinaryIO], None]
) -> frozenset[str]:
    import tempfile

    with tempfile.TemporaryFile(dir=into.folder) as file:
        bring(wants, file)
        return unpack(file, into, limits)


def unpack(file: BinaryIO, shelf: Shelf, limits: Limits) -> frozenset[str]:
    """
    Put the objects of a pack on a shelf and return their ids; raises PackError.

    What would grow beyond `limits.delta` as the result of a delta is left out: asked for by itself, it comes whole.
    """
    pass_ = _Unpacking(Pieces(file), shelf, limits)
    _checksum(file, pass_.pack.size)
    for _ in range(_count(pass_)):
        _entry(pass_)
    if pass_.pack.place != pass_.pack.size - 20:
        raise PackError("the pack is longer than what it holds")
    _resolve(pass_)
    return frozenset(pass_.ids.values())


def _checksum(file: BinaryIO, size: int) -> None:
    if size < 32:
        raise PackError("the pack is cut off")
    found, place = hashlib.sha1(usedforsecurity=False), 0
    while place < size - 20:
        data = os.pread(file.fileno(), min(STEP, size - 20 - place), place)
        found.update(data)
        place += len(data)
    if os.pread(file.fileno(), 20, size - 20) != found.digest():
        raise PackError("the pack is damaged: its checksum is wrong")


def _count(pass_: _Unpacking) -> int:
    magic, version, count = struct.unpack(">4sLL", pass_.pack.ahead(12))
    if magic != b"PACK" or version not in {2, 3}:
        raise PackError("what came is not a pack")
    if count > pass_.limits.objects:
        raise PackError(f"the pack holds {count} objects, more than {pass_.limits.objects}")
    pass_.pack.place = 12
    return int(count)


def _entry(pass_: _Unpacking) -> None:
    start = pass_.pack.place
    kind, size = header(pass_.pack)
    if kind not in {1, 2, 3, 4, OFS_DELTA, REF_DELTA}:
        raise PackError(f"the pack holds an object of the unknown type {kind}")
    if kind in {OFS_DELTA, REF_DELTA}:
        base = base_of(pass_.pack, start, kind)
        _bound(pass_, size, pass_.limits.object)
        place = pass_.pack.place
        head = _scan(pass_, size)
        with _sound():
            pass_.deltas[start] = _Delta(base, place, size, result_size(head))
        return
    _bound(pass_, size, pass_.limits.object)
    pass_.ids[start] = _whole(pass_, KINDS[kind], size)


def _bound(pass_: _Unpacking, size: int, limit: int) -> None:
    if size > limit:
        raise PackError(f"the pack holds an object of {size} bytes, more than {limit}")
    pass_.total += size
    if pass_.total > pass_.limits.inflated:
        raise PackError(f"the pack inflates to more than {pass_.limits.inflated} bytes")


def _whole(pass_: _Unpacking, kind: Kind, size: int) -> str:
    """Copy a stream as it is, while its content is hashed."""
    if size < SMALL and (small := _small(pass_, kind, size)):
        return small
    found, shelf = hasher(kind, size), pass_.shelf
    shelf.begin()
    for stored, content in stream(pass_.pack, size):
        shelf.write(stored)
        found.update(content)
    sha = found.hexdigest()
    shelf.finish(sha, kind, size)
    return sha


def _small(pass_: _Unpacking, kind: Kind, size: int) -> str | None:
    """Copy a stream in one piece; None where that is not all of it, or not what it should be."""
    pack, inflate = pass_.pack, zlib.decompressobj()
    feed = pack.ahead(size + 64)  # what does not shrink grows by less: zlib.net/zlib_tech.html
    try:
        content = inflate.decompress(feed, size + 1)
    except zlib.error:
        return None
    if not inflate.eof or len(content) != size:
        return None
    sha, used = object_id(kind, content), len(feed) - len(inflate.unused_data)
    pass_.shelf.put(sha, kind, size, feed[:used], content)
    pack.place += used
    return sha


def _scan(pass_: _Unpacking, size: int) -> bytes:
    """Pass over a delta; return how it begins."""
    head = b""
    for _, content in stream(pass_.pack, size):
        if len(head) < 32:
            head += content[:32]
    return head


@contextmanager
def _sound() -> Iterator[None]:
    try:
        yield
    except DeltaError as error:
        raise PackError(f"the pack is damaged: {error}") from error


def _resolve(pass_: _Unpacking) -> None:
    """Make objects of the deltas: a base by offset stands before, one by name may stand anywhere."""
    bases, left_out = _Bases(pass_), set[int]()
    for _ in range(ROUNDS):
        if not (
            waiting := [start for start in pass_.deltas if start not in pass_.ids and start not in left_out]
        ):
            return
        before = len(waiting)
        for start in waiting:
            delta = pass_.deltas[start]
            base = _known(pass_, delta.base)
            if delta.base in left_out or _too_large(pass_, delta, base):
                left_out.add(start)
                before -= 1
            elif base is not None:
                pass_.ids[start] = _apply(pass_, bases, base, delta)
                before -= 1
        if before == len(waiting):
            break
    raise PackError("the pack holds a delta without its base")


def _known(pass_: _Unpacking, base: int | str) -> str | None:
    if isinstance(base, int):
        return pass_.ids.get(base)
    return base if pass_.shelf.find(base) else None


def _too_large(pass_: _Unpacking, delta: _Delta, base: str | None) -> bool:
    """Return whether this would need more memory than a delta may."""
    record = pass_.shelf.find(base) if base is not None else None
    return max(delta.size, delta.result, record.size if record else 0) > pass_.limits.delta


class _Bases:
    """The contents of the last bases; how much may be read for them altogether is bounded."""

    def __init__(self, pass_: _Unpacking) -> None:
        self._pass = pass_
        self._kept: OrderedDict[str, tuple[Kind, bytes]] = OrderedDict()
        self._read = self._held = 0

    def get(self, sha: str) -> tuple[Kind, bytes]:
        if sha in self._kept:
            self._kept.move_to_end(sha)
            return self._kept[sha]
        limits, record = self._pass.limits, self._pass.shelf.find(sha)
        if record is None:
            raise PackError("the pack holds a delta without its base")
        self._read += record.size
        if self._read > 4 * limits.inflated:
            raise PackError("the pack takes too much work: deltas on too many large objects")
        found = (record.kind, read(self._pass.shelf, sha, record, limits.delta))
        self._keep(sha, found, limits.delta)
        return found

    def _keep(self, sha: str, found: tuple[Kind, bytes], room: int) -> None:
        self._kept[sha] = found
        self._held += len(found[1])
        while self._held > room and len(self._kept) > 1:
            self._held -= len(self._kept.popitem(last=False)[1][1])


def _apply(pass_: _Unpacking, bases: _Bases, base: str, delta: _Delta) -> str:
    kind, content = bases.get(base)
    pass_.total += delta.result
    if pass_.total > pass_.limits.inflated:
        raise PackError(f"the pack inflates to more than {pass_.limits.inflated} bytes")
    pass_.pack.place = delta.start
    orders = b"".join(piece for _, piece in stream(pass_.pack, delta.size))
    with _sound():
        return pass_.shelf.add(kind, apply_delta(content, orders))


def copy_whole(pack: Pieces, start: int, shelf: Shelf, limits: Limits) -> tuple[str, Kind] | None:
    """Copy the object at a place in a pack on disk as it stands there; None for a delta. Raises PackError."""
    pack.place = start
    number, size = header(pack)
    if not 0 < number < len(KINDS):
        return None
    pass_, kind = _Unpacking(pack, shelf, limits), KINDS[number]
    _bound(pass_, size, limits.object)
    return _whole(pass_, kind, size), kind
