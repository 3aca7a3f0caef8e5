"""The service hears of what happens to its machine, and has it right again long before its interval is over."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.host.machine.apt import COMPONENT, SUITE, Repository
from tests.host.machine.host import Host
from tests.host.machine.service import serve
from tests.host.machine.units import COUNTS, INSTALL, RUNS, SLEEPS, state
from tests.waiting import until

pytestmark = pytest.mark.slow

SOON = 10.0  # seconds, on a busy machine too; the interval is ten minutes
TIMES = 10  # repairs that are measured
CALM = 2.5  # seconds after which an event is the first one after quiet
TEMPLATE = "[Service]\nExecStart=/bin/sleep infinity\n"
UNITS: Mapping[str, Any] = {
    "lamp.service": {"content": COUNTS, "enabled": True, "active": True},
    "quiet.service": {"content": SLEEPS, "enabled": False, "active": False},
    "plain.service": RUNS,
    "own.service": {"content": f"{SLEEPS}Alias=nickname.service\n", "enabled": True},
    "each@.service": {"content": TEMPLATE},
    "each@one.service": {"active": True},
    "timed.timer": {
        "content": f"[Timer]\nOnActiveSec=1s\nOnUnitActiveSec=1s\nAccuracySec=100ms\n{INSTALL}",
        "active": True,
    },
    "timed.service": {
        "content": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
    },
}
RIGHT = {
    "lamp.service": ("active", "enabled"),
    "quiet.service": ("inactive", "disabled"),
    "plain.service": ("active", "enabled"),
    "each@one.service": ("active", "static"),
}


def looks(host: Host) -> int:
    """Return how often the service has looked."""
    words = [str(entry.get("MESSAGE")) for entry in host.machine.journal("--unit=trued.service")]
    return sum("converged at" in each or "failed at" in each for each in words)


def settle(host: Host) -> None:
    """Wait until it has looked, and does not any more."""
    until(lambda: looks(host), 60)
    seen, since = looks(host), time.monotonic()
    while time.monotonic() - since < 1.5:
        time.sleep(0.1)
        if looks(host) != seen:
            seen, since = looks(host), time.monotonic()


def is_right(host: Host) -> bool:
    return {name: state(host.machine, name) for name in RIGHT} == RIGHT


def asleep_with(host: Host, declared: Mapping[str, Any], right: Callable[[], bool]) -> Host:
    host.more = {"interval": "10m"}
    host.configure()
    host.declare(declared)
    serve(host)
    until(right, 60)
    settle(host)
    return host


@pytest.fixture(name="asleep")
def _asleep(managed: Host) -> Host:
    """A machine whose service has looked, and would look again in ten minutes."""
    return asleep_with(managed, {"units": UNITS}, lambda: is_right(managed))


HARMS: Mapping[str, tuple[str, ...]] = {
    "stopped": ("systemctl", "stop", "lamp.service"),
    "an instance, which is forgotten as soon as it is stopped": ("systemctl", "stop", "each@one.service"),
    "killed": ("systemctl", "kill", "--signal=SIGKILL", "lamp.service"),
    "started": ("systemctl", "start", "quiet.service"),
    "enabled": ("systemctl", "enable", "quiet.service"),
    "disabled": ("systemctl", "disable", "plain.service"),
}


def test_what_happens_to_a_unit_is_put_right_at_once(asleep: Host) -> None:
    """
    Each by one look: our own work brings no second one, though it changes units, too.

    But systemctl(1) does two things to enable or disable a unit: it changes links, and then has all unit files read again.
    """
    seen = {}
    for harm, words in HARMS.items():
        before = looks(asleep)
        asleep.machine.run(*words)
        until(lambda: is_right(asleep), SOON)
        settle(asleep)
        seen[harm] = looks(asleep) - before

    assert {} == {harm: count for harm, count in seen.items() if count > 1 + harm.endswith("abled")}


def repair_of(host: Host, name: str) -> float:
    """Return the milliseconds from the end of a unit to its next start, by systemd's own clock."""
    ended, begun = ("InactiveEnterTimestampMonotonic", "InactiveExitTimestampMonotonic")
    times = host.machine.show(name, ended, begun)
    return (int(times[begun]) - int(times[ended])) / 1000


