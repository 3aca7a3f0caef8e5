"""Ends what takes longer than it may, on a thread that stays while it is used: to start one for each poll took a sixth of the poll's CPU."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Overtime:
    """
    Has `end` called when the block of `watched` lasts longer than `seconds`.

    All but the thread's own work is called by one thread, and one block at a time. `end` is over when the block is.
    """

    def __init__(self, seconds: float, end: Callable[[], None]) -> None:
        self._seconds, self._end = seconds, end
        self._due = math.inf  # monotonic seconds
        self._used = False  # since the thread last woke
        self._over: threading.Event | None = None  # ends the thread, where there is one
        self._lock = threading.RLock()  # for these; what ends a block may close, too

    @contextmanager
    def watched(self) -> Iterator[None]:
        with self._lock:
            if self._over is None:
                over = threading.Event()
                threading.Thread(target=self._run, args=(over,), name="overtime", daemon=True).start()
                self._over = over  # not before: there may be no thread to be had
            self._due, self._used = time.monotonic() + self._seconds, True
        try:
            yield
        finally:
            with self._lock:
                self._due = math.inf

    def close(self) -> None:
        """End the thread, unless there is something to watch."""
        with self._lock:
            if self._over is not None and self._due == math.inf:
                self._over.set()
                self._over = None

    def _run(self, over: threading.Event) -> None:
        """All blocks are given the same time: what begins during a sleep is not over before its end, and nobody needs to wake it."""
        wait = self._seconds
        while not over.wait(wait):
            with self._lock:
                left = self._due - time.monotonic()
                if left <= 0:
                    self._due = math.inf
                    self._end()
                elif not self._used and self._due == math.inf and self._over is over:
                    self._over = (
                        None  # for the next one there is another thread: most remotes are asked now and then
                    )
                    return
                self._used = False
            wait = min(left, self._seconds) if left > 0 else self._seconds
