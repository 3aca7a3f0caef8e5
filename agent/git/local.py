"""
A repository on this machine, read straight from its files; no server, no pack, no second copy of it.

A poll reads the ref as Git wrote it (gitrepository-layout(5)). A push writes its objects and moves the ref by compare
and swap; the repository's hooks are not run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.failures import reported
from agent.git.limits import Deadline, Limits
from agent.git.objects import Kind, parse_commit
from agent.git.refs import names, resolve
from agent.git.snapshot import Shelf
from agent.git.stored import read

if TYPE_CHECKING:
    from agent.git.disk import Disk
    from agent.git.objects import Item


class LocalRemote:
    """See `agent.git.remote.Remote`."""

    can_filter = True

    def __init__(self, access: Access, limits: Limits, beat: Callable[[], object]) -> None:
        self._access, self._limits, self._beat = access, limits, beat
        self._path = Path(access.place.path)
        self._disk: Disk | None = None

    def poll(self, ref: str) -> str | None:
        with reported(self._access):
            return resolve(self._folder(), ref, self._limits)

    def refs(self, prefix: str) -> Mapping[str, str]:
        with reported(self._access):
            folder = self._folder()
            found = ((name, resolve(folder, name, self._limits)) for name in names(folder, self._limits))
            return {name: sha for name, sha in found if sha is not None and name.startswith(prefix)}

    def objects(
        self, wants: Collection[str], into: Shelf, *, haves: Collection[str] = (), depth: int = 0
    ) -> frozenset[str]:
        with reported(self._access):
            disk, deadline = self._opened(), Deadline(self._limits.total)
            found: set[str] = set()
            for sha in wants:
                deadline.left()
                found.add(sha)
                if disk.copy(sha, into) is Kind.COMMIT:
                    found |= self._ancestors(disk, sha, into, frozenset(haves), depth)
            self._beat()
            return frozenset(found)

    def _ancestors(self, disk: Disk, tip: str, into: Shelf, haves: frozenset[str], depth: int) -> set[str]:
        """Copy a chain of commits, breadth first."""
        seen, level, generation, ends = {tip}, [tip], 1, self._ends()
        while level and (not depth or generation < depth):
            parents = [parent for sha in level if sha not in ends for parent in self._parents(into, sha)]
            level = [sha for sha in dict.fromkeys(parents) if sha not in seen and sha not in haves]
            seen.update(level)
            if len(seen) > self._limits.objects:
                raise SourceError(f"its history is longer than {self._limits.objects} commits")
            for sha in level:
                disk.copy(sha, into)
            generation += 1
        return seen

    def _parents(self, into: Shelf, sha: str) -> tuple[str, ...]:
        record = into.find(sha)
        return parse_commit(read(into, sha, record, self._limits.delta)).parents if record else ()

    def _ends(self) -> frozenset[str]:
        """Return the commits at which a shallow repository ends: what they name as parents is not there (gitformat-shallow)."""
        try:
            return frozenset((self._folder() / "shallow").read_text("ascii").split())
        except FileNotFoundError:
            return frozenset()

    def push(self, ref: str, old: str | None, new: str, objects: Sequence[Item]) -> None:
        with reported(self._access):
            from agent.git.loose import push

            push(self._folder(), ref, old, new, objects, self._limits)

    def rest(self) -> None:
        self.close()

    def close(self) -> None:
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def _folder(self) -> Path:
        """Return the folder of the refs: the repository itself, or what stands in for it in a work tree."""
        for path in (self._path, self._path / ".git"):
            if path.is_file() and (text := path.read_text("utf-8")).startswith("gitdir:"):
                return _common(path.parent / text.removeprefix("gitdir:").strip())
            if (path / "HEAD").is_file() and (path / "objects").is_dir():
                return path
        if not self._path.exists():
            raise SourceError("there is no such folder", hint="check url")
        raise SourceError("this folder is no Git repository", hint="check url")

    def _opened(self) -> Disk:
        if self._disk is None:
            from agent.git.disk import Disk

            self._disk = Disk(self._folder() / "objects", self._limits)
        return self._disk


def _common(folder: Path) -> Path:
    """Return where the refs and objects of a linked work tree are (gitrepository-layout(5), commondir)."""
    pointer = folder / "commondir"
    return (folder / pointer.read_text("utf-8").strip()).resolve() if pointer.is_file() else folder
