"""A machine that asks for a reboot: where that is told, and when it gets one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.host import Host
from tests.host.machine.machine import End
from tests.host.machine.python import PLACE
from tests.host.machine.service import serve
from tests.host.machine.test_service import settled
from tests.servers.repo import git

ASKED = "asked for by hello-kernel"
STAMP = "/var/lib/trued/rebooted"
STATE = {"packages": {"hello-kernel": "present"}}
# Somebody who asks at each boot again: the reboot has mended nothing.
ASKS = """\
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/usr/bin/touch /run/reboot-required
[Install]
WantedBy=sysinit.target
"""


def served(host: Host, packages: Repository, **more: Any) -> Host:
    host.more = {"interval": "5s", **more}
    host.configure()
    packages.add_to(host.machine)
    serve(host)
    return host


def looks(host: Host, count: int = 4) -> None:
    """Let the service look so many times, and go on running on the same boot."""
    leader, seen = host.machine.leader, set[int]()
    looked = host.machine.path("/var/lib/trued/status/last.json")
    end = time.monotonic() + 90
    while len(seen) < count:
        assert host.machine.running, "was rebooted"
        assert time.monotonic() < end, "the service does not look"
        if looked.exists():
            seen.add(looked.stat().st_mtime_ns)
        time.sleep(0.1)
    assert leader == host.machine.leader


def rebooted(host: Host) -> None:
    assert End.REBOOT is host.machine.wait(60)
    host.machine.start()


def stamp(host: Host) -> datetime:
    return datetime.fromisoformat(json.loads(host.machine.read(STAMP))["at"])


def test_a_reboot_that_is_asked_for_is_told_everywhere(managed: Host, packages: Repository) -> None:
    packages.add_to(managed.machine)
    managed.declare(STATE)
    managed.apply()
    readme = git("show", "status/edge-01:README.md", cwd=managed.remote)

    assert [ASKED] == managed.status()["reboot"]
    for text in (readme, managed.reports()[0], managed.trued("status")):
        assert f"reboot required: {ASKED}" in text
    managed.machine.reboot()
    managed.apply()
    assert [] == managed.status()["reboot"]
    assert "reboot required" not in managed.reports()[0] + managed.trued("status")


@pytest.mark.slow
def test_by_default_nothing_is_rebooted(managed: Host, packages: Repository) -> None:
    served(managed, packages)
    settled(managed, managed.declare(STATE))
    looks(managed)

    assert not managed.machine.exists(STAMP)
    assert [ASKED] == managed.status()["reboot"]


@pytest.mark.slow
def test_a_reboot_that_mends_nothing_comes_once_a_day(
    manage: Callable[..., Host], packages: Repository
) -> None:
    """Also when the power goes in between; the next day it is tried again."""
    host = served(manage(disk="900M"), packages, reboot="when-required")
    machine = host.machine
    machine.put("/etc/systemd/system/asks.service", ASKS)
    machine.run("systemctl", "enable", "asks.service")
    machine.run("sync")  # the reboot of a container does not
    commit = host.declare(STATE)
    rebooted(host)

    settled(host, commit)
    assert ["asked for by /run/reboot-required"] == host.json("status")["reboot"]
    looks(host)
    machine.power_cut()
    machine.start()
    settled(host, commit)
    looks(host)
    first = stamp(host)
    said = json.loads(machine.read(STAMP))
    machine.run("systemctl", "stop", "trued.service")
    machine.put(STAMP, json.dumps({**said, "at": (first - timedelta(days=1)).isoformat()}))
    machine.run("systemctl", "start", "--no-block", "trued.service")
    rebooted(host)
    settled(host, commit)
    assert first < stamp(host)


@pytest.mark.slow
def test_what_is_not_well_is_not_rebooted(managed: Host, packages: Repository) -> None:
    """Something failed, then Git away, then something held; once that is over, it is."""
    served(managed, packages, reboot="when-required", limits={"removals": {"count": 0, "share": "0%"}})
    machine, blocked = managed.machine, "/etc/blocked"
    machine.put(f"{blocked}/theirs", "x")
    mine = {blocked: {"content": "x"}, "/etc/mine": {"content": "x"}}
    managed.declare({**STATE, "files": mine})
    looks(managed)
    assert "failed" == managed.json("status")["result"]
    (managed.remote / "HEAD").rename(managed.remote / "HEAD.away")
    looks(managed, 2)
    machine.run("rm", "-r", blocked)
    looks(managed)
    assert "x" == machine.read(blocked)
    assert managed.json("status")["error"]
    machine.run("systemctl", "stop", "trued.service")
    (managed.remote / "HEAD.away").rename(managed.remote / "HEAD")
    commit = managed.declare({**STATE, "files": {blocked: {"content": "x"}}})
    machine.run("systemctl", "start", "trued.service")
    looks(managed)
    assert "held" == managed.json("status")["result"]
    assert not machine.exists(STAMP)
    managed.trued("apply", "--allow-removals")
    rebooted(managed)
    settled(managed, commit)
    assert machine.exists(STAMP)


@pytest.mark.slow
def test_what_must_not_be_cut_off_is_not(managed: Host, packages: Repository) -> None:
    """As apt says it of itself while it works: systemd-inhibit(1)."""
    lock = ("systemd-inhibit", "--what=shutdown", "--mode=block", "--who=backup", "sleep", "infinity")
    with managed.machine.popen(*lock) as process:
        served(managed, packages, reboot="when-required")
        settled(managed, managed.declare(STATE))
        looks(managed)
        process.kill()

    said = [str(entry.get("MESSAGE")) for entry in managed.machine.journal("--unit=trued.service")]
    (line,) = [text for text in said if text.startswith("not rebooted")]
    assert ASKED in line
    assert "backup" in line


def test_the_age_of_a_machine_is_its_own(managed: Host) -> None:
    """Not that of the machine that it is a container of."""
    said = managed.machine.run(
        f"{PLACE}/bin/python", "-c", "from agent.host.reboot import uptime; print(uptime().total_seconds())"
    )

    assert 0 < float(said.stdout) < 300


def test_what_nobody_needs_any_more_is_told_and_stays(managed: Host, packages: Repository) -> None:
    """Until somebody chooses or removes it."""
    machine, word = managed.machine, "packages no longer needed: hello-data, hello-extras"
    packages.add_to(machine)
    managed.declare({"packages": {"hello-suite": "present", "hello-tool": "present"}})
    managed.apply()
    assert [] == managed.status()["notices"]
    managed.declare({"packages": {"hello-tool": "present"}})
    managed.apply()

    assert [word] == [one.partition(";")[0] for one in managed.status()["notices"]]
    assert word in managed.trued("status")
    for _ in range(2):
        managed.apply()
    assert "ii" == machine.run("dpkg-query", "-Wf", "${db:Status-Abbrev}", "hello-data").stdout.strip()
    machine.run("apt-mark", "manual", "hello-data")
    managed.apply()
    assert ["packages no longer needed: hello-extras"] == [
        one.partition(";")[0] for one in managed.status()["notices"]
    ]
    machine.run("apt-get", "-qy", "remove", "hello-extras")
    managed.apply()
    assert [] == managed.status()["notices"]
