"""What tests of packages ask of a managed machine, and do to its dpkg."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.host.machine.host import Host
from tests.host.machine.machine import Machine

LOCK = "/var/lib/dpkg/lock-frontend"
HOLDER = (
    "import fcntl, time; lock = open({path!r}, 'w'); fcntl.lockf(lock, fcntl.LOCK_EX);"
    " print('held', flush=True); time.sleep({seconds})"
)


def state(host: Host, name: str) -> str:
    """Return dpkg's three letters and the version, as in "ii 1.0"; nothing for what it does not know."""
    said = host.machine.run("dpkg-query", "-Wf", "${db:Status-Abbrev}${Version}", name, check=False)
    return said.stdout


def declare(host: Host, **entries: Any) -> None:
    host.declare({"packages": {name.replace("_", "-"): entry for name, entry in entries.items()}})


def told(report: Any, name: str) -> tuple[str, str]:
    """Return result and reason of a package."""
    found = report["resources"][f"package:{name}"]
    return found["result"], found.get("reason") or ""


def transactions(host: Host) -> list[str]:
    """Return the commands that apt has carried out, oldest first."""
    log = host.machine.path("/var/log/apt/history.log")
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.removeprefix("Commandline: ") for line in lines if line.startswith("Commandline: ")]


def grow_old(machine: Machine) -> None:
    """Let the index be of two days ago, and the last attempt to read it anew as well."""
    machine.run(
        "find", "/var/lib/apt/lists", "/var/lib/apt/periodic", "-exec", "touch", "-d", "-2 days", "{}", "+"
    )


def assert_settled(host: Host) -> None:
    assert "nothing to do" in host.trued("plan", code=0)


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def held(machine: Machine, seconds: float) -> Iterator[None]:
    """Hold dpkg's lock, as another package manager would."""
    program = HOLDER.format(path=LOCK, seconds=seconds)
    with machine.popen("python3", "-c", program) as process:
        assert process.stdout
        assert b"held\n" == process.stdout.readline()
        try:
            yield
        finally:
            process.kill()
