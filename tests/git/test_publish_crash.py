"""A report that was put is on the branch once, in order, wherever the process was killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.git.address import Access
from agent.git.publish import Publisher
from tests.servers.git import Bare, GitServer
from tests.waiting import until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]


def test_death_at_any_line_loses_and_repeats_nothing(bare: Bare, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.git.crash", "sweep", bare.file, str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert 0 == done.returncode, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) > 100
    assert {True, False} == {line["acknowledged"] for line in lines}
    found = defaultdict(list)
    for line in bare.git("log", "--all", "--source", "--reverse", "--format=%S|%s").splitlines():
        branch, _, subject = line.partition("|")
        found[branch].append(subject)
    whole, without = ["report 1", "report 2", "report 3"], ["report 1", "report 3"]
    for line in lines:
        got = found[f"refs/heads/status/line-{line['line']}"]
        assert got == whole or (got == without and not line["acknowledged"]), line
    assert "Trued-Dropped" not in bare.git("log", "--all", "--format=%B")
    bare.git("fsck", "--strict")


def test_kills_at_any_time_lose_and_repeat_nothing(
    git_server: GitServer, guarded: Bare, tmp_path: Path
) -> None:
    access = Access(url=guarded.https, token_file=git_server.token_file, ca_file=git_server.tls.ca)
    target = json.dumps([access.url, str(access.token_file), str(access.ca_file)])
    chance = random.Random(7)
    for _ in range(12):
        argv = [sys.executable, "-m", "tests.git.crash", "forever", target, str(tmp_path)]
        with subprocess.Popen(argv, cwd=ROOT) as process:
            wait_for_growth(tmp_path / "done", chance.randint(1, 3))
            time.sleep(chance.random() * 0.1)
            process.kill()
    publisher = Publisher(access, "status/edge-01", tmp_path)
    publisher.put({}, "report last", datetime(2026, 1, 2, tzinfo=UTC))
    publisher.push()
    publisher.close()
    guarded.git("fsck", "--strict")
    subjects = guarded.git("log", "--reverse", "--format=%s", "status/edge-01").splitlines()
    numbers = [int(subject.split()[1]) for subject in subjects[:-1]]
    assert sorted(set(numbers)) == numbers
    acknowledged = {int(line) for line in (tmp_path / "done").read_text().split()}
    assert len(acknowledged) >= 12
    assert set() == acknowledged - set(numbers)


def wait_for_growth(path: Path, lines: int) -> None:
    """Wait until a file has so many lines more than now."""
    goal = lines + path.read_text().count("\n") if path.exists() else lines
    until(lambda: path.exists() and path.read_text().count("\n") >= goal, 30)
