"""The machines of the tests are what they say: what the other tests stand on."""

from __future__ import annotations

import pytest

from tests.host.machine.fixtures import Boot
from tests.host.machine.forge import Forge
from tests.host.machine.host import Host
from tests.host.machine.machine import End, Machine
from tests.servers.faults import Fault


def test_it_boots_with_systemd_as_its_first_process(machine: Machine) -> None:
    """And nothing has failed."""
    assert "systemd\n" == machine.run("cat", "/proc/1/comm").stdout
    assert "running\n" == machine.run("systemctl", "is-system-running").stdout


def test_a_reboot_keeps_what_is_on_disk(machine: Machine) -> None:
    before = machine.run("cat", "/proc/sys/kernel/random/boot_id").stdout
    machine.run("touch", "/srv/kept", "/run/gone")
    machine.reboot()

    assert before != machine.run("cat", "/proc/sys/kernel/random/boot_id").stdout
    assert "/srv/kept\n" == machine.run("find", "/srv/kept", "/run/gone", check=False).stdout


def test_a_crash_keeps_what_was_written(machine: Machine) -> None:
    """The kernel goes on: only processes are lost."""
    machine.run("sh", "-c", "echo x >/srv/file")
    machine.crash()
    machine.start()

    assert "x\n" == machine.run("cat", "/srv/file").stdout


@pytest.mark.parametrize("file_system", ["xfs", "ext4"])
def test_a_power_cut_loses_what_was_not_synced(boot: Boot, file_system: str) -> None:
    """And keeps what was."""
    machine = boot(disk="512M", file_system=file_system)
    machine.run("sh", "-c", "echo kept >/srv/kept; sync; echo lost >/srv/lost")
    machine.power_cut()
    machine.start()

    assert "kept\n" == machine.run("cat", "/srv/kept").stdout
    assert "" == machine.run("cat", "/srv/lost", check=False).stdout


def test_a_full_disk_is_full(boot: Boot) -> None:
    """It ends where it was told to, and not at the end of the outer machine's."""
    machine = boot(disk="320M")

    assert "No space left" in machine.run("dd", "if=/dev/zero", "of=/srv/big", "bs=1M", check=False).stderr


def test_how_it_stopped_is_known(machine: Machine) -> None:
    """A test can tell what trued asked for."""
    machine.run("systemctl", "poweroff")

    assert End.POWER_OFF is machine.wait()


def test_limits_and_accounting_are_real(machine: Machine) -> None:
    """A unit gets no more memory than it may have, and what it used is known."""
    machine.run("systemd-run", "--unit=idle", "sleep", "infinity")
    greedy = ("python3", "-c", "len(bytearray(100 << 20))")
    limit = ("systemd-run", "--wait", "--quiet", "--unit=greedy", "--property=MemoryMax=20M", *greedy)
    used = machine.show("idle.service", "MemoryCurrent", "CPUUsageNSec")

    assert 10_000 < int(used["MemoryCurrent"]) < 10_000_000
    assert 100_000 < int(used["CPUUsageNSec"]) < 1_000_000_000
    assert 0 != machine.run(*limit, check=False).code
    assert "Main process exited, code=killed, status=9/KILL" in str(machine.journal("--unit=greedy"))


def test_two_machines_reach_each_other_until_a_cable_is_pulled(boot: Boot) -> None:
    one, two = boot("edge-01"), boot("edge-02")

    def greeting() -> str:
        talk = f"import socket; print(socket.create_connection(({two.plug.address!r}, 22), 1).recv(8))"
        return one.run("python3", "-c", talk, check=False).said

    assert "SSH-2.0" in greeting()
    two.plug.cut()
    assert "TimeoutError" in greeting()
    two.plug.restore()
    assert "SSH-2.0" in greeting()


def test_trued_applies_a_file_as_root(managed: Host) -> None:
    """The checkout's own trued, on the machine's own root, from its repository; and it tells."""
    managed.declare({"files": {"/etc/motd": {"content": "Welcome\n", "mode": "0644"}}})
    managed.apply()

    assert "Welcome\n" == managed.machine.read("/etc/motd")
    assert "nothing to do" in managed.trued("plan", code=0)
    assert managed.reports()


@pytest.mark.parametrize("way", ["https", "ssh"])
def test_trued_gets_in_over_the_network(managed: Host, forge: Forge, way: str) -> None:
    """With a token or a deploy key, from a real server, which sees its report."""
    bare = forge.lend_https(managed) if way == "https" else forge.lend_ssh(managed)
    managed.declare({"files": {"/etc/motd": {"content": "Welcome\n"}}})
    managed.apply()

    assert "Welcome\n" == managed.machine.read("/etc/motd")
    assert "status/edge-01" in bare.git("branch")


def test_a_fault_on_the_way_is_felt(managed: Host, forge: Forge) -> None:
    forge.lend_https(managed)
    managed.declare({"files": {"/etc/motd": {"content": "Welcome\n"}}})
    forge.https_faults.fault = Fault(refuse=True)

    assert "broke off the connection" in managed.trued("plan", code=6)
