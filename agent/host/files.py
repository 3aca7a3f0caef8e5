"""
What stands in folders: the looking half of files. Opens regular files only, and changes nothing.

A look costs one lstat(2) a file; content is read again only where the stat does not prove it unchanged.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from agent.errors import HostError
from agent.host import Entry, FileType, shown
from agent.host.reading import PIECE, UnsteadyError, open_regular, opened
from agent.host.walk import NOT_THERE, Walk, standing, trouble
from agent.model import blob_id
from agent.values import dataclass

REPLACED = (errno.ELOOP, errno.ENXIO, errno.ESPIPE, errno.EISDIR)  # by a link, a socket, a FIFO, a folder
LARGEST = 256 << 20  # bytes: Git brings no larger file, so that one is not as declared, whatever is in it

# A file changed in the same tick of its file system's clock as the look keeps its stat (Git's "racy" files,
# Documentation/technical/racy-git.txt). FAT counts in steps of 2 s; nothing in use is coarser.
RACY = 2_000_000_000  # nanoseconds
AUDIT = 3600.0  # seconds after which a stat proves nothing any more

_UNPROVEN = (-1, 0, -1, 0)  # what no stat is: there is no inode 0

Seen: TypeAlias = Entry | HostError | None
_TYPES = {
    stat.S_IFREG: FileType.FILE,
    stat.S_IFDIR: FileType.DIRECTORY,
    stat.S_IFLNK: FileType.LINK,
}


_TYPE, _MODE = 0o170000, 0o7777  # of st_mode, see inode(7)
_MODES: dict[int, int] = {}  # one object for each mode, not one a file


@dataclass(slots=True)
class Sight:
    """What is remembered from one look to the next, and when it counts as proven. About 0.6 KiB a path."""

    clock: Callable[[], int] = time.time_ns
    uptime: Callable[[], float] = time.monotonic
    now: float = 0.0  # uptime of the present look
    _known: dict[str, tuple[int, int, int, int, float, Entry]] = field(default_factory=dict)
    _devices: dict[int, int] = field(default_factory=dict)  # one object for each number, not one a file
    _swept: float = 0.0

    def recall(self, path: str, found: os.stat_result) -> Entry | None:
        """Return what was seen there, if the stat proves that nothing has changed since."""
        known = self._known.get(path)
        if known is None:
            return None
        changed, inode, modified, device, when, entry = known
        if (
            changed != found.st_ctime_ns
            or inode != found.st_ino
            or modified != found.st_mtime_ns
            or device != found.st_dev
            or when + AUDIT < self.now
            or entry.size != found.st_size
        ):
            return None
        return entry

    def remember(self, path: str, found: os.stat_result, digest: str, target: str, looked: int) -> Entry:
        """
        Return what was seen at `looked` (ns since the epoch), and keep it; unless a later change might not show, as proven.

        What is the same as before is the same object: what compares the two need not look into them.
        """
        changed, modified, inode, device = found.st_ctime_ns, found.st_mtime_ns, found.st_ino, found.st_dev
        known = self._known.get(path)
        if known is not None and _is_as_seen(known[5], found, digest, target):
            entry = known[5]
        else:
            entry = _entry(found, digest, target)
        if changed + RACY > looked or modified + RACY > looked:
            self._known[path] = (*_UNPROVEN, self.now, entry)
            return entry
        device = self._devices.setdefault(device, device)
        self._known[path] = (changed, inode, modified, device, self.now, entry)
        return entry

    def begin(self) -> None:
        """Begin a look. Once in a while, forget what was not looked at for long: memory is bounded by what is asked."""
        self.now = self.uptime()
        if self.now - self._swept > AUDIT:
            self._swept = self.now
            self._known = {
                path: known for path, known in self._known.items() if known[4] + 2 * AUDIT >= self.now
            }


def look(root: Path, paths: Iterable[str], digests: Collection[str], sight: Sight) -> dict[str, Seen]:
    """Return what stands at each path, given once; see `Probe.entries`."""
    seen: dict[str, Seen] = {}
    with Walk(root) as walk:
        for folder, names in sorted(_by_folder(paths).items()):
            try:
                fd = walk.folder(folder)
            except HostError as error:
                seen |= dict.fromkeys((path for _, path in names), error)
                continue
            if fd is None:
                seen |= dict.fromkeys((path for _, path in names), None)
                continue
            _look_in(fd, names, digests, sight, seen)
    return seen


def names(root: Path, folder: PurePosixPath) -> tuple[str, ...]:
    """Return the sorted names in a folder; raises HostError."""
    with Walk(root) as walk:
        above = walk.folder(str(folder))
        if above is None:
            raise HostError(f"{shown(folder)}: there is no such folder")
        try:
            fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
        except OSError as error:
            raise trouble(folder, "be listed", error) from error
        try:
            return tuple(sorted(os.listdir(fd)))
        except OSError as error:
            raise trouble(folder, "be listed", error) from error
        finally:
            os.close(fd)


def content(root: Path, path: PurePosixPath, limit: int) -> bytes | None:
    """Return the first `limit` bytes of a regular file; None if there is none. Raises HostError."""
    with Walk(root) as walk:
        fd = walk.folder(str(path.parent))
        try:
            found = standing(fd, path.name) if fd is not None else None
            if fd is None or found is None or not stat.S_ISREG(found.st_mode):
                return None
            with open_regular(fd, path.name) as file:
                return file.read(limit)
        except (OSError, UnsteadyError) as error:
            raise _unreadable(path, error) from error


def _by_folder(paths: Iterable[str]) -> Mapping[str, list[tuple[str, str]]]:
    folders: dict[str, list[tuple[str, str]]] = {}
    last = None
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder != last:  # what is declared comes in order
            last, inside = folder, folders.setdefault(folder, [])
        inside.append((name or ".", path))
    return folders


def _look_in(
    fd: int, names: Iterable[tuple[str, str]], digests: Collection[str], sight: Sight, seen: dict[str, Seen]
) -> None:
    """Add to `seen` what stands in one folder. Of most files that is one lstat(2) and one comparison."""
    lstat, recall, regular = os.lstat, sight.recall, FileType.FILE
    for name, path in names:
        try:
            found = lstat(name, dir_fd=fd)
            entry = recall(path, found)
            if entry is None or (not entry.digest and entry.type is regular and path in digests):
                entry = _look_closely(fd, name, path, found, path in digests, sight)
            seen[path] = entry
        except (OSError, UnsteadyError) as error:
            is_away = isinstance(error, OSError) and error.errno in NOT_THERE
            seen[path] = None if is_away else _unreadable(path, error)


def _look_closely(
    fd: int,
    name: str,
    path: str,
    found: os.stat_result,
    deep: bool,  # noqa: FBT001 - called for each file
    sight: Sight,
) -> Entry:
    """Return what stands there, its content read; once more if it moved meanwhile. Raises OSError, UnsteadyError."""
    looked = sight.clock()
    try:
        if deep and found.st_size < PIECE and stat.S_ISREG(found.st_mode):
            return sight.remember(path, found, _at_once(fd, name, found), "", looked)
        return sight.remember(path, *_inside(fd, name, deep), looked)
    except UnsteadyError:
        looked = sight.clock()
        return sight.remember(path, *_inside(fd, name, deep), looked)


def _at_once(fd: int, name: str, found: os.stat_result) -> str:
    """
    Return the digest of a small file that was found. Raises OSError, UnsteadyError.

    Whether it is that file, and held still, is seen afterwards. At a place, so that nothing is taken from a FIFO or a
    terminal that stands there meanwhile: pread(2) fails on those.
    """
    try:
        file = opened(fd, name)
        try:
            data = os.pread(file, found.st_size + 1, 0)
            after = os.fstat(file)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in REPLACED:
            raise UnsteadyError from error
        raise
    if (
        len(data) != found.st_size
        or after.st_ctime_ns != found.st_ctime_ns
        or after.st_mtime_ns != found.st_mtime_ns
        or after[:7] != found[:7]  # mode, inode, device, links, owner, group, size
    ):
        raise UnsteadyError
    return sys.intern(blob_id(data))


def _inside(fd: int, name: str, deep: bool) -> tuple[os.stat_result, str, str]:  # noqa: FBT001 - as above
    found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        try:
            return found, "", os.readlink(name, dir_fd=fd)
        except OSError as error:
            raise UnsteadyError from error
    if not (deep and stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST):
        return found, "", ""
    with open_regular(fd, name) as file:
        return file.stat, file.digest(), ""


def _is_as_seen(entry: Entry, found: os.stat_result, digest: str, target: str) -> bool:
    mode = found.st_mode
    return (
        entry.digest == digest
        and entry.mode == mode & _MODE
        and entry.size == found.st_size
        and entry.uid == found.st_uid
        and entry.gid == found.st_gid
        and entry.target == target
        and entry.type is _TYPES.get(mode & _TYPE, FileType.OTHER)
    )


def _entry(found: os.stat_result, digest: str, target: str) -> Entry:
    mode = found.st_mode & _MODE
    return Entry(
        type=_TYPES.get(found.st_mode & _TYPE, FileType.OTHER),
        mode=_MODES.setdefault(mode, mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        digest=digest,
        target=target,
    )


def _unreadable(path: PurePosixPath | str, error: OSError | UnsteadyError) -> HostError:
    if isinstance(error, OSError):
        return trouble(path, "be read", error)
    return HostError(
        f"{shown(path)}: cannot be read: it changes while it is being read",
        hint="a file that a program writes all the time is not one to declare",
    )
