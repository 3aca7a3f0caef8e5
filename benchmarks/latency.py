#!/usr/bin/env python3
"""
How soon the daemon has right again what has drifted: seeded drifts, while `trued run` sleeps.

The interval is ten minutes, so nothing but the event can have woken it. What counts from when to when is in file_drifts.py,
inside.py (units and packages) and container_drifts.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import container_drifts
import file_drifts
import machine_drifts
from repairs import Repair, groups
from results import NotHereError, median, percentile

# Of each: what measures so many drifts, by a seed, below a scratch folder.
THINGS: Mapping[str, Callable[[int, int, Path], list[Repair]]] = {
    "files": file_drifts.run,
    "units": machine_drifts.units,
    "containers": container_drifts.run,
    "packages": machine_drifts.packages,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--of", choices=THINGS, default="files", help="what drifts (default: files)")
    parser.add_argument("--drifts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--json", type=Path, help="write all of them to this file")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="trued-latency.") as scratch:
            found = THINGS[options.of](options.drifts, options.seed, Path(scratch))
    except NotHereError as error:
        print(error, file=sys.stderr)
        return 1
    print("| drifts | | p50 ms | p99 ms | longest ms |\n| --- | --: | --: | --: | --: |")
    for name, ms in groups(found):
        cells = (median(ms), percentile(ms, 0.99), max(ms))
        print(f"| {name} | {len(ms)} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found]))
    if lost := sum(one.ms is None for one in found):
        print(f"{lost} of {len(found)} were not repaired", file=sys.stderr)
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
