"""When everything has to be looked at, whatever was heard: in its turn, and when time itself has moved. Reads clocks only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from agent.values import dataclass

JUMP: float = (
    3.0  # seconds by which clocks may drift apart from one look to the next: NTP slews, it does not step
)


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Rounds:
    """
    Keeps the rhythm of the looks at everything.

    CLOCK_BOOTTIME goes on while the machine is suspended and CLOCK_MONOTONIC stands still (clock_gettime(2)): when they
    part, the machine slept, and what happened to its disks meanwhile made no event. A clock that is set back makes what
    is new look old.
    """

    monotonic: Callable[[], float] = time.monotonic
    boottime: Callable[[], float] = _since_boot
    wall: Callable[[], float] = time.time
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
        now = self.monotonic()
        slept, behind = self.boottime() - now, now - self.wall()
        before, self._slept, self._behind = (self._slept, self._behind), slept, behind
        if before[0] is not None and slept - before[0] > JUMP:
            return f"the machine slept for {slept - before[0]:.0f} s"
        if before[1] is not None and behind - before[1] > JUMP:
            return f"the clock was set back by {behind - before[1]:.0f} s"
        return ""
