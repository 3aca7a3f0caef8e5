"""
Profiles trued on the workload of the benchmarks: files of 1 KiB in 20 folders, all as declared.

The profile also goes into a file, for `python -m pstats FILE`. cProfile makes small functions look dearer than they are: what it
finds is to be measured again by benchmarks/.
"""

# ruff: noqa: PLC0415 - imports are a part of what is profiled

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path[:0] = [str(TOP), str(TOP / "benchmarks")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/profile", description=__doc__)
    parser.add_argument(
        "what",
        choices=WORK,
        help="plan: a whole `trued plan`, its imports too; others: in a process that stays",
    )
    parser.add_argument("--files", type=int, default=1000, metavar="N")
    parser.add_argument("--top", type=int, default=30, metavar="N", help="functions to show (default: 30)")
    parser.add_argument("--sort", choices=("tottime", "cumtime", "ncalls"), default="tottime")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: WHAT.pstats here")
    args = parser.parse_args()
    out = args.out or Path(f"{args.what}.pstats")
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory(prefix="trued-profile.") as scratch:
        config = _prepare(Path(scratch), args.files)
        WORK[args.what](config, profile)
    profile.dump_stats(out)
    pstats.Stats(profile).sort_stats(args.sort).print_stats(args.top)
    print(f"all of it: python -m pstats {out}")


def _prepare(folder: Path, count: int) -> Path:
    """Return agent.yaml of a host that is as declared; in a process of its own, so that imports are still to be seen."""
    import subprocess

    code = "import sys, workload, contenders; from pathlib import Path; load = workload.make(Path(sys.argv[1]), int(sys.argv[2]));"
    code += "trued = contenders.Trued(load); workload.same(load); trued.verb('apply')"
    argv = (sys.executable, "-c", code, str(folder / "host"), str(count))
    subprocess.run(argv, check=True, cwd=TOP / "benchmarks", stdout=subprocess.DEVNULL)
    time.sleep(2.5)  # what changed in the last two seconds is read again: its stat proves nothing yet
    return folder / "host/once.yaml"


def _plan(config: Path, profile: cProfile.Profile) -> None:
    with profile:
        from agent.cli import main as trued

        trued(["plan", "--config", str(config)])


def _cycle(config: Path, profile: cProfile.Profile) -> None:
    """Ten quiet cycles, each with its question to Git."""
    _resident(config, profile, before=lambda: None, rounds=10)


def _repair(config: Path, profile: cProfile.Profile) -> None:
    """A cycle that finds a hundredth of the files drifted."""
    files = sorted(path for path in config.parent.joinpath("live").rglob("*") if path.is_file())

    def drift() -> None:
        for path in files[::100]:
            path.write_text("drifted\n")

    _resident(config, profile, before=drift, rounds=1)


def _resident(config: Path, profile: cProfile.Profile, *, before: Callable[[], None], rounds: int) -> None:
    from agent.cli.assemble import assembled, make_teller
    from agent.cycle import run_cycle

    with assembled(config) as parts, closing(make_teller(parts.settings)) as teller:
        teller.tell(run_cycle(parts.agent))  # the first one fills what a running daemon holds
        before()
        with profile:
            for _ in range(rounds):
                teller.tell(run_cycle(parts.agent))


WORK = {"plan": _plan, "cycle": _cycle, "repair": _repair}

if __name__ == "__main__":
    main()
