"""Measures what a process, or a piece of this one, costs: wall time, CPU and peak memory."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# With it, a Python program that is not installed would be compiled anew at each start.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run. Seconds, and MiB of the largest single process."""

    wall: float
    cpu: float  # user and system, with all descendants that were waited for
    peak: float


def process(
    argv: Sequence[str], environment: Mapping[str, str], *, ok: frozenset[int] = frozenset({0})
) -> Sample:
    """
    Run a command to its end; raises RuntimeError if its exit code is not one of `ok`.

    The peak cannot read below this process's own: the kernel keeps the larger of the two at execve(2).
    """
    quiet = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
    start = time.monotonic()
    pid = os.posix_spawnp(
        argv[0], tuple(argv), {**os.environ, **COMPILED, **environment}, file_actions=quiet
    )
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - start
    if (code := os.waitstatus_to_exitcode(status)) not in ok:
        raise RuntimeError(f"exit code {code}: {' '.join(argv)}")
    return Sample(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss / 1024)


def spent() -> float:
    """Return the CPU seconds of this process and of its children so far."""
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def piece(work: Callable[[], object]) -> Sample:
    """Run a function of this process."""
    start, before = time.monotonic(), spent()
    work()
    return Sample(
        wall=time.monotonic() - start,
        cpu=spent() - before,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float], *, digits: int = 1) -> str:
    """Return `median (lowest-highest)`."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
