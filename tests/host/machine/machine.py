"""A Debian machine with systemd as PID 1, that can be started, asked, crashed and cut off from power."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.host.machine import mounts
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.network import Network, Plug
from tests.host.machine.nspawn import REBOOTED, Binding, Running, boot
from tests.host.machine.tools import PATH, call

ENVIRONMENT: Mapping[str, str] = {
    "PATH": PATH,
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0",
}
# nsenter(1) gives what is run inside the rights of the outer root: without this, `date -s` in a test would set
# the clock of everybody.
KEPT_OUT = "--bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot"


class End(enum.Enum):
    """How a machine stopped."""

    REBOOT = "reboot"
    POWER_OFF = "power off"
    CRASH = "crash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command inside printed, and its exit code."""

    stdout: str
    stderr: str
    code: int

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


@dataclass(slots=True, kw_only=True)
class Machine:
    """
    One machine; `start` it first. Made by the fixtures.

    What it writes stays in `work` until `destroy`, over any number of starts. With `disk` (a size, "512M") it goes to a
    file system of its own, which can be full, and can lose what was not synced.
    """

    name: str
    lower: Sequence[Path]  # trees, topmost first
    work: Path
    runtime: Path
    network: Network
    cgroups: Cgroups
    bindings: Sequence[Binding] = ()
    disk: str = ""
    file_system: str = "xfs"  # or ext4
    plug: Plug = field(init=False)
    _running: Running | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True)
        self.plug = self.network.plug()
        self._mount()
        self.put("/etc/hostname", f"{self.name}\n")
        self.put(
            "/etc/hosts",
            f"127.0.0.1 localhost\n{self.plug.address} {self.name}\n{self.network.server} server.test\n",
        )

    # Power

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.nspawn.poll() is None

    @property
    def leader(self) -> int:
        """PID 1 of the machine, by its number outside."""
        assert self._running, f"{self.name} is off"
        return self._running.leader

    def start(self, *, healthy: bool = True) -> None:
        """Boot it; raise AssertionError with the failed units if it does not come up as `running`."""
        self.cgroups.make()
        self._running = boot(
            name=self.name,
            root=self.root,
            namespace=self.plug.path,
            cgroups=self.cgroups,
            bindings=self.bindings,
            socket_path=self.runtime / f"{self.name}.notify",
            console=self.console,
        )
        state = self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        if healthy and state != "running":
            raise AssertionError(f"{self.name} is {state}:\n{self._failures()}")

    def _failures(self) -> str:
        """Return the failed units and the last warnings."""
        units = self.run("systemctl", "--failed", "--plain", "--no-legend", check=False)
        warnings = self.run("journalctl", "--boot", "--priority=warning", "--lines=40", check=False)
        return units.said + warnings.said

    def reboot(self, *, healthy: bool = True) -> None:
        """Reboot in an orderly way."""
        self.run("systemctl", "reboot", check=False)
        assert self.wait() is End.REBOOT
        self.start(healthy=healthy)

    def power_off(self) -> None:
        """Power off in an orderly way."""
        os.kill(self.leader, signal.SIGRTMIN + 4)  # as systemd(1) describes it
        assert self.wait() is End.POWER_OFF

    def wait(self, seconds: float = 60.0) -> End:
        """Wait until it stops by itself; return how. After a reboot it is `start`ed by the test."""
        assert self._running, f"{self.name} is off"
        code = self._running.nspawn.wait(seconds)
        self._running = None
        self.cgroups.kill()
        return {0: End.POWER_OFF, REBOOTED: End.REBOOT}.get(code, End.CRASH)

    def crash(self) -> None:
        """Kill every process at once. What was written stays, synced or not."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.leader, signal.SIGKILL)  # and the kernel kills all of its PID namespace
        assert self._running
        self._running.nspawn.wait(30)
        self._running = None
        self.cgroups.kill()

    def power_cut(self) -> None:
        """Crash, and lose what was not synced; only with a `disk`."""
        assert self.disk, f'{self.name} has no disk of its own: boot(disk="512M")'
        # XFS_IOC_GOINGDOWN without a flush of the log; ext4 knows it too.
        call("xfs_io", "-x", "-c", "shutdown", self.store)
        self.crash()
        self._unmount()
        self._mount()  # replays the journal, as after a real one

    def destroy(self) -> None:
        """End it and remove all that it was."""
        if self.running:
            self.crash()
        self.cgroups.remove()
        self._unmount()
        shutil.rmtree(self.work)
        self.plug.remove()

    # Inside

    def argv(self, *words: str, env: Mapping[str, str] = {}) -> tuple[str, ...]:
        """Return the words that run this inside, as root, with a clean environment."""
        pairs = (f"{key}={value}" for key, value in {**ENVIRONMENT, **env}.items())
        enter = ("nsenter", f"--target={self.leader}", "--all", "--root", "--wdns=/", "setpriv", KEPT_OUT)
        return (*enter, "env", "-i", *pairs, *words)

    def run(
        self,
        *words: str,
        check: bool = True,
        env: Mapping[str, str] = {},
        stdin: str = "",
        timeout: float = 120.0,
    ) -> Done:
        """Run a command to its end; with `check`, raise AssertionError with all it said unless it exits with 0."""
        with self.popen(*words, env=env) as process:
            try:
                out, err = process.communicate(stdin.encode(), timeout)
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)  # nsenter, and what it has started inside
        done = Done(
            stdout=out.decode(errors="surrogateescape"),
            stderr=err.decode(errors="surrogateescape"),
            code=process.returncode,
        )
        assert not check or done.code == 0, f"{' '.join(words)}: exit {done.code}\n{done.said}"
        return done

    def popen(self, *words: str, env: Mapping[str, str] = {}) -> subprocess.Popen[bytes]:
        """Start a command; its three streams are pipes."""
        return subprocess.Popen(
            self.argv(*words, env=env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit, as `systemctl show` prints them; MemoryCurrent and CPUUsageNSec are real."""
        said = self.run("systemctl", "show", f"--property={','.join(properties)}", unit).stdout
        return dict(line.partition("=")[::2] for line in said.splitlines())

    def journal(self, *words: str) -> list[dict[str, Any]]:
        """Return journal entries, of this boot, or of all when it is off; `words` as for journalctl(1)."""
        options = ("--output=json", "--no-pager", "--quiet", *words)
        if self.running:
            said = self.run("journalctl", "--boot", *options).stdout
        else:
            said = call("journalctl", f"--directory={self.path('/var/log/journal')}", *options)
        return [json.loads(line) for line in said.splitlines()]

    # Its disk

    @property
    def root(self) -> Path:
        return self.work / "root"

    @property
    def store(self) -> Path:
        return self.work / "disk"

    @property
    def console(self) -> Path:
        return self.work / "console.log"

    def path(self, inside: str) -> Path:
        """Return where that lies outside, also when it is off; not for /run, /tmp and links that lead to the root."""
        return self.root / inside.lstrip("/")

    def put(self, inside: str, content: str | bytes, *, mode: int = 0o644) -> Path:
        """Write a file, owned by root; folders on the way are made."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def read(self, inside: str) -> str:
        return self.path(inside).read_text()

    def exists(self, inside: str) -> bool:
        return os.path.lexists(self.path(inside))

    def _mount(self) -> None:
        if self.disk:
            mounts.mount_disk(self.work / "disk.img", self.store, size=self.disk, kind=self.file_system)
        else:
            self.store.mkdir()
        mounts.mount_overlay(self.lower, self.store, self.root)

    def _unmount(self) -> None:
        mounts.unmount(self.root)
        mounts.unmount(self.store)
