"""benchmarks/files.py runs, on a tree small enough to wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_the_benchmark_of_files_measures_every_state(tmp_path: Path) -> None:
    """Every tree is as declared after each run, and both ways of running trued are in the tables."""
    argv = (
        "benchmarks/files.py",
        "--files",
        "20",
        "--runs",
        "1",
        "--slow",
        "0",
        "--json",
        tmp_path / "raw.json",
    )
    answer = subprocess.run(
        (sys.executable, *argv, "--scratch", tmp_path), cwd=TOP, capture_output=True, text=True, check=False
    )

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    rows = {row["state"]: set(row["samples"]) for row in json.loads((tmp_path / "raw.json").read_text())}
    assert {"first", "nothing", "content", "drift"} == set(rows)
    assert {"trued apply (a process)", "trued run (one cycle)"} <= rows["nothing"] & rows["drift"]
    assert "### 20 files, nothing to do" in answer.stdout
