#!/usr/bin/env python3
"""
How soon the daemon has right again what has drifted: seeded drifts on files of a tree of its own, while `trued run` sleeps.

Counted from before the call that harms to the first look at which the file is as declared; there is a look each half
millisecond. The interval is ten minutes, so nothing but the event can have woken it.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import drifts
from drifts import SORTS, Drift
from fleet import Fleet
from idle import daemon
from results import median, percentile

LOOK = 0.0005  # seconds between two looks
PATIENCE = 10.0  # seconds after which a drift counts as not repaired
FOLDERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """`ms` is None when it was not repaired in time."""

    sort: str
    alone: bool
    ms: float | None


class Tree:
    """A host with nothing but files, below a scratch folder, and its fleet repository."""

    def __init__(self, top: Path, count: int) -> None:
        self.root, self.spare = top / "root", top / "spare"
        self.root.mkdir(parents=True)
        self.spare.mkdir()
        self.names = [f"srv/d{number % FOLDERS}/f{number:04}.conf" for number in range(count)]
        self.fleet = Fleet(
            top=top, remote=top / "fleet.git", more={"root": str(self.root), "interval": "10m"}
        )
        self.fleet.start()
        owner = {"owner": str(os.geteuid()), "group": str(os.getegid())}
        entry = {"mode": f"{drifts.MODE:04o}", **owner}
        files = {f"/{name}": {"content": self.wanted(name), **entry} for name in self.names}
        self.fleet.declare({"files": files})
        self.fleet.push("Declare files")

    def wanted(self, name: str) -> str:
        return f"# {name}\n" + "key = value\n" * 80

    def is_right(self, name: str) -> bool:
        path = self.root / name
        try:
            found = path.lstat()
            return (
                found.st_mode == stat.S_IFREG | drifts.MODE
                and found.st_uid == os.geteuid()
                and path.read_text() == self.wanted(name)
            )
        except OSError:
            return False

    def harm(self, drift: Drift) -> None:
        spare = self.spare / str(drift.file)
        spare.write_text("other")
        SORTS[drift.sort](self.root / self.names[drift.file], spare)


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} within {seconds:g} s")
        time.sleep(0.02)


def repairs(tree: Tree, todo: Sequence[Drift]) -> list[Repair]:
    """Do the drifts in their turn, and look at all that are not repaired yet until they are."""
    done: list[Repair] = []
    open_: dict[str, tuple[Drift, float]] = {}
    left = list(reversed(todo))
    due = time.monotonic() + left[-1].after
    while left or open_:
        if left and time.monotonic() >= due and not (left[-1].alone and open_):
            drift = left.pop()
            open_[tree.names[drift.file]] = (drift, time.monotonic())
            tree.harm(drift)
            due = time.monotonic() + (left[-1].after if left else 0)
        for name, (drift, since) in list(open_.items()):
            right, now = tree.is_right(name), time.monotonic()
            if right or now - since > PATIENCE:
                del open_[name]
                ms = (now - since) * 1000 if right else None
                done.append(Repair(sort=drift.sort, alone=drift.alone, ms=ms))
                due = max(due, now + left[-1].after) if left and left[-1].alone else due
        time.sleep(LOOK)
    return done


def run(count: int, seed: int, scratch: Path) -> list[Repair]:
    """Measure; raises RuntimeError if the daemon does not make the files to begin with."""
    tree = Tree(scratch / "latency", count)
    log = scratch / "latency/daemon.log"
    with daemon(tree.fleet):
        until(lambda: "converged at" in log.read_text(), 120, "the daemon did not make its files")
        time.sleep(drifts.CALM)
        return repairs(tree, drifts.schedule(count, seed))


def groups(found: Sequence[Repair]) -> Iterator[tuple[str, list[Repair]]]:
    """Yield all of them, those alone and in bursts, and each sort; with what a reader is told of it."""
    yield "all", list(found)
    yield "the first after quiet", [one for one in found if one.alone]
    yield "in a burst", [one for one in found if not one.alone]
    for sort in SORTS:
        yield sort, [one for one in found if one.sort == sort]


def times(found: Sequence[Repair]) -> list[float]:
    """Return the milliseconds; of what was not repaired, those that were waited."""
    return [PATIENCE * 1000 if one.ms is None else one.ms for one in found]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drifts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--json", type=Path, help="write all of them to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trued-latency.") as scratch:
        found = run(options.drifts, options.seed, Path(scratch))
    print("| drifts | | p50 ms | p99 ms | longest ms |\n| --- | --: | --: | --: | --: |")
    for name, some in groups(found):
        if ms := times(some):
            cells = (median(ms), percentile(ms, 0.99), max(ms))
            print(f"| {name} | {len(ms)} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found]))
    if lost := sum(one.ms is None for one in found):
        print(f"{lost} of {len(found)} were not repaired within {PATIENCE:g} s", file=sys.stderr)
    return int(any(one.ms is None for one in found))


if __name__ == "__main__":
    sys.exit(main())
