"""`trued enroll` and `trued doctor` on a machine of its own, with systemd as its first process and a real dpkg."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.forge import Forge
from tests.host.machine.host import CONFIG, Host
from tests.host.machine.python import COMMAND
from tests.waiting import until

UNIT = Path(__file__).parents[2] / "units/trued.service"
SERVICE = "/etc/systemd/system/trued.service"


@pytest.fixture(name="host")
def _host(managed: Host) -> Host:
    managed.declare({"files": {"/etc/motd": {"content": "Welcome\n"}}})
    return managed


def examined(host: Host, code: int) -> Mapping[str, Any]:
    """Return the findings by name, and hold the exit code against what it should be."""
    return {each["name"]: each for each in host.json("doctor", code=code)["checks"]}


def install(host: Host) -> None:
    """Put the real unit in place, with where trued is on this machine."""
    unit = re.sub(r"^ExecStart=.*$", f"ExecStart={COMMAND} run", UNIT.read_text(), flags=re.MULTILINE)
    host.machine.put(SERVICE, unit, mode=0o644)
    host.machine.run("systemctl", "daemon-reload")


def test_the_service_as_systemd_has_it(host: Host) -> None:
    """From not installed, by way of running, to masked: each with its own way out."""
    gone = examined(host, 0)["service"]
    install(host)
    stopped = examined(host, 3)["service"]
    host.machine.run("systemctl", "start", "trued.service")
    by_hand = examined(host, 0)["service"]
    host.machine.run("systemctl", "enable", "trued.service")
    sound = examined(host, 0)
    host.machine.run("systemctl", "stop", "trued.service")
    host.machine.run("rm", SERVICE)
    host.machine.run("systemctl", "mask", "trued.service")
    masked = examined(host, 3)["service"]

    assert ("warning", "there is no trued.service") == (gone["result"], gone["found"])
    assert ("failed", "trued.service is inactive (dead)") == (stopped["result"], stopped["found"])
    assert ("warning", "trued.service is active (running), and not started at boot") == (
        by_hand["result"],
        by_hand["found"],
    )
    assert ("ok", "active (running), enabled, watchdog 10min") == (
        sound["service"]["result"],
        sound["service"]["found"],
    )
    assert ("ok", "one daemon (pid ") == (sound["daemon"]["result"], sound["daemon"]["found"][:16])
    assert ("failed", "trued.service is masked") == (masked["result"], masked["found"])


def test_a_second_daemon_beside_the_service_is_told(host: Host) -> None:
    host.machine.run("systemd-run", "--unit=by-hand", COMMAND, "run")
    until(lambda: host.machine.run("test", "-s", "/var/lib/trued/daemon.lock", check=False).code == 0)

    found = examined(host, 0)["daemon"]

    assert "a daemon runs that is not trued.service" in found["found"]


def test_a_package_that_is_half_configured_is_named(host: Host, packages: Repository) -> None:
    """With the commands that mend it."""
    packages.add_to(host.machine)
    host.machine.run("apt-get", "-qy", "install", "hello-broken=2.0", check=False, timeout=60)

    found = examined(host, 3)["packages"]

    assert ("failed", "not whole: hello-broken (half-configured)") == (found["result"], found["found"])
    assert ["dpkg --configure -a; then: apt-get --fix-broken install"] == found["mend"]


def test_a_disk_that_is_full_takes_no_other_check_with_it(manage: Any) -> None:
    """Not a byte can be written, and all is said."""
    host = manage(disk="512M")
    host.declare({"files": {"/etc/motd": {"content": "Welcome\n"}}})
    host.machine.run("dd", "if=/dev/zero", "of=/srv/big", "bs=1M", check=False)

    found = examined(host, 3)

    assert "failed" == found["disk"]["result"]
    assert "full (" in found["disk"]["found"]
    assert "ok" == found["rights"]["result"]
    assert "ok" == found["tools"]["result"]


@pytest.mark.servers
def test_a_fresh_machine_is_enrolled_by_ssh(host: Host, forge: Forge) -> None:
    """A key is made there, added on the server, and the first report arrives."""
    bare = forge.server.create(guard=True)
    host.remote = bare.path
    host.declare({"files": {"/etc/motd": {"content": "Enrolled\n"}}})
    host.machine.run("rm", "-r", "/etc/trued")
    keys = forge.server.ssh.config.with_name("authorized_keys")
    before = keys.read_text()

    said = host.trued("enroll", forge.ssh_url(bare), "--host", "edge-01", "--yes", code=0)
    public = host.machine.read("/etc/trued/id_ed25519.pub").strip()
    shell = forge.server.ssh.config.with_name("shell")
    try:
        keys.write_text(f'{before}restrict,command="{shell} agent rw" {public}\n')
        checks = examined(host, 0)
        host.apply()
    finally:
        keys.write_text(before)

    assert public in said.splitlines()
    assert "root root 600" == host.machine.run("stat", "-c", "%U %G %a", CONFIG).stdout.strip()
    assert {"ok"} == {checks[name]["result"] for name in ("name", "host key", "source", "host", "status")}
    assert "Enrolled\n" == host.machine.read("/etc/motd")
    assert "status/edge-01" in bare.git("branch")
