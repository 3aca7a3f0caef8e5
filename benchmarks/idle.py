#!/usr/bin/env python3
"""
What the daemon costs while nothing happens: memory, CPU and wake-ups, with its poll of a repository on the same disk.

One daemon for each size, side by side, at the default interval; counted after they have settled.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import workload as loads
from contenders import Trued
from fleet import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What /proc says of a process (proc(5)): KiB, seconds, and how often it gave up the CPU by itself."""

    rss: int
    pss: int
    cpu: float
    wakes: int


def read(pid: int) -> Reading:
    place = Path(f"/proc/{pid}")
    memory = _fields((place / "smaps_rollup").read_text())
    spent = (place / "stat").read_text().rpartition(")")[2].split()[11:13]  # utime, stime
    return Reading(
        rss=memory["Rss"],
        pss=memory["Pss"],
        cpu=sum(map(int, spent)) / os.sysconf("SC_CLK_TCK"),
        wakes=_fields((place / "status").read_text())["voluntary_ctxt_switches"],
    )


def _fields(text: str) -> dict[str, int]:
    pairs = (line.partition(":")[::2] for line in text.splitlines())
    return {name: int(words[0]) for name, rest in pairs if (words := rest.split()) and words[0].isdigit()}


def watch(counts: Sequence[int], settle: float, seconds: float, scratch: Path) -> None:
    """Print one row for each size, and what a file more takes."""
    with ExitStack() as stack:
        pids = [stack.enter_context(_daemon(count, scratch)).pid for count in counts]
        time.sleep(settle)
        before = [read(pid) for pid in pids]
        time.sleep(seconds)
        after = [read(pid) for pid in pids]
        for pid in pids:
            os.kill(pid, 15)
    print(
        "| files | RSS MiB | PSS MiB | CPU ms a minute | wake-ups a minute |\n| --: | --: | --: | --: | --: |"
    )
    minutes = seconds / 60
    for count, old, new in zip(counts, before, after, strict=True):
        cpu, wakes = (new.cpu - old.cpu) * 1000 / minutes, (new.wakes - old.wakes) / minutes
        print(f"| {count:,} | {new.rss / 1024:.1f} | {new.pss / 1024:.1f} | {cpu:.0f} | {wakes:.1f} |")
    if counts[-1] > counts[0]:
        more = (after[-1].rss - after[0].rss) / (counts[-1] - counts[0])
        print(f"\nEach further file: {more:.1f} KiB of RSS.")


def _daemon(count: int, scratch: Path) -> subprocess.Popen[bytes]:
    load = loads.make(scratch / str(count), count)
    trued = Trued(load)
    loads.same(load)
    mine = {**os.environ, **environment(trued.fleet.config("resident"))}
    argv = (sys.executable, "-m", "agent", "run")
    return subprocess.Popen(argv, env=mine, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1_000], metavar="N")
    parser.add_argument("--settle", type=float, default=75, help="seconds before counting (default: 75)")
    parser.add_argument("--seconds", type=float, default=180, help="how long to count (default: 180)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trued-idle.") as scratch:
        watch(args.files, args.settle, args.seconds, Path(scratch))


if __name__ == "__main__":
    main()
