"""Starts and ends the processes of the servers: each its own group, ended by its id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PLACES = "/usr/sbin:/sbin:/usr/local/sbin"  # where a normal user's PATH does not look


def find(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{PLACES}")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(
    argv: list[str], *, log: Path, env: Mapping[str, str], listener: socket.socket | None = None
) -> subprocess.Popen[bytes]:
    """Start a server in a group of its own; the kernel ends it should the test run be killed."""
    with log.open("ab") as out:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *argv],
            stdin=listener.fileno() if listener else subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=dict(env),
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: what it runs for a request must not outlive it."""
    _signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait at most 10 s; raise AssertionError with the end of the log if the process ends before."""
    end = time.monotonic() + 10
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(
                f"{process.args!r} does not serve:\n{log.read_text(errors='replace')[-2000:]}"
            )
        time.sleep(0.01)


def listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
