"""
The steps that put something in place or take it away. Each is atomic: after a kill at any call, the old or the
new stands there, whole, and at most a temporary `.trued-…` beside it, which the next run takes away.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from agent.errors import HostError, SourceError
from agent.host import owners, shown
from agent.host.attributes import Kept, dress, kept, own, own_link, set_on_folder, stranger
from agent.host.placers import Placers, is_ours
from agent.host.reading import UnsteadyError, open_regular
from agent.host.walk import Walk, folder_there, is_plain, parent_of, standing, trouble
from agent.model import MakeDirectory, MakeLink, Mode, Remove, WriteFile

TEMPORARY = re.compile(r"\.trued-[0-9a-f]{16}")
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
# Folders in folders whose names a power cut took back (agent.host.batch). Anybody can make more, and each costs a descriptor.
DEEP = 32
TROUBLE = (OSError, UnsteadyError, SourceError)  # what writing a file may meet with

Numbers: TypeAlias = tuple[int | None, int | None]  # of owner and group; None: as it comes


def write_file(root: Path, step: WriteFile, check: Callable[[Path], None], placers: Placers) -> None:
    """Put a regular file in place; `check` raises HostError if the temporary file will not do."""
    numbers = owners.wanted(step.owner, step.group)
    with parent_of(root, step.path, "be written") as (fd, name):
        try:
            like = inherited(fd, step, numbers[0], placers)
            with _temporary(fd) as temporary:
                out = fill(fd, temporary, step, numbers, like)
                try:
                    os.fsync(out)
                finally:
                    os.close(out)
                if step.validate:
                    check(root / step.path.parent.relative_to("/") / temporary)
                put_in_place(fd, temporary, name)
            os.fsync(fd)
        except TROUBLE as error:
            raise unwritable(step.path, error) from error


def make_link(root: Path, step: MakeLink) -> None:
    """Put a symbolic link in place; raises HostError."""
    numbers = owners.wanted(step.owner, step.group)
    with parent_of(root, step.path, "be linked") as (fd, name):
        try:
            refuse_other(standing(fd, name), step.path)
            with _temporary(fd) as temporary:
                link(fd, temporary, step, numbers)
                put_in_place(fd, temporary, name)
            os.fsync(fd)
        except OSError as error:
            raise trouble(step.path, "be linked", error) from error


def make_directory(root: Path, step: MakeDirectory, placers: Placers) -> None:
    """Make one folder, complete when it appears; one that is there gets its owner and mode. Raises HostError."""
    numbers = owners.wanted(step.owner, step.group)
    with parent_of(root, step.path, "be made") as (fd, name):
        try:
            made = folder(fd, name, step, numbers, placers, settle=os.fsync)
            os.close(made)
            os.fsync(fd)
        except OSError as error:
            raise trouble(step.path, "be made", error) from error


def folder(
    fd: int,
    name: str,
    step: MakeDirectory,
    numbers: Numbers,
    placers: Placers,
    *,
    settle: Callable[[int], None] = lambda _: None,
) -> int:
    """
    Make a folder in the folder `fd`, and return its descriptor; raises OSError and HostError.

    `settle` is called with it before it has its name. The entry in `fd` is for the caller to make durable.
    """
    found = standing(fd, name)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{shown(step.path)}: cannot be made: something that is no folder is there")
    if found is not None:
        there = os.open(name, OPEN_FOLDER, dir_fd=fd)
        return _ready(there, lambda: set_on_folder(there, fd, step, *numbers, placers), settle)
    with _temporary(fd) as temporary:
        os.mkdir(temporary, 0o700, dir_fd=fd)
        made = os.stat(temporary, dir_fd=fd, follow_symlinks=False).st_mode
        mode = 0o755 | made & stat.S_ISGID if step.mode is None else step.mode  # inode(7): inherited
        new = os.open(temporary, OPEN_FOLDER, dir_fd=fd)
        _ready(new, lambda: _dress_folder(new, mode, numbers), settle)
        try:
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError:
            os.close(new)
            raise
    return new


def remove(root: Path, step: Remove) -> None:
    """Remove a file, a link or an empty folder; a folder with something in it stays. Raises HostError."""
    if not folder_there(root, step.path.parent):
        return
    with parent_of(root, step.path, "be removed") as (fd, name):
        try:
            if (found := standing(fd, name)) is None:
                return
            refuse_other(found, step.path)
            if stat.S_ISDIR(found.st_mode):
                _remove_folder(fd, name)
            else:
                os.unlink(name, dir_fd=fd)
            os.fsync(fd)
        except OSError as error:
            raise trouble(step.path, "be removed", error) from error


def tidy(root: Path, folder: PurePosixPath) -> None:
    """Sweep one folder, if it is there; raises HostError."""
    with Walk(root) as walk:
        fd = walk.folder(str(folder))
        try:
            if fd is not None:
                _sweep_below(fd, ".")
        except OSError as error:
            raise trouble(folder, "be tidied", error) from error


def sweep(fd: int, depth: int = 0) -> None:
    """Take away what a killed run left in a folder: our own names only, and no folder with something in it."""
    for name in os.listdir(fd):
        if TEMPORARY.fullmatch(name):
            discard(fd, name, depth)


def inherited(fd: int, step: WriteFile, uid: int | None, placers: Placers) -> Kept | None:
    """
    Return what the new file inherits from a regular file that stands there; raises `TROUBLE` and HostError.

    Of a file of somebody else than root and the declared owner `uid` little is taken, or who put it there could read what is written.
    """
    found = standing(fd, step.path.name)
    refuse_other(found, step.path)
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    with open_regular(fd, step.path.name) as file:
        there = kept(file.fd)
    if is_ours(there.uid) or there.uid == uid or (uid is None and _is_left(step, there, placers.into(fd))):
        return there
    return stranger(there)


def _is_left(step: WriteFile, there: Kept, could: frozenset[int]) -> bool:
    """Return whether a file stays its owner's: root put it there, or the owner of the folder, and it is no secret."""
    return not could or (could == {there.uid} and (step.mode is None or Mode(step.mode).is_public))


