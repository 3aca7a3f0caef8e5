"""One process of a Kubernetes: started in its folder, ended by its id, and never alive without the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.waiting import freeze


class Daemon:
    """What it says is in `log`. It has to be started from a thread that lasts: it ends with that, prctl(2)."""

    def __init__(self, program: Path, *options: str, folder: Path) -> None:
        self.log = folder / f"{program.name}.log"
        self._argv = (str(program), *options)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process, f"{self._argv[0]} was never started"
        return self._process.pid

    def start(self) -> None:
        """Start it unless it runs. Its environment names no proxy, and no other Kubernetes."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                # KILL: another signal would wait for one that is frozen.
                ("setpriv", "--pdeathsig", "KILL", *self._argv),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder)},
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it as a service manager does, which waits no longer than five seconds for it."""
        self.thaw()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: it takes connections, and does not answer."""
        if self.running:
            freeze(self.pid)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def wait_until(self, ready: Callable[[], object], seconds: float = 60.0) -> None:
        """Raise AssertionError with the end of its log if it ends before, or is not ready in time."""
        end = time.monotonic() + seconds
        while not ready():
            if not self.running or time.monotonic() > end:
                said = self.log.read_text(errors="replace")[-2000:]
                raise AssertionError(f"{self._argv[0]} does not serve:\n{said}")
            time.sleep(0.1)  # to ask costs it, too

    def _end(self, number: signal.Signals) -> None:
        self._send(number)
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
            self._process.kill()
            self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        if self._process and self.running:
            self._process.send_signal(number)
