"""
Makes files and folders in a repository on this machine, which may be somebody else's.

What root makes there belongs to whom its folder belongs, and is open to whom that is open: others push here, too, and
not as root. Touches only the path it is given.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_file(path: Path, mode: int) -> int:
    """Return a new file, open for writing; raises OSError."""
    with _above(path) as above:
        made = os.open(path.name, NEW, mode, dir_fd=above)
        _give(made, above, mode)
    return made


def make_folder(path: Path) -> None:
    """Make a folder, and all that is missing above it, each on the disk; raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with suppress(FileExistsError), _above(path) as above:
        os.mkdir(path.name, dir_fd=above)
        made = os.open(path.name, FOLDER | os.O_NOFOLLOW, dir_fd=above)
        try:
            _give(made, above, 0o7777)
        finally:
            os.close(made)
        os.fsync(above)


def give(path: Path) -> None:
    """Give away what a library has made as root, with the mode that it chose; raises OSError."""
    with _above(path) as above:
        made = os.open(path.name, OLD, dir_fd=above)
        try:
            known = os.fstat(made)
            if known.st_uid == 0 and (S_ISDIR(known.st_mode) or known.st_nlink == 1):
                _give(made, above, None)
        finally:
            os.close(made)


@contextmanager
def _above(path: Path) -> Iterator[int]:
    """
    Open the folder of a path: its owner is asked of the very folder that something is made in.

    Asked by name, it could be another one by then, and its owner be given a file of /etc.
    """
    above = os.open(path.parent, FOLDER)
    try:
        yield above
    except OSError as error:
        error.filename = str(path)  # not only its last part
        raise
    finally:
        os.close(above)


def _give(made: int, above: int, mode: int | None) -> None:
    if os.geteuid() != 0:
        return
    folder = os.fstat(above)
    with suppress(OSError):  # there are file systems where root may not, as over the network
        os.fchown(made, folder.st_uid, folder.st_gid)
        if mode is not None:
            os.fchmod(made, folder.st_mode & mode)
