"""
Makes files and folders in a repository on this machine, which may be somebody else's.

What root makes there belongs to whom its folder belongs, and is open to whom that is open: others push here, too, and
not as root. Touches only what is in the repository: none of its links is followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISLNK

from agent.errors import SourceError

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def folder(top: Path, name: str) -> Iterator[int]:
    """
    Lend a folder of the repository `top`, made with all that is missing above it, each on the disk.

    Raises SourceError where a link leads elsewhere, and OSError; one that is raised meanwhile gets the whole path. What
    is in a folder is asked of, and made in, this very one: by name, it could be one of /etc by then.
    """
    at, place = os.open(top, FOLDER), top
    try:
        for part in PurePosixPath(name).parts:
            place /= part
            above, at = at, _entered(at, part, place)
            os.close(above)
        yield at
    except OSError as error:
        if not isinstance(error.filename, str) or not os.path.isabs(error.filename):
            error.filename = str(place / (error.filename if isinstance(error.filename, str) else ""))
        raise
    finally:
        os.close(at)


def make_file(name: str, mode: int, at: int) -> int:
    """Return a new file of a folder, open for writing; raises OSError."""
    made = os.open(name, NEW, mode, dir_fd=at)
    hand_over(made, at, mode)
    return made


def refuse_link(place: Path, above: int) -> None:
    """Raise SourceError if there is a link in a folder of a repository where another one is to be."""
    with suppress(FileNotFoundError):
        if S_ISLNK(os.stat(place.name, dir_fd=above, follow_symlinks=False).st_mode):
            raise SourceError(
                f"{place}: expected a folder, found a link, and trued writes through none in a repository",
                hint="put the folder itself there, or mount it (mount --bind)",
            )


def give(name: str, at: int) -> None:
    """Give away what a library has made in a folder as root, with the mode that it chose; raises OSError."""
    made = os.open(name, OLD, dir_fd=at)
    try:
        known = os.fstat(made)
        if known.st_uid == 0 and (S_ISDIR(known.st_mode) or known.st_nlink == 1):
            hand_over(made, at, None)
    finally:
        os.close(made)


def _entered(above: int, name: str, place: Path) -> int:
    """Return a folder of a folder, made if it is missing."""
    with suppress(FileNotFoundError):
        return _opened(above, name, place)
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)
        made = _opened(above, name, place)
        try:
            hand_over(made, above, 0o7777)
            os.fsync(above)
        except BaseException:
            os.close(made)
            raise
        return made
    return _opened(above, name, place)


def _opened(above: int, name: str, place: Path) -> int:
    try:
        return os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError:
        refuse_link(place, above)
        raise


def hand_over(made: int, above: int, mode: int | None) -> None:
    """Give what root has made in a folder to whom that belongs, and open it to whom that is open; raises nothing."""
    if os.geteuid() != 0:
        return
    known = os.fstat(above)
    with suppress(OSError):  # there are file systems where root may not, as over the network
        os.fchown(made, known.st_uid, known.st_gid)
        if mode is not None:
            os.fchmod(made, known.st_mode & mode)
