"""
The files of one commit, for the rest of trued: model.Tree over a stock of objects.

Decides what a tree may hold. Descends level by level: all folders of a level in one request, then all files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from typing import TypeAlias

from agent.errors import DocumentError
from agent.git.objects import Entry, Kind, Mode, parse_tree
from agent.git.stock import Stock
from agent.model import TreeFile, TreeLink, TreePath
from agent.values import dataclass

DEPTH = 32  # folders below one another
PATHS = 200_000  # below what one host needs
TARGET = 4095  # bytes of a link's target (PATH_MAX)

Need: TypeAlias = "dict[str, Need] | None"
"""What is needed below a folder, by name; None: everything."""


@dataclass(slots=True)
class Shop:
    """Where contents are read from: the stock of another commit, once that has taken over what this one declares."""

    stock: Stock


@dataclass(frozen=True, slots=True)
class BlobContent:
    """The content of a file, read from the stock when it is asked for."""

    digest: str
    _shop: Shop = field(repr=False, compare=False)

    def chunks(self) -> Iterator[bytes]:
        return self._shop.stock.chunks(self.digest)


class GitTree:
    """See `agent.model.Tree`. Raises DocumentError for what no host can use, SourceError for what cannot be had."""

    def __init__(self, root: str, stock: Stock) -> None:
        self._root, self._stock = root, stock
        self._parsed: dict[str, Mapping[str, Entry]] = {}
        self._ready: set[TreePath] = set()
        self._shop = Shop(stock)
        self._read: set[TreePath] = set()  # what was asked for: of a folder, all in it
        self._listed: set[TreePath] = set()  # folders that were only looked through for documents

    def takes_over(self, other: GitTree) -> bool:
        """
        Return whether all that was ever read of another commit is the same in this one; raises SourceError.

        Then what was made of it is good for this one as well: contents are read from here, and kept with this commit. It
        costs the folders on the way to what differs: what has the same id is not looked into.
        """
        if self is other or not other._read:
            return False
        paths = frozenset(other._read)
        if not self._is_like(other, _needs(paths, other._listed)):
            return False
        if any(self.documents(folder) != other.documents(folder) for folder in tuple(other._listed)):
            return False
        self.prefetch(paths)  # it is at hand, and is kept from now on
        self._shop = other._shop
        self._shop.stock = self._stock
        return True

    def _is_like(self, other: GitTree, needs: Need) -> bool:
        level = [(TreePath(), self._root, other._root, needs)]
        while level := [one for one in level if one[1] != one[2]]:
            self._stock.ensure([mine for _, mine, _, _ in level])
            below: list[tuple[TreePath, str, str, Need]] = []
            for path, mine, theirs, need in level:
                if need is None:
                    return False
                here, there = self._entries(mine, path), other._entries(theirs, path)
                for name, inner in need.items():
                    ours, yours = here.get(name), there.get(name)
                    if ours == yours:
                        continue
                    if ours is None or yours is None or {ours.mode, yours.mode} != {Mode.FOLDER}:
                        return False
                    below.append((path / name, ours.sha, yours.sha, inner))
            level = below
        return True

    def prefetch(self, paths: frozenset[TreePath]) -> None:
        self._read |= paths
        if paths <= self._ready:
            return
        level: dict[tuple[str, TreePath], Need] = {(self._root, TreePath()): _needs(paths)}
        blobs: dict[str, None] = {}
        seen: set[str] = set()
        for _ in range(DEPTH + 1):
            self._stock.ensure([sha for sha, _ in level])
            level = self._below(level, blobs, seen)
            if not level:
                break
        else:
            raise _too_deep(next(iter(level))[1])
        self._stock.ensure(blobs)
        self._stock.touched.update(blobs)
        self._ready |= paths

    def _below(
        self, level: Mapping[tuple[str, TreePath], Need], blobs: dict[str, None], seen: set[str]
    ) -> dict[tuple[str, TreePath], Need]:
        """Return the folders of the next level, and add the files of this one."""
        found: dict[tuple[str, TreePath], Need] = {}
        for (sha, path), need in level.items():
            for name, entry in self._entries(sha, path).items():
                if need is not None and name not in need:
                    continue
                if entry.mode is not Mode.FOLDER:
                    blobs[entry.sha if entry.mode is not Mode.MODULE else _blob(entry, path / name)] = None
                elif (inner := need[name] if need is not None else None) is not None:
                    found[entry.sha, path / name] = inner
                elif entry.sha not in seen:  # what stands there twice is looked at once
                    seen.add(entry.sha)
                    found[entry.sha, path / name] = None
            if len(blobs) + len(found) + len(seen) > PATHS:
                raise _too_many(path)
        return found

    def documents(self, folder: TreePath) -> tuple[TreePath, ...] | None:
        self._listed.add(folder)
        if (entries := self._folder(folder)) is None:
            return None
        files = {Mode.FILE, Mode.SCRIPT, Mode.LINK}  # a link is no document, which whoever reads it says
        return tuple(
            folder / name
            for name in sorted(entries)
            if name.endswith(".yaml") and entries[name].mode in files
        )

    def entry(self, path: TreePath) -> TreeFile | TreeLink | None:
        self._read.add(path)
        if not path.parts or (entries := self._folder(TreePath(path.parent))) is None:
            return None
        found = entries.get(path.name)
        return None if found is None or found.mode is Mode.FOLDER else self._item(found, path)

    def walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink] | None:
        self._read.add(folder)
        if self._folder(folder) is None:
            return None
        self.prefetch(frozenset({folder}))
        return self._walk(folder)

    def _walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink]:
        count, waiting = 0, [(folder, Entry(Mode.FOLDER, self._tree_of(folder)))]
        while waiting:
            path, entry = waiting.pop()
            if entry.mode is not Mode.FOLDER:
                yield self._item(entry, path)
                continue
            entries = self._entries(entry.sha, path)
            count += len(entries)
            if count > PATHS:  # a few objects can stand for a million paths
                raise _too_many(folder)
            if len(path.parts) > DEPTH:
                raise _too_deep(path)
            waiting += [(path / name, entries[name]) for name in sorted(entries, reverse=True)]

    def _item(self, entry: Entry, path: TreePath) -> TreeFile | TreeLink:
        sha = _blob(entry, path)
        if entry.mode is Mode.LINK:
            return TreeLink(path=path, target=self._target(sha, path))
        content = BlobContent(sha, self._shop)
        return TreeFile(path=path, executable=entry.mode is Mode.SCRIPT, content=content)

    def _target(self, sha: str, path: TreePath) -> str:
        data = self._stock.content(sha, Kind.BLOB)
        try:
            target = data.decode("utf-8")
        except UnicodeDecodeError:
            raise DocumentError(f"{path}: the link's target is not UTF-8") from None
        if not target or len(data) > TARGET or "\0" in target:
            raise DocumentError(f"{path}: the link's target is not a path")
        return target

    def _folder(self, path: TreePath) -> Mapping[str, Entry] | None:
        entries, here = self._entries(self._root, TreePath()), TreePath()
        for name in path.parts:
            entry, here = entries.get(name), here / name
            if entry is None or entry.mode is not Mode.FOLDER:
                return None
            entries = self._entries(entry.sha, here)
        return entries

    def _tree_of(self, folder: TreePath) -> str:
        if not folder.parts:
            return self._root
        parent = self._folder(TreePath(folder.parent))
        return parent[folder.name].sha if parent else self._root

    def _entries(self, sha: str, path: TreePath) -> Mapping[str, Entry]:
        if (found := self._parsed.get(sha)) is None:
            try:
                found = parse_tree(self._stock.content(sha, Kind.TREE))
            except ValueError as error:
                raise DocumentError(f"{path}: the folder is not one that Git makes: {error}") from None
            self._parsed[sha] = found
        self._stock.touched.add(sha)
        return found

    def forget(self) -> None:
        """Let go of what was parsed; it is parsed again when asked for."""
        self._parsed.clear()


def _needs(paths: frozenset[TreePath], listed: Collection[TreePath] = ()) -> Need:
    """Fold paths into what is needed of each folder; of those that are only `listed`, nothing that is in them."""
    root: dict[str, Need] = {}
    for path in sorted(paths, key=lambda path: len(path.parts)):
        if not path.parts:
            return None
        here: Need = root
        for name in path.parts[:-1]:
            if here is None:
                break
            here = here.setdefault(name, {})
        if here is not None:
            here[path.name] = None
    for folder in listed:
        here = root
        for name in folder.parts:
            here = here.setdefault(name, {}) if here is not None else None
    return root


def _blob(entry: Entry, path: TreePath) -> str:
    if entry.mode is Mode.MODULE:
        raise DocumentError(f"{path}: is a submodule; put the files themselves into the repository")
    return entry.sha


def _too_deep(path: TreePath) -> DocumentError:
    return DocumentError(f"{path}: lies deeper than {DEPTH} folders")


def _too_many(path: TreePath) -> DocumentError:
    return DocumentError(f"{path}: holds more than {PATHS} files")
