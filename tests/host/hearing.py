"""Who is told of what an ear has heard."""

from __future__ import annotations

import time

from tests.waiting import until


class Heard:
    """All that was told, in order; what is not told within a `moment` (seconds) is not told at all."""

    def __init__(self, moment: float) -> None:
        self.told: list[frozenset[str]] = []
        self._moment = moment

    def __call__(self, places: frozenset[str]) -> None:
        self.told.append(places)

    def nothing(self) -> bool:
        time.sleep(self._moment)
        return not self.told

    def taken(self, seconds: float) -> list[frozenset[str]]:
        """Wait until something is told, for so long at most; return it with what follows, and forget it."""
        until(lambda: self.told, seconds)
        time.sleep(self._moment)
        found, self.told = self.told, []
        return found
