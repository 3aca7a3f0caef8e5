"""
What the service costs while nothing happens on a machine whose systemd is its PID 1 (tests/host/machine): files, packages, users
and units in state, and the repository over HTTPS. Read from outside, so that nothing is started in the machine meanwhile.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import idle
import inside
import workload as loads
from idle import Idle
from machine_drifts import SLEEPS, managed
from results import NotHereError

from agent.host.bus.ear import UNSURE
from tests.host.machine.host import Host
from tests.host.machine.network import listen
from tests.host.machine.service import serve
from tests.servers.faults import FaultProxy
from tests.servers.git import GitServer, missing_tools
from tests.waiting import until

FILES, PACKAGES, USERS, UNITS = 1_000, 50, 5, 30
LIVE = "/srv/live"
SECRET, AUTHORITY = "/etc/trued/token", "/etc/trued/ca.pem"
BOUND = 300.0  # seconds until all of it is made,
CALM = (
    UNSURE + 20.0
)  # and until units that were started are not looked at any more unless something is heard of them


def run(settle: float, seconds: float, scratch: Path) -> Idle:
    """Measure; raises NotHereError."""
    if missing := missing_tools():
        raise NotHereError(f"no Git server here: missing {', '.join(missing)}")
    with ExitStack() as stack:
        host = stack.enter_context(managed(scratch / "machine"))
        host.more = {}  # the default interval, and its polls
        server = stack.enter_context(GitServer(scratch / "server"))
        _follow(host, server, stack)
        _declare(host, scratch)
        serve(host)
        until(lambda: "converged at" in host.machine.run("journalctl", "--unit=trued").stdout, BOUND)
        time.sleep(CALM + settle)
        return idle.watch({"service": [pid(host)]}, 0, seconds)["service"]


def _follow(host: Host, server: GitServer, stack: ExitStack) -> None:
    """Have the machine follow a repository of the server, which it finds on its own loopback as it is on the outer one."""
    bare, port = server.create("whole"), server.https_port
    stack.enter_context(FaultProxy(port, listener=listen(host.machine.plug.namespace, "127.0.0.1", port)))
    host.remote = bare.path
    host.machine.put(SECRET, server.token_file.read_bytes(), mode=0o600)
    host.machine.put(AUTHORITY, server.tls.ca.read_bytes())
    host.configure(url=bare.https, token_file=SECRET, ca_file=AUTHORITY)


def _declare(host: Host, scratch: Path) -> None:
    load = loads.make(scratch / "load", FILES)
    tree = {f"base/files/tree/{name}": (load.source / name).read_text() for name in load.names}
    said = host.machine.run("dpkg-query", "--show", "--showformat=${Package}\n").stdout.split()
    unit = {"content": SLEEPS, "enabled": True, "active": True}
    host.push(tree, "The tree")
    host.declare(
        {
            "files": {LIVE: {"source": "files/tree/", "mode": f"{loads.MODE:04o}"}},
            "packages": dict.fromkeys(said[:PACKAGES], "present"),
            "users": {f"lamp-{number}": {"system": True} for number in range(USERS)},
            "units": {inside.UNIT.format(number): unit for number in range(UNITS)},
        }
    )


def pid(host: Host) -> int:
    """Return the number that the service's process has outside of the machine: NSpid of proc_pid_status(5)."""
    within = host.machine.show("trued.service", "MainPID")["MainPID"]
    for one in host.machine.cgroups.processes():
        found = re.search(r"^NSpid:.*\s(\d+)$", Path(f"/proc/{one}/status").read_text(), re.MULTILINE)
        if found and found[1] == within:
            return one
    raise ProcessLookupError(f"no process of the machine is its number {within}")


def named() -> Iterator[str]:
    """Yield what is declared, in words."""
    counts = ((f"{FILES:,}", "files"), (PACKAGES, "packages"), (USERS, "users"), (UNITS, "units"))
    yield from (f"{count} {what}" for count, what in counts)
