"""
Bounds for code that comes from a commit: processor time and memory, whatever it does. Lends the process's own
timer (SIGVTALRM) and its limit on memory while it runs, and gives both back.
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, Never

AGAIN: Final = 1.0  # seconds to the next alarm: something on the way may have swallowed the first one


class OutOfTimeError(Exception):
    """The processor time that was granted is used up."""


@contextmanager
def at_most(*, seconds: float, memory: int) -> Iterator[None]:
    """
    Bound what the block uses; raises OutOfTimeError, or MemoryError, wherever it stands then.

    Time is the processor's, not the clock's (setitimer(2), ITIMER_VIRTUAL): neither a busy machine nor one that was
    suspended makes a bad template of a good one. Where signals do not arrive (signal(7): Python hands them to the
    main thread) only memory is bounded. `memory` is in bytes, on top of what the process has.
    """
    with _memory(memory), _time(seconds):
        yield


@contextmanager
def unbounded() -> Iterator[None]:
    """Stop the clock while something else is done, as reading from the repository."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, again = signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, left, again)


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _ring)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _ring(number: int, frame: FrameType | None) -> Never:  # noqa: ARG001 - signal's own shape
    raise OutOfTimeError


@contextmanager
def _memory(more: int) -> Iterator[None]:
    """Lower the soft limit on address space (getrlimit(2), RLIMIT_AS); a lower one that is set already stays."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (_used() + more, *before) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _used() -> int:
    """Return the size of the address space in bytes (proc_pid_statm(5))."""
    return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
