"""
Opens regular files for reading: no link is followed, nothing waited for, no time noted; and sees whether one held still.

For the look at files, for what keeps the first of them, and for what compares before it writes. Changes nothing.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Self

from agent.model import blob_hasher

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
PIECE = 1 << 20


class UnsteadyError(Exception):
    """A file does not hold still while it is read."""


def open_regular(fd: int, name: str) -> Reading:
    """Open a regular file in a folder for reading; raises OSError, or UnsteadyError if it is no longer one."""
    return Reading(opened(fd, name))


def opened(fd: int, name: str) -> int:
    """
    Return a descriptor to read from, through which nothing is written: the time of a read is not noted, O_NOATIME of open(2).

    That is for who owns the file, and root; anybody else's read is noted.
    """
    try:
        return os.open(name, READ | os.O_NOATIME, dir_fd=fd)
    except PermissionError:
        return os.open(name, READ, dir_fd=fd)


class Reading:
    """A regular file that is being read; knows whether it held still."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.stat = os.fstat(fd)
        if not stat.S_ISREG(self.stat.st_mode):
            os.close(fd)
            raise UnsteadyError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def read(self, limit: int) -> bytes:
        pieces = []
        while limit > 0 and (piece := os.read(self.fd, min(PIECE, limit))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)

    def digest(self) -> str:
        """Return the Git blob id of the content (gitformat-object); raises UnsteadyError if it does not hold still."""
        size = self.stat.st_size
        sha = blob_hasher(size)
        left = size
        while piece := os.read(self.fd, min(PIECE, left + 1)):
            sha.update(piece)
            left -= len(piece)
            if left < 0:
                raise UnsteadyError
        after = os.fstat(self.fd)
        if left or (after.st_mtime_ns, after.st_size) != (self.stat.st_mtime_ns, size):
            raise UnsteadyError
        return sys.intern(sha.hexdigest())  # of most files, what is declared has the same one
