"""
Opens files of a repository on this machine, whose owner may have put anything in their place. Changes nothing.

Of a FIFO nobody would ever read the end; to open a device is to use it, and a link may lead to one.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from agent.errors import SourceError

PLAIN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def open_plain(path: Path, *, linked: bool = False) -> BinaryIO:
    """
    Open a file for reading, and nothing else that has its name; raises SourceError, or OSError.

    `linked`: it may be a link to a file. Git lets a ref be a link, too, and has made none since 2006: git-symbolic-ref(1).
    """
    if linked:
        _refuse(path, path.stat())
    try:
        descriptor = os.open(path, PLAIN if linked else PLAIN | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO}:  # a link; a socket
            raise
        raise _not_plain(path) from error
    try:
        _refuse(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def refuse_strange(folder: Path, *names: str) -> None:
    """Raise SourceError if one of these is there, and is no file: a library is going to open them."""
    for name in names:
        try:
            open_plain(folder / name, linked=True).close()
        except FileNotFoundError:
            continue


def _refuse(path: Path, known: os.stat_result) -> None:
    if S_ISDIR(known.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not S_ISREG(known.st_mode):
        raise _not_plain(path)


def _not_plain(path: Path) -> SourceError:
    return SourceError(
        f"{path}: expected a file, found a link, a FIFO or the like, which trued does not open in a repository",
        hint=f"put a file there, or remove {path}",
    )
