"""Does what is to happen to a host, and sees how soon it is right again. Also run inside a machine: needs nothing but Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from drifts import Drift

FLOOR = "floor: a start by the engine alone"  # the sort of what is no drift
PATIENCE = 60.0  # seconds after which a drift counts as not repaired


class Host(Protocol):
    """What drifts."""

    def harm(self, drift: Drift) -> float:
        """Do it; return since when it counts (time.monotonic)."""

    def is_right(self, drift: Drift) -> bool:
        """Say whether that thing is, again, as it is declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A drift and two moments (time.monotonic); `until` is None when it was not repaired in time."""

    drift: Drift
    since: float
    until: float | None

    @property
    def repair(self) -> Repair:
        ms = None if self.until is None else (self.until - self.since) * 1000
        return Repair(sort=self.drift.sort, alone=self.drift.alone, ms=ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """
    `ms` is None when it was not repaired in time.

    `ended` counts from where the thing had ended, if ending it takes its time and that is known.
    """

    sort: str
    alone: bool
    ms: float | None
    ended: float | None = None


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} within {seconds:g} s")
        time.sleep(0.02)


def watch(host: Host, todo: Sequence[Drift], look: float) -> list[Seen]:
    """Do the drifts in their turn, with a look each `look` seconds at all that are not repaired yet, until they are."""
    done: list[Seen] = []
    open_: dict[int, tuple[Drift, float]] = {}
    left = list(reversed(todo))
    due = time.monotonic() + left[-1].after
    while left or open_:
        if left and time.monotonic() >= due and not (left[-1].alone and open_):
            drift = left.pop()
            open_[drift.number] = (drift, host.harm(drift))
            due = time.monotonic() + (left[-1].after if left else 0)
        for number, (drift, since) in list(open_.items()):
            right, now = host.is_right(drift), time.monotonic()
            if right or now - since > PATIENCE:
                del open_[number]
                done.append(Seen(drift=drift, since=since, until=now if right else None))
                due = max(due, now + left[-1].after) if left and left[-1].alone else due
        time.sleep(look)
    return done


def groups(every: Sequence[Repair]) -> Iterator[tuple[str, list[float]]]:
    """Yield the milliseconds of all, of those alone and in bursts, and of each sort; with what a reader is told of it."""
    found = [one for one in every if one.sort != FLOOR]
    yield "all", times(found)
    if ended := [one.ended for one in found if one.ended is not None]:
        yield "from their end on", ended
    if not all(one.alone for one in found):
        yield "the first after quiet", times([one for one in found if one.alone])
        yield "in a burst", times([one for one in found if not one.alone])
    for sort in sorted({one.sort for one in every}):
        yield sort, times([one for one in every if one.sort == sort])


def times(found: Sequence[Repair]) -> list[float]:
    """Return the milliseconds; of what was not repaired, those that were waited."""
    return [PATIENCE * 1000 if one.ms is None else one.ms for one in found]
