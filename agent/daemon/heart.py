"""
What keeps the loop alive and lets it be asked: signals become questions, sleep is one wait, life is shown to systemd.

Owns the process's handlers for SIGTERM, SIGINT and SIGHUP while it listens. docs/decisions/0005 says why it is so.
"""

from __future__ import annotations

import math
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol, Self

from agent.daemon.rounds import Rounds

EXTENSION = 30.0  # seconds more that a stop may take, asked for again as long as a step goes on


class Notifier(Protocol):
    """The way to the service manager; `agent/host/notify.py` has the real one."""

    @property
    def watchdog(self) -> float | None: ...

    def send(self, *assignments: str) -> bool: ...

    def reloading(self) -> bool: ...


class Interrupted(BaseException):
    """Ends a wait that was declared interruptible. No `except Exception` on the way may swallow it."""


class Heart:
    """The pulse that the loop lends to a cycle, and the loop's own way to sleep."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        # Half of the time allowed, as sd_watchdog_enabled(3) recommends.
        self._period = notifier.watchdog / 2 if notifier.watchdog else None
        self._beaten = -math.inf
        self._extended = -math.inf
        self._stopping = False
        self._asked = False
        self.roused_at = math.inf  # since when something waits for a look (monotonic seconds)
        self._heard: set[str] = set()
        self._lost = False  # something happened, and it is not known what
        self._noting = threading.Lock()  # for these three
        self._open = False
        self._due = math.inf
        self._hurried = False
        self._ear, self._bell = socket.socketpair()

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Take the signals; give them back at the end."""
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        # The C handler writes to the bell, so a signal between a test of the flags and the wait is not missed.
        wakeup = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        handlers = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._ask}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)
            self._ear.close()
            self._bell.close()

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own shape
        first, self._stopping = not self._stopping, True
        if first and self._open:  # a second signal must not break off the cleaning up after the first
            raise Interrupted

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as above
        self._asked = True

    @property
    def stopping(self) -> bool:
        """Whether to come to an end after the step in hand."""
        return self._stopping

    @property
    def roused(self) -> bool:
        """Whether something has happened that no look has seen yet."""
        return self.roused_at < math.inf

    def expect(self, due: float) -> None:
        """Have a cycle that begins now wait for nothing beyond `due` (monotonic seconds): it is time to look at Git."""
        self._due, self._hurried = due, False

    @property
    def overdue(self) -> bool:
        """Whether a cycle has to do without waiting any longer: what is new may be the cure of what it waits for."""
        self._hurried = self._hurried or self._asked or time.monotonic() >= self._due
        return self._hurried

    @property
    def hurried(self) -> bool:
        """Whether a cycle was told so, and has left something to the next one, which should not be long in coming."""
        return self._hurried

    def asked(self) -> bool:
        """Return whether a look was asked for since the last time this was called."""
        asked, self._asked = self._asked, False
        return asked

    def rouse(self, places: frozenset[str]) -> None:
        """Have the next sleep end early: something has happened there, or anywhere. Another thread may call it."""
        with self._noting:
            self._heard |= places
            self._lost |= not places
            self.roused_at = min(self.roused_at, time.monotonic())
        with suppress(OSError):  # full: it has been rung already; closed: nobody sleeps any more
            self._bell.send(b"\0")

    def heard(self) -> frozenset[str] | None:
        """Return where something has happened since this was last asked: the look that follows sees it. None: anywhere."""
        with self._noting:
            found = None if self._lost else frozenset(self._heard)
            self._heard, self._lost, self.roused_at = set(), False, math.inf
        return found

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """See `Pulse`. First open, then test: a signal in between is seen by one or by the other."""
        before, self._open = self._open, True
        try:
            if self._stopping:
                raise Interrupted
            yield
        finally:
            self._open = before

    def beat(self) -> None:
        """Show life to the service manager's watchdog. Cheap: may be called after every step."""
        now = time.monotonic()
        self._show_life(now, early=True)
        if self._stopping and now - self._extended >= EXTENSION / 2:
            # The step in hand is finished first, and has a limit of its own (sd_notify(3), EXTEND_TIMEOUT_USEC).
            self._notifier.send(f"EXTEND_TIMEOUT_USEC={EXTENSION * 1_000_000:.0f}")
            self._extended = now

    def sleep(self, until: float, *, soundly: float = math.inf, rounds: Rounds | None = None) -> bool:
        """
        Return at `until` (monotonic seconds), or as soon as a signal asks for something, or when roused: then True.

        Until `soundly` nothing but a signal ends it, or time that moves; what rouses it before does so then.
        """
        clock = rounds.ear if rounds is not None else None
        ears = (self._ear,) if clock is None else (self._ear, clock)
        while not (self._stopping or self._asked):
            now = time.monotonic()
            if self.roused_at <= now and now >= soundly:
                return True
            if now >= until:
                break
            self._show_life(now, early=False)
            wake = min(until, self._beaten + self._period) if self._period else until
            wake = min(wake, soundly) if self.roused_at <= now else wake
            ready = select.select(ears, [], [], max(0.0, wake - now))[0]
            if self._ear in ready:
                self._ear.recv(4096)
            if clock is not None and clock in ready:
                clock.heed()
                if rounds is not None and rounds.moved():
                    break
        return False

    def _show_life(self, now: float, *, early: bool) -> None:
        """Send at most one sign of life a period, or two while a cycle is at work: it may not come by again soon."""
        if self._period and now - self._beaten >= self._period / (2 if early else 1):
            self._notifier.send("WATCHDOG=1")
            self._beaten = now
