"""When everything has to be looked at, whatever was heard: in its turn, and when time itself has moved. Reads clocks only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from agent.values import dataclass

JUMP: float = (
    3.0  # seconds by which clocks may drift apart from one look to the next: NTP slews, it does not step
)


class Ear(Protocol):
    """Hears that time has moved; `agent/host/clock.py` has the real one."""

    def fileno(self) -> int: ...

    def heed(self) -> None: ...


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Rounds:
    """
    Keeps the rhythm of the looks at everything.

    CLOCK_BOOTTIME goes on while the machine is suspended and CLOCK_MONOTONIC stands still (clock_gettime(2)): when they
    part, the machine slept, and what happened to its disks meanwhile made no event. A clock that is set back makes what
    is new look old; one that was wrong until now may be why Git could not be asked, whose certificate was not valid yet. And a virtual machine
    that was paused knows of it by nothing else.
    """

    monotonic: Callable[[], float] = time.monotonic
    boottime: Callable[[], float] = _since_boot
    wall: Callable[[], float] = time.time
    ear: Ear | None = None  # without it, it is only found when somebody asks
    due_at: float = -math.inf  # monotonic seconds
    _slept: float | None = None  # what one clock is ahead of the other
    _behind: float | None = None

    def due(self) -> bool:
        return self.monotonic() >= self.due_at

    def gone(self, wait: float) -> None:
        """Everything was looked at; the next time is so much later."""
        self.due_at = self.monotonic() + wait

    def jumped(self) -> str:
        """Return what time has done since this was last asked, if it was not just to go by."""
        words = self.moved()
        self._slept, self._behind = self._parted()
        return words

    def moved(self) -> str:
        """Return the same, and keep it for who asks next."""
        if self._slept is None or self._behind is None:
            return ""
        slept, behind = self._parted()
        slept, behind = slept - self._slept, behind - self._behind
        if slept > JUMP:
            return f"the machine slept for {slept:.0f} s"
        if abs(behind) > JUMP:
            return f"the clock was set {'back' if behind > 0 else 'forward'} by {abs(behind):.0f} s"
        return ""

    def _parted(self) -> tuple[float, float]:
        now = self.monotonic()
        return self.boottime() - now, now - self.wall()
