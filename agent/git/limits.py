"""How long a remote may take, and how much it may send. Values only, and the clock that holds them."""

from __future__ import annotations

import time

from agent.errors import SourceError
from agent.values import dataclass

MIB = 1 << 20
FAST = 1  # of zlib: a third of the time for a tenth more room, until a repository is packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times are seconds, sizes bytes. Sizes are checked before anything is inflated past them."""

    connect: float = 10.0
    stall: float = 30.0  # without a single byte
    total: float = 300.0  # for one exchange, however lively
    refs: int = 16 * MIB  # of a list of refs
    pack: int = 1024 * MIB  # as sent
    objects: int = 500_000  # in one pack
    object: int = 256 * MIB  # one object, inflated
    delta: int = 16 * MIB  # what is held in memory: a tree, a commit, the result of a delta
    inflated: int = 2048 * MIB  # all objects of a pack together


DEFAULT_LIMITS = Limits()


class Deadline:
    """The end of the total time for one exchange."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that remain; raises SourceError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise SourceError(f"gave up after {self.seconds:g} s in total: the answer comes too slowly")
        return left
