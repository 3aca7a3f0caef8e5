"""Nothing is kept of a cycle, or of a commit, that the next one does not need: a daemon runs for years."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.repo import environment, git

CYCLES, COMMITS, SEED = 10_000, 1_000, 20  # three to four minutes
FILES = 20
LEAK = 50  # bytes a cycle that a process may grow by; 100 would be seen
ROOM = 4 << 20  # bytes by which the resident memory may differ: pages are given back as they come free


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_nothing_is_left_of_ten_thousand_cycles(tmp_path: Path) -> None:
    """Live objects, resident memory, open files and threads are after 10,000 cycles and 1,000 commits as after 2,000."""
    cycles = int(os.environ.get("TRUED_SOAK_CYCLES", CYCLES))
    readings = _soaked(tmp_path, cycles, cycles * COMMITS // CYCLES)

    first, last = readings[0], readings[-1]
    assert last["cycle"] == cycles, readings
    assert (last["files"], last["threads"]) == (first["files"], first["threads"]), readings
    assert last["live"] - first["live"] < LEAK * (last["cycle"] - first["cycle"]), readings
    assert last["resident"] - first["resident"] < ROOM, readings


def _soaked(folder: Path, cycles: int, commits: int) -> list[dict[str, int]]:
    root, remote, config = folder / "root", folder / "remote.git", folder / "agent.yaml"
    root.mkdir()
    git("init", "-q", "--bare", "-b", "main", str(remote), cwd=folder)
    stream = "".join(_history(commits, random.Random(SEED))).encode()
    argv = ("git", "-C", str(remote), "fast-import", "--quiet")
    subprocess.run(argv, input=stream, check=True, env=environment())
    source = {"url": str(remote)}
    settings = {"host": "edge-01", "source": source, "root": str(root), "state_dir": str(folder / "state")}
    config.write_text(json.dumps(settings))
    words = (str(config), str(remote), str(cycles), str(commits), str(SEED))
    done = subprocess.run(
        (sys.executable, "-m", "tests.e2e.soaking", *words), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _history(commits: int, chance: random.Random) -> Iterator[str]:
    """Yield a branch `ahead` for git-fast-import(1): each commit changes a file, and now and then takes one away."""
    fleet = "hosts: [edge-01]\nlayers: [base]\n"
    base = "files:\n  /etc/app: {source: files/app/, mode: '0644', purge: true}\n"
    given = {"fleet.yaml": fleet, "base/base.yaml": base}
    given |= {f"base/files/app/{number}.conf": f"{number}\n" for number in range(FILES)}
    for number in range(commits):
        yield f"commit refs/heads/ahead\ncommitter Soak <soak@example.com> {1_700_000_000 + number} +0000\n"
        yield f"data <<END\nChange {number}\nEND\n"
        for path, text in given.items():
            yield f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"
        chosen = f"base/files/app/{chance.randrange(FILES)}.conf"
        given = {chosen: f"{number} {chance.random()}\n" * 20}
        if number % 7 == 0:
            yield f"D {chosen}\n" if number else ""
