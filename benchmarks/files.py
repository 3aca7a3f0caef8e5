#!/usr/bin/env python3
"""
How fast trued keeps files true, side by side with the physical floor and with what is installed of other tools.

Contenders run in turn (A B C, A B C, ...), each from the same prepared state; preparing and checking are not timed.
Ratios are taken round by round, of CPU time, which other work on the machine hardly touches. A row whose tree is not as
declared after its run says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import contenders
import tools
import workload as loads
from contenders import STATES, Contender, Trued
from measure import Sample, spread
from workload import Workload

PREPARE: Mapping[str, Callable[[Workload], None]] = {
    "first": loads.empty,
    "nothing": loads.same,
    "content": loads.touch,
    "drift": loads.drift,
}
SETTLED = 2.5  # seconds: what changed in the last two is read again, since its stat proves nothing yet
TITLES = {
    "first": "first apply",
    "nothing": "nothing to do",
    "content": "nothing to do, all contents read",
    "drift": "1 % drifted",
}
MANY = 5_000  # files, from which on the slow ones are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The samples of each row, and the rows after which the tree was not as wanted."""

    files: int
    state: str
    keys: Mapping[str, str]  # of the rows' names
    samples: Mapping[str, Sequence[Sample]]
    failed: Sequence[str]


def rounds(load: Workload, state: str, rows: Sequence[Contender], runs: int, slow: int) -> Outcome:
    """Run all in turn; one round is to warm up, but for the slow ones, which take part in the first `slow` ones."""
    samples: dict[str, list[Sample]] = {row.name: [] for row in rows}
    failed: set[str] = set()
    for turn in range(-1, runs):
        for row in rows:
            if row.slow and not 0 <= turn < slow:
                continue
            PREPARE[state](load)
            if state == "first":
                row.fresh()
            sample = row.run()
            if row.changes and loads.wrong(load):
                failed.add(row.name)
            if turn >= 0:
                samples[row.name].append(sample)
    return Outcome(
        files=len(load.names),
        state=state,
        keys={row.name: row.key for row in rows},
        samples=samples,
        failed=sorted(failed),
    )


def table(samples: Mapping[str, Sequence[Sample]], failed: Sequence[str]) -> str:
    """Return a Markdown table: medians with lowest and highest, and CPU ratios to the floor and to cf-agent."""
    names = list(samples)
    anchors = [names[0], *(name for name in names if name.startswith("cf-agent"))]
    head = ["", "wall ms", "CPU ms", "peak MiB", *(f"CPU to {anchor}" for anchor in anchors)]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' --: |' * (len(head) - 1)}"]
    for name, got in ((name, got) for name, got in samples.items() if got):
        cells = [
            name + (" (NOT AS DECLARED)" if name in failed else ""),
            spread([sample.wall * 1000 for sample in got]),
            spread([sample.cpu * 1000 for sample in got]),
            f"{statistics.median(sample.peak for sample in got):.0f}",
            *(ratio(got, samples[anchor]) for anchor in anchors),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(got: Sequence[Sample], anchor: Sequence[Sample]) -> str:
    # A floor of a few files can be below what the kernel's clock tells apart.
    return spread([a.cpu / max(b.cpu, 1e-4) for a, b in zip(got, anchor, strict=False)], digits=2)


def everybody(load: Workload, trued: Trued) -> list[Contender]:
    return [*contenders.floors(load), *trued.contenders(), *tools.others(load)]


def bench(count: int, states: Sequence[str], runs: int, scratch: Path, slow: int) -> Iterator[Outcome]:
    """Measure one size, state by state."""
    load = loads.make(scratch / str(count), count)
    with Trued(load) as trued:
        every = everybody(load, trued)
        for state in states:
            rows = [row for row in every if state in row.states and not (row.slow and count >= MANY)]
            if state != "first":  # those that remember get to know the tree
                trued.settle()
                loads.same(load)
                trued.verb("apply")
                time.sleep(SETTLED)
            yield rounds(load, state, rows, runs, slow)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1_000, 10_000], metavar="N")
    parser.add_argument("--states", nargs="+", choices=STATES, default=STATES)
    parser.add_argument("--runs", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument(
        "--slow", type=int, default=2, help="rounds of puppet, ansible, salt and pyinfra (default: 2)"
    )
    parser.add_argument(
        "--scratch", type=Path, help="a folder on the disk to measure (default: that of temporary files)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there too")
    args = parser.parse_args()
    tools.find()
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} CPUs, load {load}"
    )
    raw: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="trued-bench.", dir=args.scratch) as scratch:
        for count in args.files:
            for done in bench(count, args.states, args.runs, Path(scratch), args.slow):
                print(
                    f"\n### {count:,} files, {TITLES[done.state]}\n\n{table(done.samples, done.failed)}",
                    flush=True,
                )
                raw.append(asdict(done))
    if args.json:
        args.json.write_text(json.dumps(raw))
    return int(any(row["failed"] for row in raw))


if __name__ == "__main__":
    sys.exit(main())
