"""The sandbox of trued.service binds what it runs, too: package scripts, useradd and their like have to live with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.host.machine.deb import Package
from tests.host.machine.machine import Done, Machine
from tests.host.machine.python import TOP

UNIT = TOP / "units/trued.service"
SANDBOX = (
    "CapabilityBoundingSet", "KeyringMode", "LimitCORE", "LockPersonality", "OOMPolicy", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "SystemCallErrorNumber", "SystemCallFilter",
)  # fmt: skip
# What package scripts of Debian do, one of each sort.
POSTINST = """\
#!/bin/sh
set -ex
useradd --system --home-dir /var/lib/labtool --create-home labtool
usermod --shell /bin/bash labtool
su labtool -s /bin/sh -c 'id -un' | grep -qx labtool
install -m 4755 /bin/true /usr/local/bin/labtool-setuid
mknod /var/lib/labtool/null c 1 3
mount -t tmpfs labtool /mnt
chroot / true
unshare --mount true
nice -n -5 true
ulimit -n 4096
ldconfig
systemctl daemon-reload
systemctl enable --now labtool.service
"""
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


def properties() -> Sequence[str]:
    """Return the sandbox as options of systemd-run(1)."""
    lines = re.findall(rf"^(?:{'|'.join(SANDBOX)})=.*$", UNIT.read_text(), re.MULTILINE)
    assert len(lines) == len(SANDBOX)
    return tuple(f"--property={line}" for line in lines)


def sandboxed(machine: Machine, *words: str, check: bool = True) -> Done:
    return machine.run(
        "systemd-run", "--quiet", "--wait", "--pipe", "--collect", *properties(), *words, check=check
    )


def test_package_scripts_do_in_it_what_they_do_anywhere(machine: Machine, tmp_path: Path) -> None:
    """Users, setuid files, devices, mounts that the host sees, services."""
    files = {"/lib/systemd/system/labtool.service": SERVICE}
    package = Package(name="labtool", files=files, scripts={"postinst": POSTINST}).build(tmp_path)
    machine.put(f"/srv/{package.name}", package.read_bytes())
    sandboxed(machine, "dpkg", "--install", f"/srv/{package.name}")

    assert "active" == machine.show("labtool.service", "ActiveState")["ActiveState"]
    assert 0o4755 == machine.path("/usr/local/bin/labtool-setuid").stat().st_mode & 0o7777
    assert "labtool" in machine.run("findmnt", "--noheadings", "--output", "SOURCE", "/mnt").stdout
    assert "/bin/bash" in machine.run("getent", "passwd", "labtool").stdout


def test_settings_of_the_host_can_be_changed_in_it(machine: Machine) -> None:
    """Its name and its time zone; /proc/sys is not the machine's own here, so sysctl cannot be tried."""
    sandboxed(machine, "hostname", "edge-99")
    sandboxed(machine, "timedatectl", "set-timezone", "Europe/Berlin")

    assert "edge-99\n" == machine.run("hostname").stdout
    assert "Europe/Berlin" in machine.run("timedatectl", "show", "--property=Timezone").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("unshare", "--user", "true"), "Operation not permitted"),
        (("unshare", "--cgroup", "true"), "Operation not permitted"),
        (("setarch", "--addr-no-randomize", "true"), "Operation not permitted"),
        (
            ("python3", "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
            "Address family not supported",
        ),
    ],
    ids=["user-namespace", "cgroup-namespace", "personality", "packet-socket"],
)
def test_what_is_taken_away_is_refused(machine: Machine, words: Sequence[str], said: str) -> None:
    """With an error that a script can cope with: nothing is killed. Outside of the sandbox it works."""
    machine.run("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *words)
    done = sandboxed(machine, *words, check=False)

    assert 0 < done.code < 128
    assert said in done.said
