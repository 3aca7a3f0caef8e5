"""
The objects of a repository on this machine: copied from where they stand, or put there by a push. Uses dulwich.

What stands whole is copied in pieces; only the result of a delta is held in memory.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID, ShaFile
from dulwich.pack import Pack
from dulwich.refs import Ref
from dulwich.repo import Repo

from agent.errors import SourceError
from agent.git.limits import MIB, Limits
from agent.git.objects import Kind, Mode, hasher, parse_commit, parse_tree
from agent.git.pack import Pieces, copy_whole
from agent.git.snapshot import Shelf
from agent.git.wire import PushRejectedError

FAST = 1  # a third of the time for a tenth more room, until the repository is packed


class Disk:
    """An object store, opened."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._store = DiskObjectStore(str(folder))
        self._limits = limits
        self._packs: list[tuple[Pack, BinaryIO, Pieces]] = []
        self.close = weakref.finalize(self, _close, self._store, self._packs)

    def copy(self, sha: str, into: Shelf) -> Kind:
        """Copy one object, in pieces where it stands whole; raises SourceError."""
        if record := into.find(sha):
            return record.kind
        if kind := self._copy_packed(sha, into):
            return kind
        if kind := _copy_loose(Path(self._store.path) / sha[:2] / sha[2:], sha, into, self._limits):
            return kind
        if self._found_packs() and (kind := self._copy_packed(sha, into)):
            return kind
        try:
            number, data = self._store.get_raw(ObjectID(sha.encode()))
        except KeyError:
            raise SourceError(f"the object {sha} is not there") from None
        if into.add(Kind(number), data) != sha:
            raise SourceError(f"the object {sha} is damaged")
        return Kind(number)

    def _copy_packed(self, sha: str, into: Shelf) -> Kind | None:
        """Copy an object that stands whole in one of the packs that are open."""
        name = ObjectID(sha.encode())
        for pack, _, pieces in self._packs:
            try:
                start = pack.index.object_offset(name)
            except KeyError:
                continue
            found = copy_whole(pieces, start, into, self._limits)
            if found and found[0] != sha:
                raise SourceError(f"the object {sha} is damaged")
            return found[1] if found else None
        return None

    def _found_packs(self) -> bool:
        """Open the packs that are new since the last look, which lists their folder; return whether there are any."""
        known = {str(pack.data.path) for pack, _, _ in self._packs}
        new = [pack for pack in self._store.packs if str(pack.data.path) not in known]
        for pack in new:
            file = Path(pack.data.path).open("rb")  # noqa: SIM115  closed with the disk
            self._packs.append((pack, file, Pieces(file)))
        return bool(new)


def _close(store: DiskObjectStore, packs: list[tuple[Pack, BinaryIO, Pieces]]) -> None:
    """Let go of all files."""
    for _, file, _ in packs:
        file.close()
    store.close()


def _copy_loose(path: Path, sha: str, into: Shelf, limits: Limits) -> Kind | None:
    """Copy an object from a file of its own; its zlib stream begins with what the id is computed from."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        pieces = _inflated(file)
        head, _, first = next(pieces, b"").partition(b"\0")
        word, _, digits = head.partition(b" ")
        kind = next((kind for kind in Kind if kind.word == word), None)
        if kind is None or not digits.isdigit():
            raise SourceError(f"the object {sha} is damaged")
        size = int(digits)
        if size > limits.object:
            raise SourceError(f"the object {sha} is too large: {size} bytes, at most {limits.object}")
        _store_whole(sha, kind, size, chain((first,), pieces), into)
        return kind


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    while not inflate.eof and (data := file.read(64 << 10)):
        while data and not inflate.eof:
            if out := inflate.decompress(data, MIB):
                yield out
            data = inflate.unconsumed_tail


def _store_whole(sha: str, kind: Kind, size: int, pieces: Iterable[bytes], into: Shelf) -> None:
    found, deflate, total = hasher(kind, size), zlib.compressobj(1), 0
    into.begin()
    for piece in pieces:
        total += len(piece)
        if total > size:
            break
        found.update(piece)
        into.write(deflate.compress(piece))
    into.write(deflate.flush())
    if total != size or found.hexdigest() != sha:
        raise SourceError(f"the object {sha} is damaged")
    into.finish(sha, kind, size)


def push(path: Path, ref: str, old: str | None, new: str, objects: Sequence[ShaFile]) -> None:
    """Write the objects, each after what it refers to has been seen, then move the ref."""
    with Repo(str(path)) as repo:
        if repo.object_store.loose_compression_level == -1:  # what its owner has not chosen
            repo.object_store.loose_compression_level = FAST
        _push(repo, ref, old, new, objects)


def _push(repo: Repo, ref: str, old: str | None, new: str, objects: Sequence[ShaFile]) -> None:
    brought = {item.id for item in objects}
    for item in objects:
        for needed in _referred(item):
            if needed not in brought and ObjectID(needed) not in repo.object_store:
                raise PushRejectedError(
                    f"{ref}: the object {needed.decode()} is missing, nothing was pushed"
                )
    for item in objects:
        repo.object_store.add_object(item)
    name, target = Ref(ref.encode()), ObjectID(new.encode())
    if target not in repo.object_store:
        raise PushRejectedError(f"{ref}: the object {new} is missing, nothing was pushed")
    if old is None:
        moved = repo.refs.add_if_new(name, target)
    else:
        moved = repo.refs.set_if_equals(name, ObjectID(old.encode()), target)
    if not moved:
        raise PushRejectedError(f"{ref}: somebody else moved it first")


def _referred(item: ShaFile) -> Iterator[bytes]:
    """Yield what an object cannot do without."""
    match item.type_num:
        case Kind.COMMIT:
            head = parse_commit(item.as_raw_string())
            yield from (sha.encode() for sha in (head.tree, *head.parents))
        case Kind.TREE:
            entries = parse_tree(item.as_raw_string()).values()
            yield from (entry.sha.encode() for entry in entries if entry.mode is not Mode.MODULE)
