"""Podman's API, podman-system-service(1): its storage, its socket, its network and its cgroups are in a cell."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
from functools import cached_property
from pathlib import Path

from tests.engine import api, images
from tests.engine.cell import Cell

# containers.conf(5). Nobody here is systemd or its journal. It wants to raise limits, as crun does, and not everybody may.
CONF = """\
[containers]
pids_limit = 0
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""


class Podman:
    """One service; containers live without it. Health is only looked at when asked: it takes systemd's timers."""

    name = "podman"

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.folder = cell.work / "podman"
        self.socket = cell.runtime / "podman.sock"
        self.log = cell.work / "podman.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @cached_property
    def api(self) -> api.Client:
        return api.connect(self.socket)

    def start(self) -> None:
        """Start the service; return when it answers."""
        conf = self.cell.work / "containers.conf"
        most = int(Path("/proc/sys/kernel/pid_max").read_text())  # to which podman lowers its own
        processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1], most)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        conf.write_text(CONF.format(files=files, processes=processes))
        self._process = self.cell.start(
            "podman",
            f"--root={self.folder}",
            f"--runroot={self.cell.runtime}/podman",
            "system",
            "service",
            "--time=0",
            f"unix://{self.socket}",
            log=self.log,
            env={"CONTAINERS_CONF": str(conf)},
        )
        api.wait_until(lambda: api.answers(self.socket), self._process, self.log)

    def stop(self) -> None:
        """End the service as a service manager does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def load(self, *made: images.Image) -> None:
        """Bring images in."""
        for one in made:  # it takes the first of an archive alone
            api.load(self.api, one)

    def clear(self) -> None:
        """Remove what a test has made."""
        if not api.answers(self.socket, timeout=10):
            if self.running:
                self.kill()
            self.start()
        api.clear(self.api)

    def _end(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._process.kill()
        self._process.wait()
