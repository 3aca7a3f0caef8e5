"""A dockerd of one's own, dockerd(8): its data, its socket, its network and its cgroups are in a cell."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from functools import cached_property

from tests.engine import api, images
from tests.engine.cell import Cell
from tests.waiting import freeze, lives


class Docker:
    """One dockerd; it is started and stopped as a service would do it, and by accidents."""

    name = "docker"

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.folder = cell.work / "docker"  # data
        self.socket = cell.runtime / "docker.sock"
        self.log = cell.work / "dockerd.log"
        self._exec = cell.runtime / "docker"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @cached_property
    def api(self) -> api.Client:
        """The SDK's low-level connection; a daemon that starts again is answered on the same one."""
        return api.connect(self.socket)

    def start(self) -> None:
        """Start it; return when it answers."""
        config = self.cell.work / "daemon.json"  # not that of this machine
        config.write_text("{}")
        self._process = self.cell.start(
            "dockerd",
            f"--config-file={config}",
            f"--data-root={self.folder}",
            f"--exec-root={self._exec}",
            f"--pidfile={self._exec}.pid",
            f"--host=unix://{self.socket}",
            "--shutdown-timeout=1",  # for containers that do not listen to SIGTERM
            log=self.log,
        )
        api.wait_until(lambda: api.answers(self.socket), self._process, self.log)

    def stop(self) -> None:
        """End it as a service manager does; its containers end with it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and its containerd at once; its containers go on."""
        containerd = self._containerd()
        self._end(signal.SIGKILL)
        while containerd and lives(containerd):
            with contextlib.suppress(ProcessLookupError):
                os.kill(containerd, signal.SIGKILL)
            time.sleep(0.01)
        # Where nobody fetches what is left of a process at once, a dockerd would take it for a containerd that lives.
        (self._exec / "containerd/containerd.pid").unlink(missing_ok=True)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it hang: it takes connections, and does not answer."""
        freeze(self.pid)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def load(self, *made: images.Image) -> None:
        """Bring images in."""
        api.load(self.api, *made)

    def clear(self) -> None:
        """Remove what a test has made, whatever it has done to the daemon."""
        if self.running:
            self.thaw()
        if not api.answers(self.socket, timeout=10):
            if self.running:
                self.kill()
            self.start()
        api.clear(self.api)

    def _containerd(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int((self._exec / "containerd/containerd.pid").read_text())
        return 0

    def _end(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)
        self._process.wait(timeout=60)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)
