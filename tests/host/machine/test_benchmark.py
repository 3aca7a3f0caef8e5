"""benchmarks/latency.py measures units and packages on a machine of its own, with bounds that only a broken mechanism misses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.machine import slot

TOP = Path(__file__).parents[3]
SORTS = {"units": {"stopped", "killed"}, "packages": {"dpkg -r", "apt-get remove"}}


@pytest.mark.slow
@pytest.mark.parametrize(("things", "drifts"), [("units", 12), ("packages", 2)])
def test_what_drifts_is_right_again_soon(
    things: str, drifts: int, machines: slot.Slot, tmp_path: Path
) -> None:
    """More units than there are: so in two rounds. The daemon would look by itself in ten minutes."""
    raw = tmp_path / "raw.json"
    argv = ("benchmarks/latency.py", "--of", things, "--drifts", str(drifts), "--json", raw)
    answer = subprocess.run((sys.executable, *argv), cwd=TOP, capture_output=True, text=True, check=False)
    print(answer.stdout)

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    found = json.loads(raw.read_text())
    assert drifts == len(found)
    assert SORTS[things] == {one["sort"] for one in found}
    assert 0 < min(one["ms"] for one in found)
    assert max(one["ms"] for one in found) < 20_000
