"""The benchmarks of containers run, with few enough of them to wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.machine import slot

TOP = Path(__file__).parents[2]


def test_the_benchmark_of_containers_measures_both(engine_slot: slot.Slot, tmp_path: Path) -> None:
    """Nothing is done to what is there already, and dockerd's part is counted."""
    argv = ("benchmarks/containers.py", "--containers", "2", "--runs", "1")
    answer = subprocess.run(
        (sys.executable, *argv, "--json", tmp_path / "raw.json"),
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    rows = json.loads((tmp_path / "raw.json").read_text())
    assert 3 == len(rows)
    assert all(row[0]["own"]["cpu"] > 0 for row in rows.values())
    assert "nothing to do" in answer.stdout


@pytest.mark.slow
def test_how_soon_containers_run_again_is_measured(engine_slot: slot.Slot, tmp_path: Path) -> None:
    """Counted from the end of a container, beside what a start takes by itself; only a broken mechanism takes 20 seconds."""
    argv = ("benchmarks/latency.py", "--of", "containers", "--drifts", "2", "--json", tmp_path / "raw.json")
    answer = subprocess.run((sys.executable, *argv), cwd=TOP, capture_output=True, text=True, check=False)
    print(answer.stdout)

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    found = json.loads((tmp_path / "raw.json").read_text())
    drifts = [one["ms"] for one in found if one["sort"] in {"stopped", "killed"}]
    assert 2 == len(drifts) < len(found)
    assert 0 < min(drifts) <= max(drifts) < 20_000
