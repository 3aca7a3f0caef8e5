"""
Goes round as the daemon does, as a process of its own, and says what it holds now and then.

    python -m tests.e2e.soaking CONFIG REMOTE CYCLES COMMITS SEED

Commits arrive one by one: REMOTE has them all, and its branch is moved. A file drifts now and then. After every fifth part of the
cycles it prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

from agent.cli.run import Resident
from agent.looks import Occasion
from agent.outfit import Quiet

READINGS = 5
DRIFTS = 0.03  # of all cycles
WHOLE = 25  # cycles from one look at everything to the next


def main(config: Path, remote: Path, cycles: int, commits: int, seed: int) -> None:
    chance = random.Random(seed)
    branch, shas = remote / "refs/heads/main", _commits(remote)
    root = Path(json.loads(config.read_text())["root"])
    logging.disable()
    work, pulse = Resident(config).assemble(), Quiet()
    heard: SimpleQueue[frozenset[str]] = SimpleQueue()
    work.listen(heard.put)
    every, done = cycles // commits, 0
    tracemalloc.start()
    for number in range(cycles):
        if number % every == 0 and done < len(shas):
            branch.write_text(f"{shas[done]}\n")
            done += 1
        elif chance.random() < DRIFTS:
            _drift(chance.choice(sorted(path for path in root.rglob("*") if path.is_file())), chance)
        news = [heard.get() for _ in range(heard.qsize())]
        whole = number % WHOLE == 0 or frozenset() in news
        report = work.cycle(pulse, Occasion(whole=whole, heard=frozenset().union(*news), due=True))
        work.tell(report, pulse)
        assert not report.exit_code, report
        assert report.commit == shas[done - 1]
        if (number + 1) % (cycles // READINGS) == 0:
            print(json.dumps({"cycle": number + 1, "commits": done, **held()}), flush=True)


def _commits(remote: Path) -> Sequence[str]:
    argv = ("git", "-C", str(remote), "rev-list", "--reverse", "ahead")
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()


def _drift(path: Path, chance: random.Random) -> None:
    if chance.random() < 0.5:
        path.write_text(f"drifted {chance.random()}\n")
    else:
        path.unlink()


def held() -> dict[str, int]:
    """Return what this process holds: bytes of live objects and of resident memory, open files, threads."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {
        "live": tracemalloc.get_traced_memory()[0],
        "resident": resident,
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
