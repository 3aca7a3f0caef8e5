"""What the service costs on a machine on which nothing happens, as systemd and the kernel account for it."""

from __future__ import annotations

import os
import re
import time

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.host import Host
from tests.host.machine.service import serve
from tests.host.machine.test_service import settled, state

MINUTES = float(os.environ.get("TRUED_IDLE_MINUTES", "3"))
MIB = 1 << 20


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 300)
def test_an_idle_service_is_small_and_asleep(managed: Host, packages: Repository) -> None:
    """The figures are printed, and stand in docs/footprint.md; what is asserted are the bounds that mean a fault."""
    commit = managed.declare(state(packages))  # first: a repository that is empty is asked ever less often
    serve(managed)
    settled(managed, commit, seconds=240)
    before, started = accounted(managed), time.monotonic()
    time.sleep(MINUTES * 60)
    after, minutes = accounted(managed), (time.monotonic() - started) / 60
    cpu = (after["cpu"] - before["cpu"]) / 1e6 / minutes
    wakeups = (after["switches"] - before["switches"]) / minutes
    print(
        f"\nidle for {minutes:.1f} min, interval 60s, {len(managed.json('status')['resources'])} resources:"
        f" CPU {cpu:.0f} ms a minute, {wakeups:.0f} wake-ups a minute,"
        f" PSS {after['pss'] / MIB:.1f} MiB, RSS {after['rss'] / MIB:.1f} MiB,"
        f" memory of the unit {after['memory'] / MIB:.1f} MiB"
    )

    assert after["pid"] == before["pid"]
    assert after["pss"] < 60 * MIB
    assert cpu < 1000
    assert wakeups < 600


def accounted(host: Host) -> dict[str, int]:
    """Return bytes, nanoseconds and counts of the service since its start."""
    said = host.machine.show("trued.service", "MainPID", "CPUUsageNSec", "MemoryCurrent")
    rollup = host.machine.run("cat", f"/proc/{said['MainPID']}/smaps_rollup").stdout
    status = host.machine.run("cat", f"/proc/{said['MainPID']}/status").stdout
    return {
        "pid": int(said["MainPID"]),
        "cpu": int(said["CPUUsageNSec"]),
        "memory": int(said["MemoryCurrent"]),
        "pss": _number("Pss", rollup) * 1024,
        "rss": _number("Rss", rollup) * 1024,
        "switches": _number("voluntary_ctxt_switches", status),
    }


def _number(name: str, text: str) -> int:
    found = re.search(rf"^{name}:\s+([0-9]+)", text, re.MULTILINE)
    assert found, name
    return int(found[1])
