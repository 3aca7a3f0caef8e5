"""
The way to a path: by directory descriptors, never through a symbolic link. Opens folders, changes nothing.

`trouble` is where an OSError about a path becomes a HostError; every module of this room uses it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from agent.errors import HostError
from agent.host import DetourError, shown

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_THERE = (errno.ENOENT, errno.ENOTDIR)

_HINTS = {
    errno.ENOSPC: "free some space (df -h, df -i)",
    errno.EDQUOT: "the disk quota is used up: see quota(1)",
    errno.EROFS: "mount it writable, or declare another place",
    errno.EACCES: "trued needs the right to do this: does it run as root?",
    errno.EPERM: "needs root; for root, an immutable flag (lsattr) or a missing capability is in the way",
    errno.EBUSY: "something is mounted on it: see findmnt(8)",
    errno.EIO: "the disk has errors: see dmesg(1)",
    errno.ENAMETOOLONG: "declare a shorter name",
    errno.EXDEV: "something is mounted on it: see findmnt(8)",
}


def trouble(path: PurePosixPath | str, doing: str, error: OSError) -> HostError:
    """Return what to say of a system call about `path` that failed: place, what was tried, reason, way out."""
    return HostError(
        f"{shown(path)}: cannot {doing}: {_words(error)}", hint=_HINTS.get(error.errno or 0, "")
    )


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


class Walk:
    """
    Opens folders below `root`, one after the other; what lies on the way to the last one stays open.

    Sorted folders therefore cost about one open(2) each. `root` itself may be reached through links: it is
    the operator's word. Raises HostError when `root` is no folder.
    """

    def __init__(self, root: Path) -> None:
        self._names: list[str] = []
        try:
            self._fds = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        except OSError as error:
            raise HostError(
                f"{root}: the root folder cannot be opened: {_words(error)}",
                hint="see root in agent.yaml",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def folder(self, path: str) -> int | None:
        """
        Return a descriptor (O_PATH) of a folder, valid until the next call; None if there is no such folder.

        `path` is the host's, absolute; "" is the root. Raises DetourError at a link, HostError for other trouble.
        """
        names = path.split("/")[1:] if path not in {"", "/"} else []
        self._back_to(_common(self._names, names))
        for name in names[len(self._names) :]:
            if not self._enter(name):
                return None
        return self._fds[-1]

    def _back_to(self, depth: int) -> None:
        del self._names[depth:]
        while len(self._fds) > depth + 1:
            os.close(self._fds.pop())

    def _enter(self, name: str) -> bool:
        if name == "..":
            raise HostError(f"{shown(self._at(name))}: a path with '..' in it is never followed")
        try:
            fd = os.open(name, FOLDER, dir_fd=self._fds[-1])
        except OSError as error:
            self._turned_away(name, error)
            return False
        self._fds.append(fd)
        self._names.append(name)
        return True

    def _turned_away(self, name: str, error: OSError) -> None:
        """Return if nothing is there; raise if a link, or something unknown, stands in the way."""
        if error.errno == errno.ENOENT:
            return
        at = self._at(name)
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise trouble(at, "be entered", error) from error
        try:
            target = os.readlink(name, dir_fd=self._fds[-1])
        except OSError as other:
            if other.errno in {errno.EINVAL, *NOT_THERE}:
                return
            raise trouble(at, "be entered", other) from other
        raise DetourError(
            f"{shown(at)} is a link to {shown(target)}, and links are not followed on the way to a file",
            link=at,
            hint=f"declare the real path: {shown(_real(at, target))}/… instead of {shown(at)}/…",
        ) from error

    def _at(self, name: str) -> PurePosixPath:
        return PurePosixPath("/", *self._names, name)


@contextmanager
def parent_of(root: Path, path: PurePosixPath, doing: str) -> Iterator[tuple[int, str]]:
    """Lend the folder (readable, so that it can be made durable) and the last name; raises HostError."""
    with Walk(root) as walk:
        fd = opened(walk, path, doing)
        try:
            yield fd, path.name
        finally:
            os.close(fd)


def opened(walk: Walk, path: PurePosixPath, doing: str) -> int:
    """Return a readable descriptor of the folder that a path is in, for the caller to close; raises HostError."""
    if not path.name or path.name == "..":
        raise HostError(f"{shown(path)}: cannot {doing}: this is no name in a folder")
    above = walk.folder(str(path.parent))
    if above is None:
        raise HostError(
            f"{shown(path)}: cannot {doing}: there is no folder {shown(path.parent)}",
            hint="declare the folder, with directory: true",
        )
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
    except OSError as error:
        raise trouble(path, doing, error) from error


def folder_there(root: Path, folder: PurePosixPath) -> bool:
    """Return whether there is such a folder; what would be behind a link is not there, for it was never made."""
    with Walk(root) as walk:
        try:
            return walk.folder(str(folder)) is not None
        except DetourError:
            return False


def standing(fd: int, name: str) -> os.stat_result | None:
    """Return what stands under a name in a folder, not followed; None for nothing. Raises OSError."""
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise


def is_plain(found: os.stat_result) -> bool:
    """Return whether it is one of the three things that trued makes: a file, a folder, a link."""
    return stat.S_IFMT(found.st_mode) in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}


def _common(one: list[str], other: list[str]) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def _real(link: PurePosixPath, target: str) -> PurePosixPath:
    """Return where a link leads, as written: `/lib -> usr/lib` is /usr/lib."""
    return PurePosixPath(os.path.normpath(link.parent / target))
