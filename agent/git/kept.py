"""
The commits that are at hand on this host, each with what it is read from: kept in a checked file, or only fetched so far.

Writes only in its own folder. Everything there can be fetched again, so what is damaged is moved away.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.errors import SourceError
from agent.files import sync_directory
from agent.git.limits import Limits
from agent.git.snapshot import Snapshot
from agent.git.stock import Bring, Stock, move_away
from agent.git.stored import DamagedError
from agent.git.tree import GitTree
from agent.git.verify import verified
from agent.model import VerifiedCommit
from agent.values import dataclass


@dataclass(slots=True)
class Known:
    """A commit that was proven, and what it is read from."""

    commit: VerifiedCommit
    stock: Stock
    target: str  # what the ref pointed at: the commit, or a tag before it
    signers: str  # which list of signers it was held against
    kept: bool


class Kept:
    """They are found by name. `bring` returns what fetches the objects of one commit that are not at hand."""

    def __init__(self, folder: Path, limits: Limits, bring: Callable[[str], Bring]) -> None:
        self._folder, self._limits, self._bring = folder, limits, bring
        self._known: dict[str, Known] = {}

    def find(self, sha: str) -> Known | None:
        """Return a commit that is open."""
        return self._known.get(sha)

    def put(self, sha: str, known: Known) -> None:
        """Have a commit open from now on."""
        self._known[sha] = known

    def follow(self, known: Known) -> None:
        """
        Have the newest commit open from now on, and close what was fetched and never kept.

        Who still holds such a commit has it fetched again.
        """
        sha = known.commit.sha
        if (old := self._known.get(sha)) is not None and old is not known:
            old.stock.close()
        for other in [name for name, one in self._known.items() if not one.kept]:
            self._known.pop(other).stock.close()
        self._known[sha] = known

    def reopened(self, sha: str) -> Known | None:
        """Return a commit from its snapshot; None if there is none, or none that is whole. Raises SourceError."""
        if (snapshot := self._snapshot(sha)) is None:
            return None
        note = snapshot.note
        stock = Stock(self._folder, self._bring(sha), self._limits, (snapshot,))
        try:
            commit = verified(sha, stock, note["signer"])
        except BaseException:
            stock.close()
            raise
        return Known(commit, stock, note["target"], note["signers"], kept=True)

    def stock(self, target: str, near: str) -> Stock:
        """Return where a commit is to be read from: what is kept of one near it serves as well. Raises SourceError."""
        snapshot = self._snapshot(near)
        return Stock(self._folder, self._bring(target), self._limits, (snapshot,) if snapshot else ())

    def keep(self, known: Known) -> None:
        """Make a commit readable without the network; raises SourceError."""
        if known.kept and not known.stock.fresh:
            return
        note = {"target": known.target, "signer": known.commit.signer, "signers": known.signers}
        try:
            known.stock.keep(self._path(known.commit.sha), note)
        except OSError as error:
            place = error.filename or self._folder
            raise SourceError(f"{place}: cannot keep the commit: {error.strerror}") from error
        known.kept = True

    def forget(self, commits: frozenset[str]) -> None:
        """Forget all commits but these, also on the disk; raises OSError."""
        for sha in self._known.keys() - commits:
            self._known.pop(sha).stock.close()
        for known in self._known.values():
            if isinstance(known.commit.tree, GitTree):
                known.commit.tree.forget()
        gone = [
            path for path in self._folder.glob("*.snap*") if path.name.partition(".snap")[0] not in commits
        ]
        gone += self._folder.glob("*.snap.tmp")
        for path in dict.fromkeys(gone):
            if not path.name.startswith("damaged-"):
                path.unlink(missing_ok=True)
        if gone:
            sync_directory(self._folder)

    def rest(self) -> None:
        """Let go of contents that nobody has asked for by now."""
        for known in self._known.values():
            known.stock.forget()

    def close(self) -> None:
        """Let go of all files; what is asked for again is opened again."""
        for known in self._known.values():
            known.stock.close()
        self._known.clear()

    def _snapshot(self, sha: str) -> Snapshot | None:
        path = self._path(sha)
        if not self._folder.is_dir() and (self._folder.exists() or self._folder.is_symlink()):
            move_away(self._folder, NotADirectoryError("it is no folder"))
        try:
            return Snapshot(path)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            move_away(path, error)
        except OSError as error:
            raise SourceError(f"{path}: cannot read the kept commit: {error.strerror}") from error
        return None

    def _path(self, sha: str) -> Path:
        return self._folder / f"{sha}.snap"
