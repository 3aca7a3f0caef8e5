"""
Starts a tree with systemd as PID 1, systemd-nspawn(1), on a machine whose own PID 1 may be anything.

Nobody is asked to register it, so machinectl and `systemctl -M` know nothing of it. With --keep-unit nspawn ends when
the machine reboots, and says so by its exit code.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.host.machine.cgroups import Cgroups

REBOOTED = 133  # nspawn's exit code
# Controllers of cgroup v1 are mounted read-only, and systemd would take them for absent. It also takes cpu and cpuacct
# for one hierarchy, and makes groups in the first alone: where they are two, CPUUsageNSec= is worth more than CPUQuota=.
PREPARE = """\
cd /sys/fs/cgroup
for controller in */; do mount -o remount,rw,bind "$controller" 2>/dev/null; done
if [ -d cpu ] && [ ! -e cpu/cpuacct.usage ]; then mount --bind cpuacct cpu; fi
cd /
exec /lib/systemd/systemd --system systemd.show_status=1
"""
INIT = ("/bin/sh", "-c", PREPARE)
# Enter the cgroups before nspawn starts: it makes payload/ and supervisor/ below the one it is in.
ENTER = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit; shift; done; shift; exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A folder of the outer machine that is seen inside."""

    source: Path
    place: str
    read_only: bool = False

    @property
    def option(self) -> str:
        return f"--bind{'-ro' if self.read_only else ''}={self.source}:{self.place}"


@dataclass(slots=True, kw_only=True)
class Running:
    """One boot: nspawn's process, and PID 1 of the machine by its number outside."""

    nspawn: subprocess.Popen[bytes]
    leader: int


def boot(
    *,
    name: str,
    root: Path,
    namespace: Path,
    cgroups: Cgroups,
    bindings: Sequence[Binding],
    socket_path: Path,
    console: Path,
    timeout: float = 60.0,
) -> Running:
    """Start it; return when PID 1 says that the boot is finished. Raise AssertionError with the console if it is not."""
    socket_path.unlink(missing_ok=True)
    argv = (
        "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--notify-ready=yes", "--kill-signal=SIGRTMIN+3",
        "--console=read-only", "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN",
        f"--machine={name}", f"--hostname={name}", f"--directory={root}", f"--network-namespace-path={namespace}",
        *(binding.option for binding in bindings), *INIT,
    )  # fmt: skip
    env = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "NOTIFY_SOCKET": str(socket_path),
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1" if cgroups.unified else "0",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",  # /proc/sys/net is of its own namespace; the rest is everybody's
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, console.open("ab") as log:
        notices.bind(str(socket_path))
        process = _start(argv, env, cgroups, log.fileno())
        try:
            leader = _wait(notices, process, time.monotonic() + timeout)
        except BaseException:
            cgroups.kill()
            process.wait()
            raise
    if not leader:
        raise AssertionError(f"{name} did not boot:\n{console.read_text(errors='replace')[-4000:]}")
    return Running(nspawn=process, leader=leader)


def _start(
    argv: Sequence[str], env: Mapping[str, str], cgroups: Cgroups, log: int
) -> subprocess.Popen[bytes]:
    # When the tests are killed the kernel ends nspawn, and that its machine. KILL would leave the machine running. It
    # also does so when the thread ends that has started it, prctl(2): not one that a test has made for that alone.
    guarded = ("setpriv", "--pdeathsig", "TERM", *argv)
    entrances = map(str, cgroups.entrances)
    return subprocess.Popen(
        ("/bin/sh", "-c", ENTER, "enter", *entrances, "--", *guarded),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=dict(env),
        start_new_session=True,
    )


def _wait(notices: socket.socket, process: subprocess.Popen[bytes], deadline: float) -> int:
    """Return the number of PID 1 once it is READY=1 (sd_notify(3)); 0 if nspawn ends or time is over before."""
    notices.settimeout(0.2)
    leader = 0
    while process.poll() is None and time.monotonic() < deadline:
        try:
            message = notices.recv(65536).decode()
        except TimeoutError:
            continue
        fields = dict(line.partition("=")[::2] for line in message.splitlines())
        leader = int(fields.get("X_NSPAWN_LEADER_PID", leader))
        if fields.get("READY") == "1":
            return leader
    return 0