def fill(fd: int, temporary: str, step: WriteFile, numbers: Numbers, like: Kept | None) -> int:
    """
    Write a temporary file that is complete, owner and mode and all; return its descriptor. Raises `TROUBLE`.

    To make it durable, and to close it, is left to the caller.
    """
    (uid, gid), mode = numbers, step.mode
    if like is not None:
        mode = _inherited(like, uid, gid) if mode is None else mode
        uid = like.uid if uid is None else uid
        gid = like.gid if gid is None else gid
    out = os.open(temporary, NEW, 0o600, dir_fd=fd)
    try:
        for chunk in step.content.chunks():
            _write_all(out, chunk)
        dress(out, mode=0o644 if mode is None else mode, uid=uid, gid=gid, like=like)
    except BaseException:
        os.close(out)
        raise
    return out


def link(fd: int, temporary: str, step: MakeLink, numbers: Numbers) -> None:
    """Make a temporary link that is complete; raises OSError."""
    os.symlink(step.target, temporary, dir_fd=fd)
    own_link(fd, temporary, *numbers)


def _inherited(like: Kept, uid: int | None, gid: int | None) -> int:
    """Return the mode of the file before; without setuid and setgid for another owner, as chown(2) has it."""
    same = uid in {None, like.uid} and gid in {None, like.gid}
    return like.mode if same else like.mode & ~(stat.S_ISUID | stat.S_ISGID)


def _write_all(out: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(out, left) :]


def put_in_place(fd: int, temporary: str, name: str) -> None:
    """Rename over what is there (an empty folder goes first); the caller makes the entry durable. Raises OSError."""
    try:
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except IsADirectoryError:
        _sweep_below(fd, name)
        os.rmdir(name, dir_fd=fd)
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)


def _dress_folder(new: int, mode: int, numbers: Numbers) -> None:
    """Give a new folder owner and mode; raises OSError, also if another one took its temporary name."""
    if os.listdir(new):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    own(new, *numbers)
    os.fchmod(new, mode)


def _ready(fd: int, dress: Callable[[], None], settle: Callable[[int], None]) -> int:
    try:
        dress()
        settle(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _remove_folder(fd: int, name: str) -> None:
    _sweep_below(fd, name)
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError as error:
        if error.errno not in NOT_EMPTY:
            raise


def _sweep_below(fd: int, name: str, depth: int = 0) -> None:
    folder = os.open(name, OPEN_FOLDER, dir_fd=fd)
    try:
        sweep(folder, depth)
    finally:
        os.close(folder)


@contextmanager
def _temporary(fd: int) -> Iterator[str]:
    """Lend a name of our own; what still stands under it afterwards is taken away."""
    name = fresh_name()
    try:
        yield name
    finally:
        discard(fd, name)


def fresh_name() -> str:
    return f".trued-{os.urandom(8).hex()}"


def discard(fd: int, name: str, depth: int = 0) -> None:
    """Take a temporary away, if it is there, and what is `depth` folders deep already; raises OSError."""
    found = standing(fd, name)
    if found is None or not is_plain(found):
        return
    try:
        if stat.S_ISDIR(found.st_mode):
            if depth < DEEP:
                _sweep_below(fd, name, depth + 1)
            os.rmdir(name, dir_fd=fd)
        else:
            os.unlink(name, dir_fd=fd)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in NOT_EMPTY:
            raise


def refuse_other(found: os.stat_result | None, path: PurePosixPath) -> None:
    if found is not None and not is_plain(found):
        raise HostError(
            f"{shown(path)}: a socket, a FIFO or a device is there, and trued replaces none",
            hint="remove it by hand if it is not in use",
        )


def unwritable(path: PurePosixPath, error: OSError | UnsteadyError | SourceError) -> HostError:
    """Return what to say of a file that could not be written."""
    if isinstance(error, OSError):
        return trouble(path, "be written", error)
    if isinstance(error, SourceError):
        return HostError(f"{shown(path)}: its content cannot be had: {error}", hint=error.hint)
    return HostError(f"{shown(path)}: cannot be written: what stands there was replaced meanwhile")
