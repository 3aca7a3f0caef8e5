"""How tests wait for what other processes and threads do in their own time."""

from __future__ import annotations

import os
import signal
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
    return _state(Path(f"/proc/{pid}/stat")) not in {"Z", "X"}


def freeze(pid: int) -> None:
    """Stop a process, and wait until each of its threads has: kill(2) returns before."""
    os.kill(pid, signal.SIGSTOP)
    until(
        lambda: all(_state(task / "stat") in {"T", "Z", "X"} for task in Path(f"/proc/{pid}/task").iterdir())
    )


def _state(stat: Path) -> str:
    """Return the state of a thread: proc(5)."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
