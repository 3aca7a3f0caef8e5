"""benchmarks/latency.py, with bounds that only a broken mechanism misses."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
DRIFTS = 30


@pytest.mark.slow
def test_what_drifts_is_right_again_soon(tmp_path: Path) -> None:
    """Alone and in bursts, every sort; the daemon would look by itself in ten minutes."""
    raw = tmp_path / "raw.json"
    argv = (sys.executable, "benchmarks/latency.py", "--drifts", str(DRIFTS), "--json", raw)
    answer = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)
    print(answer.stdout)

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    found = json.loads(raw.read_text())
    took = [one["ms"] for one in found]
    assert DRIFTS == len(took)
    assert {True, False} == {one["alone"] for one in found}
    assert {"content", "mode", "deletion", "rename over"} <= {one["sort"] for one in found}
    assert max(took) < 5000
    assert statistics.median(took) < 1000
