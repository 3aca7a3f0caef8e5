"""A fleet repository's working folder as a tree, for `trued validate` and `trued render`. Only reads, below one folder."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from agent.errors import DocumentError, SourceError
from agent.model import TreeFile, TreeLink, TreePath, blob_hasher
from agent.values import dataclass

_CHUNK = 1 << 20


class FolderFile:
    """The content of one file, read anew each time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def digest(self) -> str:
        """The blob id that Git would give it."""
        try:
            size = self._path.stat().st_size
        except OSError as error:
            raise _unreadable(self._path, error) from error
        hasher = blob_hasher(size)
        for piece in self.chunks():
            hasher.update(piece)
        return hasher.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                while piece := file.read(_CHUNK):
                    yield piece
        except OSError as error:
            raise _unreadable(self._path, error) from error


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path}: cannot be read: {error.strerror}")


@dataclass(frozen=True, slots=True)
class FolderTree:
    """Answers as the tree of a commit would, had the folder been committed as it is. Empty folders are not there."""

    root: Path

    def prefetch(self, paths: frozenset[TreePath]) -> None:  # noqa: ARG002 # all of it is at hand
        return

    def documents(self, folder: TreePath) -> tuple[TreePath, ...] | None:
        if not self._is_folder(folder):
            return None
        names = (path.name for path in self._inside(folder) if path.name.endswith(".yaml"))
        return tuple(sorted(folder / name for name in names if self.entry(folder / name) is not None))

    def entry(self, path: TreePath) -> TreeFile | TreeLink | None:
        if not path.parts or not self._is_folder(TreePath(path.parent)):
            return None
        return self._entry(path)

    def walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink] | None:
        return self._walk(folder) if self._is_folder(folder) else None

    def _walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink]:
        for here in self._inside(folder):
            path = folder / here.name
            if here.is_dir() and not here.is_symlink():
                yield from self._walk(path)
            elif found := self._entry(path):
                yield found

    def _entry(self, path: TreePath) -> TreeFile | TreeLink | None:
        here = self.root / path
        try:
            mode = here.lstat().st_mode
            if stat.S_ISLNK(mode):
                return TreeLink(path=path, target=str(here.readlink()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(here, error) from error
        if not stat.S_ISREG(mode):
            return None
        return TreeFile(path=path, executable=bool(mode & stat.S_IXUSR), content=FolderFile(here))

    def _inside(self, folder: TreePath) -> list[Path]:
        """Return what is directly in a folder but Git's own; raises DocumentError for a name no commit may have."""
        try:
            found = sorted(self.root.joinpath(folder).iterdir())
        except OSError as error:
            raise _unreadable(self.root / folder, error) from error
        for path in found:
            if not _is_text(path.name):
                raise DocumentError(f"{str(path)!r}: expected a name in UTF-8 without control characters")
        return [path for path in found if path.name.lower() != ".git"]

    def _is_folder(self, folder: TreePath) -> bool:
        """Return whether a folder is there, and no link on the way to it."""
        here = self.root
        for part in folder.parts:
            here /= part
            if part.lower() == ".git" or here.is_symlink():
                return False
        return here.is_dir()


def _is_text(name: str) -> bool:
    return name.isprintable() or not any(unicodedata.category(char) in {"Cc", "Cs"} for char in name)
