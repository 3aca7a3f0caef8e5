"""trued as it lives: a service on a machine, which keeps packages, files, units, users and settings true as one graph."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.host.machine.apt import COMPONENT, SUITE, Repository
from tests.host.machine.host import Host
from tests.host.machine.service import serve

CUTS = 20
"""How often the power goes in the middle of an apply."""

KIOSK = """\
[Unit]
Description=Kiosk
[Service]
User=kiosk
EnvironmentFile=/etc/kiosk.env
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


def state(packages: Repository, *, greeting: str = "trued", generation: int = 1) -> dict[str, Any]:
    """Return a host with something of everything; generations differ in each of it."""
    return {
        "repositories": {
            "hello": {
                "uris": [packages.url],
                "suites": [SUITE],
                "components": [COMPONENT],
                "signed_by": packages.key,
            }
        },
        "packages": {
            "hello-service": f"{generation % 2 + 1}.0",
            "hello-tool": {"version": ("1.0", "1.1", "2.0")[generation % 3], "hold": True},
            "hello-suite": {"recommends": False},
        },
        "files": {
            "/etc/default/hello-service": {"content": f"GREETING={greeting}\n"},
            "/etc/kiosk.env": {
                "content": f"GENERATION={generation}\n",
                "owner": "kiosk",
                "group": "kiosk",
                "mode": "0640",
            },
        },
        "units": {
            "hello-service.service": {
                "enabled": True,
                "active": True,
                "restart_on": ["file:/etc/default/hello-service"],
            },
            "kiosk.service": {
                "content": KIOSK.replace("=Kiosk", f"=Kiosk {generation}"),
                "enabled": True,
                "active": True,
                "restart_on": ["file:/etc/kiosk.env"],
                "drop_ins": {"limits.conf": f"[Service]\nTasksMax={100 + generation}\n"},
            },
        },
        "groups": {"lamps": {"gid": 4242}},
        "users": {
            "kiosk": {
                "system": True,
                "shell": "/usr/sbin/nologin",
                "home": "/var/lib/kiosk",
                "create_home": True,
                "groups": ["lamps"],
                "comment": f"Kiosk {generation}",
            }
        },
        "sysctls": {"net.ipv4.ip_forward": str(generation % 2)},
        "timezone": ("Europe/Berlin", "Etc/UTC")[generation % 2],
    }


def settled(host: Host, commit: str, seconds: float = 180.0) -> Any:
    """Wait until the service has looked from now on, and found all as that commit declares; return the status."""
    started, deadline = time.time(), time.monotonic() + seconds
    looked = host.machine.path("/var/lib/trued/status/last.json")
    while time.monotonic() < deadline:
        status = host.json("status") if looked.exists() and looked.stat().st_mtime > started else {}
        if (status.get("commit"), status.get("good"), status.get("result")) == (commit, commit, "converged"):
            return status
        time.sleep(0.25)
    journal = "\n".join(str(entry.get("MESSAGE")) for entry in host.machine.journal("--unit=trued.service"))
    raise AssertionError(f"not within {seconds:.0f} s:\n{host.trued('status')}\n{journal[-4000:]}")


@pytest.fixture(name="served")
def _served(managed: Host) -> Host:
    managed.more = {"interval": "5s"}
    managed.configure()
    serve(managed)
    return managed


