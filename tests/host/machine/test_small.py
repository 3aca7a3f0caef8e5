"""Name, time zone and kernel parameters of a real machine: live, after a reboot, and after hands were on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.host.machine.host import Host
from tests.host.machine.machine import Machine

STATE: Mapping[str, Any] = {
    "hostname": "kiosk-7.example.com",
    "timezone": "Europe/Berlin",
    "sysctls": {
        "net.ipv4.ip_forward": 1,
        "net.ipv4.tcp_rmem": {"value": "4096  131072 6291456"},
        "net/ipv4/conf/lo/rp_filter": 2,
    },
}
# The network of a machine, with its parameters, outlives a reboot: nobody but the boot itself sets them again.
FORGOTTEN = (
    "sysctl",
    "-w",
    "net.ipv4.ip_forward=0",
    "net.ipv4.tcp_rmem=1 2 3",
    "net.ipv4.conf.lo.rp_filter=0",
)
FORWARD = "/etc/sysctl.d/99-trued-net.ipv4.ip_forward.conf"


def live(machine: Machine) -> dict[str, str]:
    """Return what programs on the machine are told."""
    words = {
        "name": ("uname", "--nodename"),
        "zone": ("date", "--date=2026-07-01 12:00 UTC", "+%H:%M %Z"),
        "forward": ("sysctl", "-n", "net.ipv4.ip_forward"),
        "rmem": ("sysctl", "-n", "net.ipv4.tcp_rmem"),
        "filter": ("sysctl", "-n", "net.ipv4.conf.lo.rp_filter"),
    }
    return {key: " ".join(machine.run(*argv).stdout.split()) for key, argv in words.items()}


DECLARED = {
    "name": "kiosk-7.example.com",
    "zone": "14:00 CEST",
    "forward": "1",
    "rmem": "4096 131072 6291456",
    "filter": "2",
}


def told(report: Any, rid: str) -> tuple[str, str | None, str]:
    found = report["resources"][rid]
    return found["result"], found.get("cause"), found.get("reason", "")


def test_all_hold_at_once_and_after_a_reboot(managed: Host) -> None:
    machine = managed.machine
    managed.declare(STATE)
    managed.apply()

    assert DECLARED == live(machine)
    assert "nothing to do" in managed.trued("plan", code=0)
    machine.run(*FORGOTTEN)
    machine.reboot()
    assert DECLARED == live(machine)
    assert "kiosk-7.example.com" in machine.run("hostnamectl", "hostname").stdout
    assert "Europe/Berlin" in machine.run("timedatectl", "show", "--property=Timezone").stdout
    assert "nothing to do" in managed.trued("plan", code=0)


DRIFTS = [
    ("hostname:system", ("hostname", "somebody"), "the host is called somebody, wanted kiosk-7.example.com"),
    ("hostname:system", ("cp", "/etc/motd.test", "/etc/hostname"), "/etc/hostname says x, wanted kiosk-7.example.com"),
    ("timezone:system", ("ln", "-sf", "/usr/share/zoneinfo/Asia/Tokyo", "/etc/localtime"), "the zone is Asia/Tokyo, wanted Europe/Berlin"),
    ("timezone:system", ("timedatectl", "set-timezone", "Asia/Tokyo"), "the zone is Asia/Tokyo, wanted Europe/Berlin"),
    ("timezone:system", ("rm", "/etc/localtime"), "/etc/localtime is missing"),
    ("sysctl:net.ipv4.ip_forward", ("sysctl", "-w", "net.ipv4.ip_forward=0"), "the kernel has 0, wanted 1"),
    ("sysctl:net.ipv4.ip_forward", ("rm", FORWARD), "nothing sets it at boot"),
    ("sysctl:net.ipv4.tcp_rmem", ("sysctl", "-w", "net.ipv4.tcp_rmem=4096 4096 4096"), "the kernel has 4096 4096 4096, wanted 4096 131072 6291456"),
]  # fmt: skip


def test_each_drift_is_set_right(managed: Host) -> None:
    """And said to be drift, in the report as well."""
    machine = managed.machine
    machine.put("/etc/motd.test", "x\n")
    managed.declare(STATE)
    managed.apply()
    for rid, argv, reason in DRIFTS:
        machine.run(*argv)
        result, cause, said = told(managed.apply(), rid)

        assert (rid, "changed", "drift") == (rid, result, cause), argv
        assert said.startswith(reason)
        assert "nothing to do" in managed.trued("plan", code=0)
        assert "drift" in managed.reports()[0]
    assert DECLARED == live(machine)


def test_what_is_no_longer_declared_stays_or_goes_as_the_pages_say(managed: Host) -> None:
    machine = managed.machine
    managed.declare(STATE)
    managed.apply()
    managed.declare({"files": {"/etc/motd": {"content": "x"}}})
    managed.apply()

    assert DECLARED == live(machine)
    assert not machine.exists(FORWARD)
    machine.run(*FORGOTTEN)
    machine.reboot()
    kept = {key: DECLARED[key] for key in ("name", "zone")}
    assert {**kept, "forward": "0", "rmem": "1 2 3", "filter": "0"} == live(machine)


def test_what_a_kernel_will_not_have_is_told_and_the_rest_goes_on(managed: Host) -> None:
    managed.declare(
        {
            "timezone": "Europe/Entenhausen",
            "sysctls": {
                "net.ipv4.ip_forward": 1,
                "net.ipv4.ip_default_ttl": 300,
                "net.ipv4.tcp_rmem": 5,
                "net.ipv4.route.flush": 1,
                "net.bridge.no-such-thing": 1,
                "vm.swappiness": 11,
            },
        }
    )
    report = managed.apply(code=None)

    assert ("changed", "commit") == told(report, "sysctl:net.ipv4.ip_forward")[:2]
    for rid, result, words in (
        ("timezone:system", "blocked", "there is no zone Europe/Entenhausen"),
        ("sysctl:net.ipv4.ip_default_ttl", "failed", "Invalid argument"),
        ("sysctl:net.ipv4.tcp_rmem", "failed", "done, and it is still not so: the kernel has 5 "),
        ("sysctl:net.ipv4.route.flush", "blocked", "is a command to the kernel"),
        ("sysctl:net.bridge.no-such-thing", "blocked", "modules-load.d"),
        ("sysctl:vm.swappiness", "failed", "sysctl"),  # the machine shares it with the outer one
    ):
        assert (rid, result) == (rid, told(report, rid)[0])
        assert words in told(report, rid)[2]
    assert not managed.machine.exists("/etc/sysctl.d/99-trued-net.ipv4.ip_default_ttl.conf")


def test_a_file_that_undoes_it_at_boot_is_named_until_it_is_gone(managed: Host) -> None:
    machine = managed.machine
    machine.put("/etc/sysctl.d/zz-local.conf", "net.ipv4.ip_forward = 0\n")
    managed.declare({"sysctls": {"net.ipv4.ip_forward": 1}})
    managed.apply(code=None)
    result, _, reason = told(managed.apply(code=None), "sysctl:net.ipv4.ip_forward")

    assert "blocked" == result
    assert "/etc/sysctl.d/zz-local.conf sets 0" in reason
    assert "1" == live(machine)["forward"]
    machine.path("/etc/sysctl.d/zz-local.conf").unlink()
    managed.apply()
    machine.run(*FORGOTTEN)
    machine.reboot()
    assert "1" == live(machine)["forward"]


@pytest.mark.parametrize("name", ["kiosk-7", "web.example.com"])
def test_a_name_can_change_again(managed: Host, name: str) -> None:
    for one in ("first", name):
        managed.declare({"hostname": one})
        managed.apply()

    assert name == live(managed.machine)["name"]
    assert f"{name}\n" == managed.machine.read("/etc/hostname")
