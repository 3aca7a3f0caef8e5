"""A daemon as a process of its own, and what it tells: on stdout, and to the service manager."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).parents[2]
PATIENCE = 10.0  # seconds that anything here may take at most; on a busy machine too


class Child:
    """A daemon, and what it says on stdout."""

    def __init__(self, cycle: str, folder: Path, environ: dict[str, str]) -> None:
        argv = [sys.executable, "-m", "tests.daemon.child", cycle, str(folder)]
        self.process = subprocess.Popen(
            argv,
            cwd=TOP,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(TOP), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.said: list[str] = []
        self._rest = b""

    def hears(self, line: str, *, times: int = 1, within: float = PATIENCE) -> None:
        """Wait until a line was said this often in all."""
        deadline = time.monotonic() + within
        while self.said.count(line) < times:
            assert self._listen(deadline), f"{line!r} was not said in time, only {self.said}"

    def _listen(self, deadline: float) -> bool:
        out = self.process.stdout
        if not select.select([out], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        if not (data := os.read(out.fileno(), 65536)):
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.said += [line.decode() for line in lines]
        return True

    def hear_for(self, seconds: float) -> list[str]:
        """Return all that was said when so much time has gone by."""
        deadline = time.monotonic() + seconds
        while self._listen(deadline):
            pass
        return self.said

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self, within: float = PATIENCE) -> tuple[int, str]:
        """Return the exit code and what was logged."""
        code = self.process.wait(within)
        self.hear_for(0.2)
        return code, self.process.stderr.read().decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def address(manager: socket.socket) -> str:
    return "@" + manager.getsockname()[1:].decode()


def told(manager: socket.socket, *, until: str) -> list[str]:
    """Return the datagrams up to the first that begins so."""
    seen: list[str] = []
    while not (seen and seen[-1].startswith(until)):
        seen.append(manager.recv(4096).decode())
    return seen


def told_for(manager: socket.socket, seconds: float) -> list[str]:
    """Return the datagrams of so much time."""
    seen, deadline = [], time.monotonic() + seconds
    while select.select([manager], [], [], max(0.0, deadline - time.monotonic()))[0]:
        seen.append(manager.recv(4096).decode())
    return seen