def test_one_commit_brings_all_of_it_and_the_next_look_is_quiet(served: Host, packages: Repository) -> None:
    """Package, then its configuration, then the restart of its unit; in one cycle, without a hand."""
    commit = served.declare(state(packages))
    status = settled(served, commit)
    run = served.machine.run

    assert (
        "hello-service 2.0 says trued"
        in run("journalctl", "-u", "hello-service.service", "-o", "cat").stdout
    )
    assert "active" == run("systemctl", "is-active", "kiosk.service").stdout.strip()
    assert "hello-tool 1.1" == run("hello-tool").stdout.strip()
    assert ["kiosk", "lamps"] == sorted(run("id", "-nG", "kiosk").stdout.split())
    assert "kiosk:kiosk 640" == run("stat", "-c", "%U:%G %a", "/etc/kiosk.env").stdout.strip()
    assert "1" == run("cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip()
    assert {"changed", "unchanged"} >= {line["result"] for line in status["resources"].values()}
    (first, *_) = [line for line in served.reports()[::-1] if commit[:7] in line]
    assert "converged" in first.splitlines()[0]
    assert "nothing to do" in served.trued("plan", code=0)


DRIFTS: dict[str, tuple[str, ...]] = {
    "package:hello-suite": ("apt-get", "-qq", "-y", "remove", "hello-suite"),
    "package:hello-tool": (
        "apt-get",
        "-qq",
        "-y",
        "--allow-change-held-packages",
        "install",
        "hello-tool=2.0",
    ),
    "file:/etc/default/hello-service": ("sed", "-i", "s/trued/drift/", "/etc/default/hello-service"),
    "file:/etc/kiosk.env": ("chown", "root", "/etc/kiosk.env"),
    "unit:kiosk.service": ("systemctl", "stop", "kiosk.service"),
    "unit:hello-service.service": ("systemctl", "disable", "hello-service.service"),
    "unit:kiosk.service.d/limits.conf": ("rm", "/etc/systemd/system/kiosk.service.d/limits.conf"),
    "user:kiosk": ("usermod", "--shell", "/bin/bash", "kiosk"),
    "group:lamps": ("groupdel", "lamps"),
    "sysctl:net.ipv4.ip_forward": ("sysctl", "-q", "-w", "net.ipv4.ip_forward=0"),
    "timezone:system": ("ln", "-sf", "/usr/share/zoneinfo/Asia/Tokyo", "/etc/localtime"),
    "repository:hello": ("rm", "/etc/apt/sources.list.d/hello.sources"),
}


def test_each_drift_is_repaired_and_told_as_drift(managed: Host, packages: Repository) -> None:
    managed.declare(state(packages))
    managed.apply()
    told = {}
    for id_, hand in DRIFTS.items():
        managed.machine.run(*hand)
        line = managed.apply()["resources"][id_]
        told[id_] = (line["result"], line["cause"])

    assert dict.fromkeys(DRIFTS, ("changed", "drift")) == told
    assert "nothing to do" in managed.trued("plan", code=0)


def test_what_is_bad_in_a_commit_leaves_the_rest_alone(managed: Host, packages: Repository) -> None:
    """Each failure is its own: a package, a unit, a user and a setting that cannot be."""
    managed.declare(state(packages))
    managed.apply()
    bad = state(packages, greeting="again", generation=2)
    bad["packages"]["hello-nowhere"] = "present"
    bad["packages"]["hello-unmet"] = "present"
    bad["units"]["nowhere.service"] = {"active": True}
    bad["users"]["twin"] = {"uid": 1}
    bad["sysctls"]["net.ipv4.nowhere"] = "1"
    managed.declare(bad)
    resources = managed.apply(code=3)["resources"]
    trouble = {id_ for id_, line in resources.items() if line["result"] in {"failed", "blocked", "held"}}

    assert {
        "package:hello-nowhere",
        "package:hello-unmet",
        "unit:nowhere.service",
        "user:twin",
        "sysctl:net.ipv4.nowhere",
    } == trouble
    assert "GREETING=again\n" == managed.machine.read("/etc/default/hello-service")
    assert "hello-tool 2.0" == managed.machine.run("hello-tool").stdout.strip()
    assert "hello-nowhere (>= 3)" in resources["package:hello-unmet"]["reason"]


def test_what_is_no_longer_declared_goes_and_what_was_there_stays(
    managed: Host, packages: Repository
) -> None:
    managed.machine.run("useradd", "--system", "older")
    first = state(packages)
    first["users"]["older"] = {"shell": "/bin/sh"}
    managed.declare(first)
    managed.apply()
    managed.declare({"files": {"/etc/left": {"content": "left\n"}}})
    managed.json("apply", "--allow-removals", code=0)
    run = managed.machine.run

    assert "unknown" in run("hello-tool", check=False).said or run("which", "hello-tool", check=False).code
    assert run("id", "kiosk", check=False).code != 0
    assert run("test", "-d", "/var/lib/kiosk", check=False).code == 0
    assert run("id", "older").code == 0
    assert not managed.machine.exists("/etc/systemd/system/kiosk.service")
    assert not managed.machine.exists("/etc/apt/sources.list.d/hello.sources")
    assert "nothing to do" in managed.trued("plan", code=0)


def test_after_a_reboot_all_is_as_it_was(served: Host, packages: Repository) -> None:
    commit = served.declare(state(packages))
    settled(served, commit)
    served.machine.reboot()
    status = settled(served, commit)

    assert "1" == served.machine.run("cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip()
    assert "active" == served.machine.run("systemctl", "is-active", "kiosk.service").stdout.strip()
    assert {"unchanged"} == {line["result"] for line in status["resources"].values()}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file_system", ["ext4", "xfs"])
def test_a_power_cut_at_any_moment_is_made_good(
    manage: Callable[..., Host], packages: Repository, file_system: str
) -> None:
    """Each time another commit is being applied; nothing is repaired by hand."""
    host = manage(disk="900M", file_system=file_system)
    host.more = {"interval": "5s"}
    host.configure()
    host.machine.run("sync")
    serve(host)
    host.machine.run("sync")
    settled(host, host.declare(state(packages)))
    chance = random.Random(20261123)
    for cut in range(CUTS // 2):
        commit = host.declare(state(packages, greeting=f"cut {cut}", generation=cut + 2))
        host.machine.run("systemctl", "reload", "--no-block", "trued.service")
        time.sleep(chance.uniform(0.05, 4.0))
        host.machine.power_cut()
        host.machine.start(healthy=False)
        settled(host, commit)
        assert "nothing to do" in host.trued("plan", code=0)
        assert "" == host.machine.run("dpkg", "--audit").stdout
        assert "running" == host.machine.run("systemctl", "is-system-running", check=False).stdout.strip()
