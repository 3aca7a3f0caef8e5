"""
inotify(7): the kernel's own word on what happens in folders. One descriptor, which is read when something is there.

By ctypes, for Python has no module for it. Changes nothing on the host.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from agent.values import dataclass

# <linux/inotify.h>
MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
UNMOUNT: Final = 0x2000
OVERFLOW: Final = 0x4000  # the queue was full, and events are lost; of no watch (wd is -1)
IGNORED: Final = 0x8000  # a watch has ended
_ONLYDIR: Final = 0x0100_0000
_MASK_ADD: Final = 0x2000_0000

COMES_AND_GOES: Final = CREATE | DELETE | MOVED_FROM | MOVED_TO
LOST: Final = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED  # the folder is no longer where it was

_HEAD: Final = struct.Struct("iIII")  # wd, mask, cookie, length of the name with its zeros
_MOST: Final = 1 << 16  # bytes that are read at once
_READINGS: Final = (
    16  # in a row at most, for others may write faster than this is read; a queue of usual length takes 8
)
_LONGEST: Final = _HEAD.size + 256  # bytes of an event: NAME_MAX, and a zero


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a name in a watched folder, or to the folder itself: then there is no name."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One instance of inotify. Raises OSError, as the system calls do."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = _answered(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def fileno(self) -> int:
        return self._fd

    def watch(self, folder: int, mask: int) -> int:
        """
        Watch an open folder for more than before; return the number of the watch, the same one for the same folder.

        By its descriptor, which may be O_PATH: what was opened without following links is what is watched.
        """
        path = f"/proc/self/fd/{folder}".encode()
        return _answered(self._libc.inotify_add_watch(self._fd, path, mask | _ONLYDIR | _MASK_ADD))

    def unwatch(self, watch: int) -> None:
        with suppress(OSError):  # it has ended by itself
            _answered(self._libc.inotify_rm_watch(self._fd, watch))

    def read(self) -> Iterator[Event]:
        """Yield all that has happened until now, without waiting for more."""
        for _ in range(_READINGS):
            data, at = self._data(), 0
            while at < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size + length
                yield Event(watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0")))
            if len(data) <= _MOST - _LONGEST:  # or one more would have been in it
                return

    def _data(self) -> bytes:
        try:
            return os.read(self._fd, _MOST)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._fd)


def _answered(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
