"""What the benchmarks of a container engine and of a cluster share: a server whose CPU is counted beside that of who asks it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from contenders import Resident
from idle import read
from measure import Sample

Row: TypeAlias = Callable[[], Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one contender took, and the CPU seconds of the server meanwhile."""

    own: Sample
    server: float


Runs: TypeAlias = Mapping[str, Sequence[Run]]


@dataclass(slots=True, kw_only=True)
class Bench:
    """The rows of a table, in turn; `first` holds what they took when everything was to be made."""

    pid: Callable[[], int]  # of the server
    rows: dict[str, Row] = field(default_factory=dict)
    first: dict[str, Run] = field(default_factory=dict)

    def make(self, name: str) -> None:
        """Have a contender make what it is told of; that is its first run."""
        self.first[name] = self.measured(self.rows[name])

    def measured(self, row: Row) -> Run:
        pid = self.pid()
        before = read(pid).cpu
        sample = row()
        return Run(own=sample, server=read(pid).cpu - before)

    def warm(self) -> None:
        """Run each once, uncounted."""
        for row in self.rows.values():
            row()

    def rounds(self, count: int) -> Runs:
        """Run all in turn, A B C, A B C: what else goes on hits all of them."""
        runs: dict[str, list[Run]] = {name: [] for name in self.rows}
        for _ in range(count):
            for name, row in self.rows.items():
                runs[name].append(self.measured(row))
        return runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A benchmark that is over. `fault` says what was done though nothing was to do, or nothing."""

    first: Mapping[str, Run]
    runs: Runs
    fault: str = ""
    note: str = ""
    pss: float = 0.0  # MiB of the agent that stays, at the end


@contextmanager
def staying(config: Path) -> Iterator[Resident]:
    """An agent that stays as long as the block lasts."""
    resident = Resident(config)
    try:
        yield resident
    finally:
        resident.end()


def main(
    about: str | None,
    run: Callable[[int, int, str | None], Measured],
    show: Callable[[Measured], None],
    *,
    things: str,
    count: int,
    rival: str,
) -> int:
    """Measure as the command line says, print, and return the exit code."""
    options = _parser(about, things=things, count=count, rival=rival).parse_args()
    try:
        measured = run(options.count, options.runs, options.only)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.count} {things} each; {options.runs} runs, medians (lowest-highest)\n")
    show(measured)
    _save(measured.runs, options.json)
    if measured.fault:
        print(measured.fault, file=sys.stderr)
    return int(bool(measured.fault))


def _parser(about: str | None, *, things: str, count: int, rival: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(f"--{things}", dest="count", type=int, default=count)
    made.add_argument("--runs", type=int, default=9)
    made.add_argument("--only", choices=("trued", rival), help="leave the other out")
    made.add_argument("--json", type=Path, help="write all samples to this file")
    return made


def _save(runs: Runs, file: Path | None) -> None:
    if file:
        file.write_text(json.dumps({name: [asdict(run) for run in found] for name, found in runs.items()}))
