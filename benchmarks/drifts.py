"""When something of a host gets wrong, in a seeded order, alone and in bursts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CALM = 2.6  # seconds without any: longer than what the daemon calls quiet
LARGEST = 12  # drifts of a burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What happens to which thing, so many seconds after the drift before it. `alone`: the first one after quiet."""

    sort: str
    number: int
    after: float
    alone: bool


def schedule(
    count: int, seed: int, sorts: Sequence[str], *, things: int, largest: int = LARGEST
) -> Iterator[Sequence[Drift]]:
    """
    Yield rounds of as many of each sort, each to a thing of its own: one that drifts again and again is fought for, not repaired.

    A third of them comes alone after quiet, the rest in bursts of two to `largest` within a quarter of a second.
    """
    chance = random.Random(seed)
    every = [sorts[number % len(sorts)] for number in range(count)]
    chance.shuffle(every)
    while every:
        some, every = every[:things], every[things:]
        yield _round(some, chance, things, largest)


def _round(sorts: Sequence[str], chance: random.Random, things: int, largest: int) -> Sequence[Drift]:
    numbers = chance.sample(range(things), len(sorts))
    drifts: list[Drift] = []
    while len(drifts) < len(sorts):
        size = 1 if largest < 2 or chance.random() < 0.75 else chance.randint(2, largest)
        for place in range(min(size, len(sorts) - len(drifts))):
            after = chance.uniform(0, 0.03) if place else CALM + chance.uniform(0, 0.2)
            sort, number = sorts[len(drifts)], numbers[len(drifts)]
            drifts.append(Drift(sort=sort, number=number, after=after, alone=not place))
    return drifts
