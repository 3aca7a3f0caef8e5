"""
The shallow store, for servers that cannot send single objects: everything of the last commit seen, in few files.

Each fetch adds a layer, a file as `agent.git.snapshot` writes it; when there are too many, or they have grown too
large, one new layer with what the last commit needs takes the place of all. A name counts up, so that the newest
whole cut and what follows it is the store, wherever a crash left off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Self

from agent.errors import SourceError
from agent.git.limits import MIB
from agent.git.objects import Kind, Mode, parse_commit, parse_tag, parse_tree
from agent.git.snapshot import Shelf, Snapshot, save
from agent.git.stored import DamagedError, Holding, Record, read

LAYERS = 30
TRIES = 5  # to open a store whose layers another process replaces at that moment
SPARE = 4 * MIB  # bytes that layers may always have, beside as many as their cut has


class MovedError(SourceError):
    """Another process has changed the store meanwhile: it is whole, and not at the commit that it was brought up to."""


class Layers:
    """The store, opened for reading. Raises DamagedError for one that is not whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._layers: list[Snapshot] = []
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                self._open()
            except FileNotFoundError as error:  # another trued has cut the store meanwhile
                self.close()
                if last:
                    raise MovedError(f"{folder}: another trued changes it all the time") from error
            except BaseException:
                self.close()
                raise
            else:
                return

    def _open(self) -> None:
        paths = sorted(self.folder.glob("[0-9]*.objects"))
        for path in reversed(paths):
            self._layers.insert(0, Snapshot(path))
            if self._layers[0].note.get("cut"):
                return
        if paths:
            raise DamagedError(f"{self.folder}: the layer that all others stand on is missing")

    @property
    def tip(self) -> str:
        """The commit that the store holds in full; empty for none."""
        return self._layers[-1].note["tip"] if self._layers else ""

    @property
    def base(self) -> str:
        """The commit whose ancestors the store is not sure to hold."""
        return self._layers[-1].note["base"] if self._layers else ""

    def find(self, sha: str) -> Record | None:
        found = self.where(sha)
        return found[0] if found else None

    def where(self, sha: str) -> tuple[Record, Holding] | None:
        """Return where an object is, and in which layer."""
        for layer in reversed(self._layers):
            if (record := layer.find(sha)) is not None:
                return record, layer
        return None

    def content(self, sha: str, limit: int) -> bytes | None:
        """Return an object whole, None if it is not held; raises DamagedError."""
        found = self.where(sha)
        return read(found[1], sha, found[0], limit) if found else None

    def add(self, shelf: Shelf, *, tip: str) -> None:
        """Put a new layer on top, then cut if it is time; raises OSError."""
        items = ((sha, record, shelf) for sha, record in sorted(shelf.records.items()))
        save(self._next(), items, {"tip": tip, "base": self.base})

    def replace(self, shelf: Shelf, *, tip: str) -> None:
        """Put one layer in the place of all; raises OSError."""
        items = ((sha, record, shelf) for sha, record in sorted(shelf.records.items()))
        self._cut(items, tip)

    def grown(self) -> bool:
        """Return whether it is time to cut."""
        sizes = [layer.path.stat().st_size for layer in self._layers]
        return len(sizes) > LAYERS or sum(sizes[1:]) > sum(sizes[:1]) + SPARE

    def cut(self, limit: int) -> None:
        """Leave only what the last commit needs, and the commits behind it; raises DamagedError, OSError."""
        needed = {
            sha: self.where(sha)
            for sha in (*_below(self, self.tip, limit), *_commits(self, self.tip, limit))
        }
        items = ((sha, found[0], found[1]) for sha, found in sorted(needed.items()) if found)
        self._cut(items, self.tip)

    def _cut(self, items: Iterator[tuple[str, Record, Holding]], tip: str) -> None:
        path = self._next()
        save(path, items, {"tip": tip, "base": tip, "cut": "yes"})
        for old in self.folder.glob("[0-9]*.objects"):
            if old.name < path.name:
                old.unlink(missing_ok=True)

    def _next(self) -> Path:
        numbers = [int(path.stem) for path in self.folder.glob("[0-9]*.objects")]
        return self.folder / f"{max(numbers, default=0) + 1:09d}.objects"

    def close(self) -> None:
        for layer in self._layers:
            layer.close()
        self._layers = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def copy(folder: Path, shas: Collection[str], shelf: Shelf, *, tip: str, commits: bool, limit: int) -> None:
    """
    Copy objects of the commit that the store was brought up to, and all commits behind it if so wanted, to a shelf.

    Raises DamagedError for a lack, MovedError if another process has brought it to another commit since.
    """
    with Layers(folder) as layers:
        if layers.tip != tip:
            raise MovedError(f"{folder}: another trued has brought it to another commit")
        for sha in (*shas, *(_commits(layers, tip, limit) if commits else ())):
            if (found := layers.where(sha)) is None:
                raise DamagedError(f"{folder}: lacks the object {sha}")
            shelf.adopt(sha, *found)


def _below(layers: Layers, tip: str, limit: int) -> Iterator[str]:
    """Yield a tag or commit, and all folders and files below it."""
    waiting, seen = [tip], set[str]()
    while waiting:
        sha = waiting.pop()
        if sha in seen:
            continue
        seen.add(sha)
        yield sha
        if (found := layers.find(sha)) is None:
            raise DamagedError(f"{layers.folder}: lacks the object {sha}")
        if found.kind is not Kind.BLOB:
            waiting += _inside(found.kind, layers.content(sha, limit) or b"", sha)


def _inside(kind: Kind, data: bytes, sha: str) -> list[str]:
    try:
        match kind:
            case Kind.COMMIT:
                return [parse_commit(data).tree]
            case Kind.TAG:
                return [parse_tag(data)]
            case _:
                return [entry.sha for entry in parse_tree(data).values() if entry.mode is not Mode.MODULE]
    except ValueError as error:
        raise SourceError(f"object {sha}: {error}") from error


def _commits(layers: Layers, tip: str, limit: int) -> Iterator[str]:
    """Yield the commits that are held, from the last one back; what they hold besides is not kept."""
    waiting, seen = [tip], set[str]()
    while waiting:
        sha = waiting.pop()
        found = layers.find(sha)
        if sha in seen or found is None:
            continue
        seen.add(sha)
        yield sha
        data = layers.content(sha, limit) or b""
        if found.kind is Kind.TAG:
            waiting.append(parse_tag(data))
        elif found.kind is Kind.COMMIT:
            waiting += parse_commit(data).parents
