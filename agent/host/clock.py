"""
Hears that the clock was set, or that the machine has slept: timerfd_create(2). Sets no clock.

By ctypes, for Python has no way to it before 3.13; the daemon has it loaded for inotify.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from typing import Final

# <sys/timerfd.h>
_ABSTIME: Final = 1
_CANCEL_ON_SET: Final = 2


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("every", _Moment), ("at", _Moment))


class ClockEar:
    """
    A timer for a day that never comes; the kernel ends it when CLOCK_REALTIME is not what it was. Raises OSError.

    When it is set, that is, and at the end of a suspend, in which it went on and CLOCK_MONOTONIC did not. What was done is for others to tell:
    a clock that is set by a millisecond is heard of as well.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.timerfd_create(time.CLOCK_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise _trouble()
        never = _Timer(at=_Moment(seconds=2 ** (8 * ctypes.sizeof(ctypes.c_long) - 1) - 1))
        if libc.timerfd_settime(self._fd, _ABSTIME | _CANCEL_ON_SET, ctypes.byref(never), None) < 0:
            trouble = _trouble()
            if trouble.errno != errno.ECANCELED:  # set all the same, and it has something to say already
                os.close(self._fd)
                raise trouble

    def fileno(self) -> int:
        return self._fd

    def heed(self) -> None:
        """Take in what there is to hear: it is ready to read until this is done, and then waits for the next time."""
        try:
            os.read(self._fd, 8)
        except OSError:  # ECANCELED is what it has to say; EAGAIN, that there is nothing
            return

    def close(self) -> None:
        os.close(self._fd)


def clock_ear() -> ClockEar | None:
    """Return one; None where there is none to be had: then it is found at the next look that time has moved."""
    try:
        return ClockEar()
    except OSError:
        return None


def _trouble() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
