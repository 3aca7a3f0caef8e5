#!/usr/bin/env python3
"""
All benchmarks in one run: one table, as ratios to what is installed of other tools, and the same as JSON.

    benchmarks/suite.py                           # twenty minutes
    benchmarks/suite.py --quick --only files,idle
    benchmarks/suite.py --json results.json
    benchmarks/suite.py --write-docs results.json # measures nothing: writes docs/performance.md and its charts anew
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import charts
import pages
import tables
import tools
from pace import Pace
from parts import PARTS
from results import TOP, NotHereError, Results, Row, machine, say


def run(names: Sequence[str], *, quick: bool, scratch: Path) -> Results:
    """Run these parts one after the other; one that breaks leaves the others alone."""
    where = machine()
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    seconds: dict[str, float] = {}
    faults: list[str] = []
    for name in names:
        say(f"{name} ...")
        started = time.monotonic()
        below = scratch / name
        below.mkdir()
        try:
            # One by one: what was measured before a part broke is kept.
            for row in PARTS[name](Pace(quick=quick, scratch=below, faults=faults)):
                rows.append(row)  # noqa: PERF402
        except NotHereError as reason:
            left_out[name] = str(reason)
            say(f"  left out: {reason}")
        except Exception as error:  # noqa: BLE001 - hours of the others are not lost for it
            traceback.print_exc()
            faults.append(f"{name} broke: {error}")
        seconds[name] = round(time.monotonic() - started, 1)
        say(f"  {seconds[name]:.0f} s")
    return Results(machine=where, quick=quick, rows=rows, seconds=seconds, left_out=left_out, faults=faults)


def chosen(text: str) -> list[str]:
    """Return the parts that a list of words names; raises ArgumentTypeError for one that there is not."""
    if unknown := set(text.split(",")) - set(PARTS):
        raise argparse.ArgumentTypeError(
            f"expected some of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}"
        )
    return [name for name in PARTS if name in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", type=chosen, default=list(PARTS), metavar="PART,...", help=f"some of {', '.join(PARTS)}"
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer rounds: five minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument(
        "--scratch", type=Path, help="a folder on the disk to measure (default: that of temporary files)"
    )
    parser.add_argument(
        "--write-docs", type=Path, metavar="FILE", help="measure nothing; write the pages from these results"
    )
    parser.add_argument(
        "--docs", type=Path, default=TOP / "docs", help="the folder of the pages (default: this checkout's)"
    )
    args = parser.parse_args()
    if args.write_docs:
        results = Results.load(args.write_docs)
        for path in (*pages.write(results, args.docs), *charts.write(results, args.docs)):
            print(path)
        return 0
    tools.find()
    with tempfile.TemporaryDirectory(prefix="trued-suite.", dir=args.scratch) as scratch:
        results = run(args.only, quick=args.quick, scratch=Path(scratch))
    if args.json:
        results.dump(args.json)
    print(tables.report(results))
    return int(bool(results.faults))


if __name__ == "__main__":
    sys.exit(main())