def test_how_soon_it_is_started_again(asleep: Host) -> None:
    """Printed: from the end of a unit to its start, each time the first event after quiet."""
    took = []
    for number in range(TIMES):
        words = ("stop",) if number % 2 else ("kill", "--signal=SIGKILL")
        asleep.machine.run("systemctl", *words, "lamp.service")
        time.sleep(CALM)  # asking all the time would be in its way
        until(lambda: is_right(asleep), SOON)
        took.append(repair_of(asleep, "lamp.service"))
    print(f"\nended to started: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")

    assert 0 < statistics.median(took) < 1000


def test_a_mask_is_lifted_at_once(asleep: Host) -> None:
    asleep.declare({"units": UNITS | {"lamp.service": UNITS["lamp.service"] | {"masked": False}}})
    asleep.machine.run("systemctl", "reload", "trued.service")
    settle(asleep)
    asleep.machine.run("systemctl", "mask", "--runtime", "--now", "lamp.service")
    until(lambda: is_right(asleep), SOON)


def test_what_others_do_wakes_nobody(asleep: Host) -> None:
    """Units that are not kept, one that is restarted, and what a unit is not kept for: a timer that elapses each second."""
    run = asleep.machine.run
    run("systemctl", "stop", "lamp.service")  # so that all is known of it
    until(lambda: is_right(asleep), SOON)
    settle(asleep)
    before = looks(asleep)
    for _ in range(2):  # systemd starts nothing more than five times in ten seconds
        run("systemd-run", "--wait", "--quiet", "true")
        run("systemctl", "restart", "lamp.service")
    time.sleep(2)

    assert before == looks(asleep)


def restart_systemd(host: Host) -> None:
    host.machine.run("systemctl", "daemon-reexec")


def restart_bus(host: Host) -> None:
    host.machine.run("systemctl", "restart", "dbus.service")


def take_bus_away(host: Host) -> None:
    """Then systemd itself is listened to."""
    host.machine.run("systemctl", "stop", "dbus.socket", "dbus.service")


@pytest.mark.parametrize("trouble", [restart_systemd, restart_bus, take_bus_away])
def test_it_hears_again_after_trouble(asleep: Host, trouble: Callable[[Host], None]) -> None:
    """It looks once in between, since something may have been missed; then it hears as before."""
    for _ in range(2):
        trouble(asleep)
        settle(asleep)
        asleep.machine.run("systemctl", "kill", "--signal=SIGKILL", "lamp.service")
        until(lambda: is_right(asleep), SOON)
        settle(asleep)
        assert repair_of(asleep, "lamp.service") < 1000 * SOON


HEARD: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a package that is removed": (("dpkg", "-r", "hello-tool"), ("test", "-x", "/usr/bin/hello-tool")),
    "a line of /etc/passwd": (("sed", "-i", "/^kiosk:/d", "/etc/passwd"), ("id", "kiosk")),
    "a user that is removed": (("userdel", "kiosk"), ("id", "kiosk")),
    "a group that is removed": (("groupdel", "lamps"), ("getent", "group", "lamps")),
    "a file": (("rm", "/etc/motd"), ("test", "-s", "/etc/motd")),
}


def test_packages_users_and_groups_come_back_at_once(managed: Host, packages: Repository) -> None:
    repository = {
        "uris": [packages.url],
        "suites": [SUITE],
        "components": [COMPONENT],
        "signed_by": packages.key,
    }
    declared = {
        "repositories": {"hello": repository},
        "packages": {"hello-tool": "present"},
        "users": {"kiosk": {"system": True, "shell": "/usr/sbin/nologin"}},
        "groups": {"lamps": {"gid": 4242}},
        "files": {"/etc/motd": {"content": "welcome\n"}},
    }

    def is_there(test: tuple[str, ...]) -> bool:
        return not managed.machine.run(*test, check=False).code

    asleep_with(managed, declared, lambda: all(is_there(test) for _, test in HEARD.values()))
    for harm, test in HEARD.values():
        managed.machine.run(*harm)
        since = time.monotonic()
        until(lambda test=test: is_there(test), SOON)
        print(f"\n{' '.join(harm)}: {time.monotonic() - since:.2f} s")
        settle(managed)
