"""
What kind of machine this is: the facts that layers, variables and templates may name. Only reads.

From /proc, /sys and /etc, without a process and without a library (docs/decisions/0001-dependencies.md).
A fact that cannot be had is absent or empty; gathering never fails.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import socket
import struct
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.late import pattern


def gather(root: Path = Path("/")) -> Mapping[str, object]:
    """
    Return the facts of this machine, files read below `root`: nested text and numbers.

    `host`; `os` with id, version, name and codename; `arch`, `kernel`; `cpus`; `memory` in MiB; `addresses`,
    sorted, without loopback and link-local; `virtualization` in the words of systemd-detect-virt(1);
    `machine_id`.
    """
    system = os.uname()
    known: dict[str, object] = {
        "host": system.nodename,
        "os": _operating_system(root),
        "arch": system.machine,
        "kernel": system.release,
        "cpus": os.cpu_count(),
        "memory": _memory(root),
        "addresses": _addresses(root),
        "virtualization": virtualization(root),
        "machine_id": _read(root / "etc/machine-id").strip(),
    }
    return {name: fact for name, fact in known.items() if fact not in (None, "")}


def _read(path: Path, limit: int = 1 << 16) -> str:
    try:
        with path.open("rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def _operating_system(root: Path) -> Mapping[str, str]:
    """Return what os-release(5) says; the file in /etc goes before the vendor's."""
    text = _read(root / "etc/os-release") or _read(root / "usr/lib/os-release")
    said = {found[1]: re.sub(r"\\(.)", r"\1", found[3]) for found in _ASSIGNMENT.finditer(text)}
    return {fact: said[key] for fact, key in _OS_RELEASE.items() if said.get(key)}


_ASSIGNMENT: Final = pattern(r"^([A-Z0-9_]+)=([\"']?)(.*)\2[ \t]*$", re.MULTILINE)
_OS_RELEASE: Final = {
    "id": "ID",
    "version": "VERSION_ID",
    "name": "PRETTY_NAME",
    "codename": "VERSION_CODENAME",
}


def _memory(root: Path) -> int | None:
    found = re.search(r"^MemTotal:\s+([0-9]+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) // 1024 if found else None


def _addresses(root: Path) -> tuple[str, ...]:
    every = {ipaddress.ip_address(address) for address in (*_ipv4(), *_ipv6(root))}
    usable = (one for one in every if not (one.is_loopback or one.is_link_local or one.is_unspecified))
    return tuple(str(one) for one in sorted(usable, key=lambda one: (one.version, int(one))))


def _ipv4() -> Iterator[bytes]:
    """Yield the addresses of the interfaces that are up (netdevice(7), SIOCGIFCONF)."""
    size = 24 + 2 * struct.calcsize(
        "l"
    )  # of struct ifreq: a name of 16 bytes, and a union as large as ifmap
    room = array("B", bytes(size * 512))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            answer = fcntl.ioctl(door, 0x8912, struct.pack("iP", len(room), room.buffer_info()[0]))
    except OSError:
        return
    for start in range(0, struct.unpack_from("i", answer)[0], size):
        yield bytes(room[start + 20 : start + 24])


def _ipv6(root: Path) -> Iterator[bytes]:
    for line in _read(root / "proc/net/if_inet6").splitlines():
        yield bytes.fromhex(line.split()[0])


def virtualization(root: Path = Path("/")) -> str:
    """Return what systemd-detect-virt(1) would say: a container goes before the machine it is on."""
    return _container(root) or _machine(root) or "none"


def _container(root: Path) -> str:
    if manager := _read(root / "run/systemd/container").strip():
        return manager
    if found := re.search(r"(?:^|\0)container=([a-z0-9-]+)", _read(root / "proc/1/environ")):
        return found[1]
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    release = _read(root / "proc/sys/kernel/osrelease")
    if "Microsoft" in release or "WSL" in release:
        return "wsl"
    return "openvz" if (root / "proc/vz").exists() and not (root / "proc/bc").exists() else ""


def _machine(root: Path) -> str:
    if "kvm-clock" in _read(root / "sys/devices/system/clocksource/clocksource0/available_clocksource"):
        return _firmware(root, {"Amazon EC2": "amazon", "Google Compute Engine": "google"}) or "kvm"
    if named := _firmware(root, _VENDORS):
        return named
    if "xen" in _read(root / "sys/hypervisor/type"):
        return "" if "control_d" in _read(root / "proc/xen/capabilities") else "xen"
    tree = _read(root / "proc/device-tree/hypervisor/compatible")
    if tree:
        return "kvm" if "linux,kvm" in tree else "xen" if "xen" in tree else "vm-other"
    flags = re.search(r"^flags\s*:.*\bhypervisor\b", _read(root / "proc/cpuinfo"), re.MULTILINE)
    return "vm-other" if flags else ""


def _firmware(root: Path, vendors: Mapping[str, str]) -> str:
    """Return the word for the first vendor that the firmware's tables begin with (systemd, src/basic/virt.c)."""
    names = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")
    said = [_read(root / "sys/class/dmi/id" / name) for name in names]
    fitting = (word for text in said for vendor, word in vendors.items() if text.startswith(vendor))
    return next(fitting, "")


_VENDORS: Final = {
    "KVM": "kvm",
    "OpenStack": "kvm",
    "KubeVirt": "kvm",
    "Amazon EC2": "amazon",
    "QEMU": "qemu",
    "VMware": "vmware",
    "VMW": "vmware",
    "innotek GmbH": "oracle",
    "VirtualBox": "oracle",
    "Oracle Corporation": "oracle",
    "Xen": "xen",
    "Bochs": "bochs",
    "Parallels": "parallels",
    "BHYVE": "bhyve",
    "Hyper-V": "microsoft",
    "Virtual Machine": "microsoft",
    "Apple Virtualization": "apple",
    "Google Compute Engine": "google",
}
