"""What kind of machine this is, read below a root of our own."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest

from agent.host.facts import gather, virtualization


def put(root: Path, **files: str) -> Path:
    """Make files below a root: `__` in a name is a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_facts_of_the_system_are_read(tmp_path: Path) -> None:
    root = put(
        tmp_path,
        proc__meminfo="MemTotal:        2048000 kB\nMemFree: 1 kB\n",
        proc__net__if_inet6="20010db8000000000000000000000001 02 40 00 80 eth0\n"
        "fe800000000000000000000000000001 02 40 20 80 eth0\n"
        "00000000000000000000000000000001 01 80 10 80 lo\n",
    )
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(
        'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="A \\"B\\" C"\nVERSION_CODENAME=bookworm\n# x\n'
    )
    (root / "etc/machine-id").write_text("abc\n")
    facts = gather(root)

    assert {"id": "debian", "version": "12", "name": 'A "B" C', "codename": "bookworm"} == facts["os"]
    assert (2000, "abc") == (facts["memory"], facts["machine_id"])
    addresses = facts["addresses"]
    assert isinstance(addresses, tuple)
    assert "2001:db8::1" in addresses
    assert not [one for one in addresses if one.startswith(("fe80", "127.")) or one == "::1"]


def test_the_vendor_s_os_release_stands_in(tmp_path: Path) -> None:
    root = tmp_path
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/lib/os-release").write_text("ID='alpine'\n")

    assert {"id": "alpine"} == gather(root)["os"]


def test_what_cannot_be_had_is_absent(tmp_path: Path) -> None:
    facts = gather(tmp_path)

    assert facts.keys().isdisjoint({"memory", "machine_id"})
    assert ({}, "none") == (facts["os"], facts["virtualization"])
    assert (os.uname().nodename, os.uname().machine) == (facts["host"], facts["arch"])


def test_broken_files_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_bytes(b"\xff\xfe=\nID=\n")
    (tmp_path / "etc/machine-id").mkdir()

    assert {} == gather(tmp_path)["os"]


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({}, "none"),
        ({"run__systemd__container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"proc__1__environ": "PATH=/bin\0container=lxc\0"}, "lxc"),
        ({"run___dot_containerenv": ""}, "podman"),
        ({"_dot_dockerenv": ""}, "docker"),
        ({"proc__sys__kernel__osrelease": "5.15.0-microsoft-standard-WSL2\n"}, "wsl"),
        (
            {"sys__devices__system__clocksource__clocksource0__available_clocksource": "kvm-clock tsc\n"},
            "kvm",
        ),
        ({"sys__class__dmi__id__sys_vendor": "VMware, Inc.\n"}, "vmware"),
        ({"sys__class__dmi__id__product_name": "VirtualBox\n"}, "oracle"),
        ({"sys__class__dmi__id__sys_vendor": "Dell Inc.\n"}, "none"),
        ({"sys__hypervisor__type": "xen\n"}, "xen"),
        ({"sys__hypervisor__type": "xen\n", "proc__xen__capabilities": "control_d\n"}, "none"),
        ({"proc__device-tree__hypervisor__compatible": "linux,kvm\0"}, "kvm"),
        ({"proc__cpuinfo": "flags\t\t: fpu hypervisor lahf\n"}, "vm-other"),
        ({"_dot_dockerenv": "", "sys__class__dmi__id__sys_vendor": "QEMU\n"}, "docker"),
    ],
)
def test_virtualization_is_said_as_systemd_says_it(tmp_path: Path, files: dict[str, str], word: str) -> None:
    assert word == virtualization(put(tmp_path, **files))


def test_the_addresses_of_this_machine_are_found() -> None:
    """Where a route leads out, its own address is among the facts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        try:
            door.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("no route leads out")
        own = door.getsockname()[0]
    addresses = gather()["addresses"]

    assert isinstance(addresses, tuple)
    assert own in addresses or ipaddress.ip_address(own).is_loopback
