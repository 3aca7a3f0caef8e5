"""Units on a real systemd: what is said when something cannot be, and what that leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.machine.host import CONFIG, Host
from tests.host.machine.python import PLACE
from tests.host.machine.units import INSTALL, RUNS, SLEEPS, STARTS, applied, starts, state, units


def test_a_unit_that_cannot_be_had_holds_up_no_other(managed: Host) -> None:
    """Each says in systemd's words what is wrong with it."""
    run = managed.machine.run
    run("systemctl", "mask", "ssh.socket")
    said = units(
        managed,
        {
            "good.service": RUNS,
            "nothere.service": {"enabled": True, "active": True},
            "fails.service": {
                "content": "[Service]\nType=forking\nExecStart=/bin/sh -c 'echo oh no; exit 3'\n",
                "active": True,
            },
            "dies.service": {
                "content": "[Service]\nExecStart=/bin/sh -c 'sleep 0.3; echo too bad; exit 4'\n",
                "active": True,
            },
            "notready.service": {
                "content": "[Service]\nType=notify\nTimeoutStartSec=2\nExecStart=/bin/sleep infinity\n",
                "active": True,
            },
            "flaps.service": {
                "content": "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=30\nExecStart=/bin/false\n",
                "active": True,
            },
            "unmet.service": {"content": f"[Unit]\nConditionPathExists=/nope\n{SLEEPS}", "active": True},
            "noprogram.service": {"content": "[Service]\nExecStart=/usr/bin/nothere\n", "active": True},
            "relative.service": {"content": "[Service]\nExecStart=a/b\n", "active": True},
            "ssh.socket": {"active": True},
            "sshd.service": {"enabled": True},
            "systemd-journald.service": {"enabled": True},
        },
        code=3,
    )

    assert said["good.service"].startswith("changed: ")
    assert "Unit file nothere.service does not exist." in said["nothere.service"]
    assert "exited with 1: Job for fails.service failed" in said["fails.service"]
    assert "oh no" in said["fails.service"]
    assert "Control process exited, code=exited, status=3" in said["fails.service"]
    assert "failed: done, and it is still not so: has failed (exit code 4): " in said["dies.service"]
    assert ": too bad" in said["dies.service"]
    assert "because a timeout was exceeded" in said["notready.service"]
    assert "notready.service: start operation timed out. Terminating." in said["notready.service"]
    assert "failed: does not stay up (exit code 1)" in said["flaps.service"]
    assert "unmet condition check (ConditionPathExists=/nope)" in said["unmet.service"]
    assert "has failed (exit code 203): " in said["noprogram.service"]
    assert "relative.service: left as it was: `systemd-analyze" in said["relative.service"]
    assert (
        "relative.service:2: Neither a valid executable name nor an absolute path: a/b"
        in said["relative.service"]
    )
    assert not managed.machine.exists("/etc/systemd/system/relative.service")
    assert said["ssh.socket"].startswith(
        "blocked: ssh.socket is masked, and not by Git; to lift that, declare masked: false"
    )
    assert (
        "blocked: sshd.service is another name of ssh.service; declare ssh.service" == said["sshd.service"]
    )
    assert (
        "blocked: systemd-journald.service has no [Install]: other units start it"
        in said["systemd-journald.service"]
    )


def test_a_unit_file_that_cannot_be_loaded_leaves_the_old_one_running(managed: Host) -> None:
    units(managed, {"kiosk.service": RUNS})
    before = managed.machine.show("kiosk.service", "MainPID")
    said = units(
        managed, {"kiosk.service": {**RUNS, "content": SLEEPS.replace("/bin/sleep", "./sleep")}}, code=3
    )

    assert "failed: /etc/systemd/system/kiosk.service: left as it was" in said["kiosk.service"]
    assert SLEEPS == managed.machine.read("/etc/systemd/system/kiosk.service")
    assert before == managed.machine.show("kiosk.service", "MainPID")
    assert said == applied(managed, 3)


def test_a_program_that_comes_later_is_no_fault_of_its_unit_file(managed: Host) -> None:
    text = f"[Unit]\nRequires=later.service\n[Service]\nExecStart=/usr/local/bin/later\n{INSTALL}"
    said = units(managed, {"early.service": {"content": text, "enabled": True}})

    assert "changed: unit file is missing, is not enabled" == said["early.service"]


def test_a_drop_in_that_keeps_its_unit_from_starting_is_said(managed: Host) -> None:
    units(managed, {"kiosk.service": RUNS})
    entry = {**RUNS, "drop_ins": {"x.conf": "[Service]\nExecStart=/bin/true\n"}}
    said = units(managed, {"kiosk.service": entry}, code=3)

    assert "kiosk.service has a bad unit file setting" in said["kiosk.service.d/x.conf"]
    units(managed, {"kiosk.service": RUNS})
    assert ("active", "enabled") == state(managed.machine, "kiosk.service")


def test_what_systemd_cannot_enable_is_said(managed: Host) -> None:
    """What is made from /etc/fstab, what another unit enables, what runs only until the next boot."""
    run = managed.machine.run
    run("sh", "-c", "echo 'tmpfs /srv tmpfs defaults 0 0' >>/etc/fstab; systemctl daemon-reload")
    run("systemd-run", "--unit=passing", "sleep", "infinity")
    main = f"{SLEEPS}Also=helper.service\n"
    units(managed, {"main.service": {"content": main}, "helper.service": {"content": SLEEPS}})
    said = units(
        managed,
        {
            "main.service": {
                "content": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nAlso=helper.service\n",
                "enabled": True,
            },
            "helper.service": {"content": SLEEPS, "enabled": True},
            "srv.mount": {"enabled": True},
            "passing.service": {"enabled": True},
        },
        code=3,
    )

    assert "is enabled by another unit" in said["main.service"]
    assert "srv.mount is made at each boot" in said["srv.mount"]
    assert "passing.service was made by a program that runs" in said["passing.service"]


def test_what_keeps_failing_says_the_same_again(managed: Host) -> None:
    """The same failure is no news: the status branch gets no second report of it."""
    text = "[Service]\nExecStart=/bin/sh -c 'echo oh no; exit 3'\n"
    units(managed, {"fails.service": {"content": text, "active": True}}, code=3)
    first = applied(managed, 3)

    assert first == applied(managed, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", ["Type=oneshot", "Type=notify\nNotifyAccess=all", "Type=exec\nExecStop=/bin/sleep 5"]
)
def test_what_takes_longer_than_trued_waits_comes_to_its_end(managed: Host, way: str) -> None:
    """A restart that is owed is not made once more while it is still on its way: it would never arrive."""
    machine = managed.machine
    machine.put("/srv/hurried.py", (Path(__file__).parent / "hurried.py").read_bytes())
    takes = f"echo %n >>{STARTS}; sleep 12; systemd-notify --ready || true"
    stays = "" if "oneshot" in way else "; exec sleep infinity"
    text = f"[Service]\n{way}\nExecStart=/bin/sh -c '{takes}{stays}'\n"
    entry = {"content": text, "active": True, "restart_on": ["file:/etc/long.conf"]}
    for greeting in ("hello", "bye"):
        managed.declare(
            {"units": {"long.service": entry}, "files": {"/etc/long.conf": {"content": greeting}}}
        )
        for _ in range(2):
            assert (
                0
                == machine.run(
                    f"{PLACE}/bin/python", "/srv/hurried.py", CONFIG, "3", "start", "restart"
                ).code
            )
    machine.run("systemctl", "start", "long.service")  # waits for what is on its way

    assert 2 == len(starts(machine))
    assert "nothing to do" in managed.trued("plan", code=0)
