"""benchmarks/manifests.py runs, with few enough objects to wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kube.server import Kube

TOP = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_benchmark_of_manifests_measures_both(kube_server: Kube, tmp_path: Path) -> None:
    """It starts an API server of its own; nothing is written to it, and its part is counted."""
    argv = ("benchmarks/manifests.py", "--objects", "10", "--runs", "1")
    answer = subprocess.run(
        (sys.executable, *argv, "--json", tmp_path / "raw.json"),
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    rows = json.loads((tmp_path / "raw.json").read_text())
    assert 5 == len(rows)
    assert all(row[0]["own"]["cpu"] > 0 for row in rows.values())
    assert "nothing to do" in answer.stdout
    assert "of RSS without objects" in answer.stdout
