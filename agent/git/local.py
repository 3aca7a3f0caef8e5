"""
A repository on this machine, read straight from its files; no server, no pack, no second copy of it.

A poll reads the ref as Git wrote it (gitrepository-layout(5)) without dulwich. A push writes its objects and
moves the ref by compare and swap; the repository's hooks are not run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SourceError
from agent.git.address import Access, ref_is_sound
from agent.git.failures import reported
from agent.git.limits import Deadline, Limits
from agent.git.objects import Kind, parse_commit
from agent.git.snapshot import Shelf, read
from agent.git.wire import ProtocolError

if TYPE_CHECKING:
    from dulwich.objects import ShaFile

    from agent.git.disk import Disk

_ID = re.compile("[0-9a-f]{40}")
LINKS = 5  # of refs that name refs


class LocalRemote:
    """See `agent.git.remote.Remote`."""

    can_filter = True

    def __init__(self, access: Access, limits: Limits) -> None:
        self._access, self._limits = access, limits
        self._path = Path(access.place.path)
        self._disk: Disk | None = None

    def poll(self, ref: str) -> str | None:
        with reported(self._access):
            return _resolve(self._folder(), ref, self._limits)

    def refs(self, prefix: str) -> Mapping[str, str]:
        with reported(self._access):
            folder = self._folder()
            found = ((name, _resolve(folder, name, self._limits)) for name in _names(folder, self._limits))
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
            return frozenset(found)

    def _ancestors(self, disk: Disk, tip: str, into: Shelf, haves: frozenset[str], depth: int) -> set[str]:
        """Copy a chain of commits, breadth first."""
        seen, level, generation = {tip}, [tip], 1
        while level and (not depth or generation < depth):
            parents = [parent for sha in level for parent in self._parents(into, sha)]
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

    def push(self, ref: str, old: str | None, new: str, objects: Sequence[ShaFile]) -> None:
        with reported(self._access):
            from agent.git.disk import push  # dulwich is paid for only where objects are

            push(self._path, ref, old, new, objects)

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


def _resolve(folder: Path, name: str, limits: Limits) -> str | None:
    if (folder / "reftable").is_dir():
        raise SourceError(
            "it keeps its refs in a reftable, which trued does not read", hint="use ssh or https"
        )
    for _ in range(LINKS):
        text = _loose(folder / name) or _packed(folder, limits).get(name, "")
        if not text.startswith("ref: "):
            break
        name = text.removeprefix("ref: ")
        if not ref_is_sound(name):
            raise ProtocolError("one of its refs points at no ref")
    if text and not _ID.fullmatch(text):
        raise ProtocolError(f"{name}: the ref holds no object name: it is damaged")
    return text or None


def _loose(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(1024).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _packed(folder: Path, limits: Limits) -> Mapping[str, str]:
    try:
        with (folder / "packed-refs").open("rb") as file:
            data = file.read(limits.refs + 1)
    except FileNotFoundError:
        return {}
    if len(data) > limits.refs:
        raise ProtocolError(f"the list of refs is longer than {limits.refs} bytes")
    pairs = (
        text.split(" ", 1) for text in data.decode("utf-8", "replace").splitlines() if text[:1] not in "#^"
    )
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _names(folder: Path, limits: Limits) -> Iterator[str]:
    loose = (path for path in (folder / "refs").rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix() for path in loose} | set(_packed(folder, limits))
    yield from sorted(name for name in names if ref_is_sound(name))
