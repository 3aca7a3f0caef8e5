"""
The objects that one commit is read from: those kept on this host, those just fetched, and the rest on demand.

What a tree touched is remembered: it is what `keep` puts into the commit's snapshot. A snapshot that turns out
to be damaged is moved away, and what it held is fetched anew.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from agent.errors import SourceError
from agent.git.limits import Limits
from agent.git.objects import Kind
from agent.git.snapshot import Shelf, Snapshot, save
from agent.git.stored import DamagedError, Holding, Record, chunks, on_this_disk, read

log = logging.getLogger(__name__)

Bring = Callable[[Collection[str], Shelf], object]


class Stock:
    """Where an object is, by its id."""

    def __init__(
        self, folder: Path, bring: Bring, limits: Limits, snapshots: Collection[Snapshot] = ()
    ) -> None:
        self._folder, self._bring, self._limits = folder, bring, limits
        self._snapshots = list(snapshots)
        self._shelf: Shelf | None = None
        self._recent: dict[str, bytes] = {}  # what has just been brought, each until it is asked for
        self.touched: set[str] = set()

    @property
    def shelf(self) -> Shelf:
        """What is fetched goes here."""
        if self._shelf is None:
            self._shelf = Shelf(self._folder)
        return self._shelf

    @property
    def fresh(self) -> bool:
        """Whether anything here is in no snapshot of this commit yet."""
        return self._shelf is not None and bool(self._shelf.records)

    def ensure(self, shas: Collection[str]) -> None:
        """Make objects ready, those that are missing in one request; raises SourceError."""
        if missing := [sha for sha in dict.fromkeys(shas) if self._find(sha) is None]:
            with on_this_disk(self._folder):
                self._bring(missing, self.shelf)

    def content(self, sha: str, kind: Kind) -> bytes:
        """Return a commit, tag, tree or small blob whole; raises SourceError."""
        self.touched.add(sha)
        return self.peek(sha, kind)

    def peek(self, sha: str, kind: Kind) -> bytes:
        """Return the same, of something that need not be kept."""
        for _ in range(2):
            holding, record = self._brought(sha)
            if record.kind is not kind:
                raise SourceError(
                    f"object {sha} is a {record.kind.word.decode()}, not a {kind.word.decode()}"
                )
            try:
                return read(holding, sha, record, self._limits.delta)
            except DamagedError as error:
                self._drop(holding, error)
        raise SourceError(f"object {sha} cannot be had undamaged")

    def chunks(self, sha: str) -> Iterator[bytes]:
        """Yield a blob, at most 1 MiB at a time; raises SourceError."""
        begun = False
        self.touched.add(sha)
        if (content := self._recent.pop(sha, None)) is not None:
            if content:
                yield content
            return
        for _ in range(2):
            holding, record = self._brought(sha)
            try:
                for piece in chunks(holding, sha, record):
                    begun = True
                    yield piece
            except DamagedError as error:
                self._drop(holding, error)
                if begun:
                    raise
            else:
                return
        raise SourceError(f"object {sha} cannot be had undamaged")

    def kind(self, sha: str) -> Kind:
        """Return the type of an object; raises SourceError."""
        return self._brought(sha)[1].kind

    def holds(self, sha: str) -> bool:
        """Return whether an object is at hand."""
        return self._find(sha) is not None

    def keep(self, path: Path, note: dict[str, str]) -> None:
        """Write all that was touched, and what the file held before, and read from there from now on."""
        before = [item for item in self._snapshots if item.path == path]
        wanted = self.touched.union(*before)
        try:
            self._save(path, wanted, note)
        except DamagedError as error:  # of which one, copying does not say
            for item in tuple(self._snapshots):
                self._drop(item, error)
            self._save(path, wanted, note)
        recent = self._recent | (self._shelf.recent if self._shelf else {})
        self.close()
        self._snapshots, self._recent = [Snapshot(path)], recent

    def _save(self, path: Path, wanted: Collection[str], note: dict[str, str]) -> None:
        self.ensure(wanted)
        items = ((sha, record, holding) for sha in sorted(wanted) for holding, record in [self._found(sha)])
        save(path, items, note)

    def forget(self) -> None:
        """Let go of contents that nobody has asked for by now; they are on the disk."""
        self._recent = {}

    def close(self) -> None:
        """Let go of all files; what was only fetched, and not kept, is gone."""
        for holding in self._snapshots:
            holding.close()
        if self._shelf is not None:
            self._shelf.close()
        self._shelf, self._snapshots, self._recent = None, [], {}

    def _find(self, sha: str) -> tuple[Holding, Record] | None:
        for snapshot in self._snapshots:
            if (record := snapshot.find(sha)) is not None:
                return snapshot, record
        if self._shelf is not None and (record := self._shelf.find(sha)) is not None:
            return self._shelf, record
        return None

    def _brought(self, sha: str) -> tuple[Holding, Record]:
        """Return where an object is, after it was fetched if need be; raises SourceError."""
        if (found := self._find(sha)) is not None:
            return found
        self.ensure((sha,))
        return self._found(sha)

    def _found(self, sha: str) -> tuple[Holding, Record]:
        if (found := self._find(sha)) is None:
            raise SourceError(f"the server does not send the object {sha}")
        return found

    def _drop(self, holding: Holding, error: DamagedError) -> None:
        if not isinstance(holding, Snapshot):
            raise error
        self._snapshots = [item for item in self._snapshots if item is not holding]
        holding.close()
        with on_this_disk(self._folder):
            move_away(holding.path, error)


def move_away(path: Path, error: BaseException) -> None:
    """Put something damaged aside, for a person to look at; only the last of it is kept."""
    for old in path.parent.glob("damaged-*"):
        _remove(old)
    aside = path.with_name(f"damaged-{int(time.time())}-{path.name}")
    with suppress(FileNotFoundError):
        path.rename(aside)
        log.warning("%s: damaged, moved to %s, fetched anew: %s", path, aside.name, error)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            for child in path.iterdir():
                _remove(child)
            path.rmdir()
        else:
            os.unlink(path)
