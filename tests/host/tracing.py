"""A process of its own, whose system calls are watched, or fail, or kill it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def traced(code: str, root: Path, *options: str) -> tuple[bool, str]:
    """Run code on a root under strace, once it has said that it is ready; return whether it was killed, and what was called."""
    log = root.parent / "strace.log"
    writer = subprocess.Popen(
        [sys.executable, "-c", code, root],
        cwd=TOP,
        env={"PYTHONPATH": str(TOP)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        assert "ready\n" == writer.stdout.readline()
        tracer = subprocess.Popen(
            ["strace", "-y", "-o", log, "-p", str(writer.pid), *options], stderr=subprocess.PIPE, text=True
        )
        with tracer:
            assert tracer.stderr is not None
            assert "attached" in tracer.stderr.readline()
            writer.communicate("\n", timeout=60)
    return writer.returncode == -signal.SIGKILL, log.read_text(errors="replace")
