"""Ways in which a managed file gets wrong, in a seeded order, alone and in bursts."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MODE = 0o640
CALM = 2.6  # seconds without any: longer than what the daemon calls quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What happens to which file, so many seconds after the drift before it. `alone`: the first one after quiet."""

    sort: str
    file: int
    after: float
    alone: bool


def content(path: Path, _spare: Path) -> None:
    """Other bytes in place, of the same length."""
    with path.open("r+b") as file:
        file.write(b"DRIFTED!")


def mode(path: Path, _spare: Path) -> None:
    path.chmod(0o666)


def owner(path: Path, _spare: Path) -> None:
    os.chown(path, 1, 1)


def deletion(path: Path, _spare: Path) -> None:
    path.unlink()


def rename_over(path: Path, spare: Path) -> None:
    """As an editor saves it."""
    spare.replace(path)


SORTS: Mapping[str, Callable[[Path, Path], None]] = {
    "content": content,
    "mode": mode,
    "deletion": deletion,
    "rename over": rename_over,
    **({"owner": owner} if os.geteuid() == 0 else {}),
}


def schedule(count: int, seed: int) -> Sequence[Drift]:
    """
    Return as many of each sort, each on a file of its own: a file that drifts again and again is fought for, not repaired.

    A third of them comes alone after quiet, the rest in bursts of two to twelve within a quarter of a second.
    """
    chance = random.Random(seed)
    sorts = [list(SORTS)[number % len(SORTS)] for number in range(count)]
    chance.shuffle(sorts)
    drifts: list[Drift] = []
    while len(drifts) < count:
        size = 1 if chance.random() < 0.75 else chance.randint(2, 12)
        for place in range(min(size, count - len(drifts))):
            after = chance.uniform(0, 0.03) if place else CALM + chance.uniform(0, 0.2)
            file = len(drifts)
            drifts.append(Drift(sort=sorts[file], file=file, after=after, alone=not place))
    return drifts
