"""How tests wait for what other processes and threads do in their own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Return as soon as it is so; raise AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:g} s"
        time.sleep(0.01)


def lives(pid: int | str) -> bool:
    """Say whether there is such a process, and it is no zombie (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
