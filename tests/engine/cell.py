"""
Where the engines of one run live: a network, mounts and cgroups of their own on this machine, namespaces(7).

All that belongs to a cell is below its cgroup, and ends with it; what a killed run has left there, the next one ends
(tests/host/machine/slot.py). Nothing of it is seen outside but two folders.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from tests.engine import inside
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.network import enter
from tests.host.machine.nspawn import ENTER
from tests.host.machine.slot import Slot
from tests.host.machine.tools import call

T = TypeVar("T")

SERVER = inside.REGISTRY  # the name of the cell itself, in its /etc/hosts
ADDRESS = inside.ADDRESS
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Cell:
    """Use as a context manager. `runtime` has a short name and holds sockets, `work` is on a real file system."""

    def __init__(self, slot: Slot, name: str = "engine") -> None:
        self.runtime, self.work = slot.runtime / name, slot.work / name
        self.namespace = f"{slot.prefix}{name}"
        self.cgroups = Cgroups.named(f"trued-machines/{slot.number}/{name}")
        self.log = self.work / "cell.log"
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.runtime.mkdir()
        self.work.mkdir()
        self.cgroups.make()
        call("ip", "netns", "add", self.namespace)
        call("ip", "-n", self.namespace, "link", "set", "lo", "up")
        try:
            self._hold()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End everybody who lives here. The two folders stay, for their slot to remove."""
        self.cgroups.remove()
        for process in self._started:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
        call("ip", "netns", "delete", self.namespace)

    def start(self, *argv: str | Path, log: Path, env: Mapping[str, str] = {}) -> subprocess.Popen[bytes]:
        """Start a process in the cell, with a clean environment; the kernel ends it should the tests be killed."""
        spaces = [f"--{option}=/proc/{self._holder.pid}/ns/{name}" for option, name in SPACES.items()]
        with log.open("ab") as out:
            process = self._spawn(["nsenter", *spaces, *argv], log=out.fileno(), env=env)
        self._started.append(process)
        return process

    def inside(self, work: Callable[[], T]) -> T:
        """Do something in the cell's network: ask a port that a container publishes, listen for one."""
        answers: list[T] = []
        errors: list[BaseException] = []

        def do() -> None:
            try:
                enter(self.namespace)
                answers.append(work())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=do)  # which alone enters, and ends
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return answers[0]

    def get(self, url: str, *, timeout: float = 5.0) -> bytes:
        """Return what a web server in the cell answers, as a container that publishes a port."""

        def ask() -> bytes:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                url, timeout=timeout
            ) as got:
                return bytes(got.read())

        return self.inside(ask)

    def path(self, path: str) -> Path:
        """Return where a path of the cell is outside of it, as its own /etc."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def processes(self) -> set[int]:
        return self.cgroups.processes()

    def _hold(self) -> None:
        """Make the namespaces. They are kept by one process, so that an engine that starts again finds its mounts."""
        # slave: what others unmount meanwhile, as a machine's disk, is not to stay mounted here.
        argv = (
            "nsenter", f"--net=/run/netns/{self.namespace}",
            "unshare", "--mount", "--propagation=slave", "--cgroup",
            sys.executable, inside.__file__, self.runtime, self.work,
        )  # fmt: skip
        with self.log.open("ab") as log:
            self._holder = self._spawn(argv, log=log.fileno(), talk=True)
        self._started.append(self._holder)
        assert self._holder.stdout
        if not self._holder.stdout.readline():
            raise AssertionError(f"no cell could be made:\n{self.log.read_text(errors='replace')[-2000:]}")

    def _spawn(
        self, argv: Sequence[str | Path], *, log: int, talk: bool = False, env: Mapping[str, str] = {}
    ) -> subprocess.Popen[bytes]:
        # It ends, too, when the thread ends that has started it, prctl(2): not one that a test has made for that alone.
        guarded = ("setpriv", "--pdeathsig", "TERM", *map(str, argv))
        entrances = map(str, self.cgroups.entrances)
        return subprocess.Popen(
            ("/bin/sh", "-c", ENTER, "enter", *entrances, "--", *guarded),
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talk else log,
            stderr=log,
            env={"PATH": PATH, "HOME": str(self.work), "LANG": "C.UTF-8", **env},
            start_new_session=True,
        )


SPACES: Mapping[str, str] = {"net": "net", "mount": "mnt", "cgroup": "cgroup"}


def missing_hierarchy() -> str:
    """Return why no cell can be made here, or nothing."""
    if not os.path.exists("/sys/fs/cgroup/memory/cgroup.procs"):
        return "needs controllers of cgroup v1, which limits of containers are shown with"
    return ""
