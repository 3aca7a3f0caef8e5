"""Checks of the machine itself: who runs this, the clock, disks, tools, packages. Reads, and runs commands that look."""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from agent.doctor import AS_ROOT, Found, Grade, failed, ok, skipped, warning
from agent.doctor.holders import holder
from agent.host import commands
from agent.model import few

MIB = 1 << 20
FULL, SCARCE = 16 * MIB, 256 * MIB  # bytes that are free
NO_NODES, FEW_NODES = 100, 2000  # files that may still be made
SKEW, LARGE_SKEW = 60.0, 300.0  # seconds: to look at; what breaks signatures and certificates
OLDEST_PYTHON = (3, 11)
SYNCHRONIZED = (
    16_000_000  # microseconds; above, the kernel calls its clock free-running (adjtimex(2), STA_UNSYNC)
)
ASKING = 10.0  # seconds for a tool to say its version

DPKG_LOCK = Path("/var/lib/dpkg/lock-frontend")
# dpkg-query(1), db:Status-Abbrev: the second letter of what is not whole.
BROKEN = MappingProxyType({
    "U": "unpacked", "F": "half-configured", "H": "half-installed", "W": "awaits triggers", "t": "triggers pending",
})  # fmt: skip


def user(*, root: Path) -> Found:
    """Return who runs this, held against what trued needs."""
    number = os.geteuid()
    if number == 0:
        return ok("root")
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    if root != Path("/"):
        return ok(f"{name}; root is {root}")
    return warning(
        f"{name}: what only root may see is not checked, and only root can keep a host true", AS_ROOT
    )


class _Timex(ctypes.Structure):
    """The head of struct timex, and room for the rest of it (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


def synchronized() -> bool | None:
    """Return whether something keeps the kernel's clock right; None where it does not say."""
    # Only reads (modes is 0). The bound on the error, and not STA_UNSYNC, as systemd-timedated judges it: that flag
    # is also set to keep the kernel from writing the hardware clock.
    timex = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else timex.maxerror < SYNCHRONIZED


def clock(skew: float | None, server: str, *, kept: bool | None) -> Found:
    """
    Judge the clock. Pure.

    `skew`: seconds that this host is ahead of `server`, None if no server says; `kept`: see `synchronized`.
    """
    mend = "timedatectl set-ntp true; then: timedatectl timesync-status"
    if skew is not None and abs(skew) > SKEW:
        ahead = "ahead of" if skew > 0 else "behind"
        text = f"{abs(skew):.0f} s {ahead} {server}"
        return failed(text, mend) if abs(skew) > LARGE_SKEW else warning(text, mend)
    near = f"as {server} has it" if skew is not None else "held against no server"
    if kept is False:
        return warning(f"{near}, but nothing keeps it right (NTP)", mend)
    return ok(f"{near}, kept by NTP" if kept else near)


def disk(places: Mapping[str, Path]) -> Found:
    """Return how much room there is where trued writes. `places`: what each is for, and where it is or will be."""
    worst, said = Grade.OK, []
    seen: set[int] = set()
    for what, path in places.items():
        there = next(each for each in (path, *path.parents) if each.exists())
        if (device := there.stat().st_dev) in seen:
            continue
        seen.add(device)
        grade, text = _room(os.statvfs(there))
        worst = max(worst, grade, key=_GRAVITY.index)
        said.append(f"{what} {path}: {text}")
    if worst is Grade.OK:
        return ok("; ".join(said))
    return Found(
        worst, "; ".join(said), "df -h; df -i; see what fills it, or why it is read-only: dmesg | tail"
    )


_GRAVITY: Sequence[Grade] = (Grade.OK, Grade.WARNING, Grade.FAILED)


def _room(found: os.statvfs_result) -> tuple[Grade, str]:
    free, nodes = found.f_bavail * found.f_frsize, found.f_favail
    if found.f_flag & os.ST_RDONLY:
        return Grade.FAILED, "read-only"
    if free < FULL:
        return Grade.FAILED, f"full ({free // MIB} MiB free)"
    if found.f_files and nodes < NO_NODES:  # file systems that make inodes as they need them say 0 of 0
        return Grade.FAILED, f"no room for more files ({nodes} inodes free)"
    if free < SCARCE:
        return Grade.WARNING, f"{free // MIB} MiB free"
    if found.f_files and nodes < FEW_NODES:
        return Grade.WARNING, f"{nodes} inodes free"
    return Grade.OK, f"{free // MIB} MiB free"


# What each is for, and how it says its version.
TOOLS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType({
    "systemctl": ("units cannot be kept", ("--version",)),
    "dpkg": ("packages cannot be kept", ("--version",)),
    "apt-get": ("packages cannot be installed", ("--version",)),
    "useradd": ("users cannot be made", ()),
    "ssh": ("a repository cannot be reached over SSH", ("-V",)),
    "ssh-keygen": ("signatures cannot be checked", ()),
})  # fmt: skip
PACKAGES = MappingProxyType({
    "systemctl": "systemd", "apt-get": "apt", "useradd": "passwd", "ssh": "openssh-client", "ssh-keygen": "openssh-client",
})  # fmt: skip


def tools(needed: Collection[str]) -> Found:
    """Return the versions of what trued runs. Without the `needed` it cannot work at all; the rest only some kinds use."""
    if sys.version_info < OLDEST_PYTHON:
        return failed(f"python {sys.version.split()[0]}", "trued runs on Python 3.11 and newer")
    missing = [name for name in TOOLS if not which(name)]
    said = [f"python {'.'.join(map(str, sys.version_info[:3]))}"]
    said += [_version(name) for name in TOOLS if name not in missing]
    if not missing:
        return ok(", ".join(said))
    text = "; ".join(f"no {name}: {TOOLS[name][0]}" for name in missing)
    packages = " ".join(dict.fromkeys(PACKAGES.get(name, name) for name in missing))
    mend = f"install what this host needs of: {packages}"
    return failed(text, mend) if set(missing) & set(needed) else warning(text, mend)


def which(name: str) -> str:
    """Return where a command is, on the path that commands are given; "" if nowhere."""
    places = (f"{folder}/{name}" for folder in commands.ENVIRONMENT["PATH"].split(":"))
    return next((place for place in places if os.access(place, os.X_OK)), "")


def _version(name: str) -> str:
    words = TOOLS[name][1]
    if not words:
        return name
    answer = commands.ask((name, *words), ok=range(256), timeout=ASKING)
    found = re.search(r"\d[\w.]*", answer.out or answer.err)
    return f"{name} {found[0].rstrip('.')}" if found else name


def packages() -> Found:
    """Return whether dpkg is in order, and whether somebody works with it now."""
    if not which("dpkg-query"):
        return skipped("no dpkg on this host")
    # First of all: in the hands of another, packages are halfway by right.
    if (pid := holder(DPKG_LOCK)) is not None:
        return warning(
            f"another process works with dpkg now (pid {pid})", f"wait for it; what it is: ps -fp {pid}"
        )
    said = commands.ask(
        ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\n"), ok=(0,), timeout=ASKING
    ).out
    broken = unfinished(said)
    if broken:
        return failed(
            f"not whole: {few(broken)}",
            "dpkg --configure -a; then: apt-get --fix-broken install",
        )
    return ok(f"{len(said.splitlines())} known to dpkg, all whole")


def unfinished(listing: str) -> list[str]:
    """Return the packages that are not whole, with what they are, of `dpkg-query -W -f '${db:Status-Abbrev}\\t${Package}\\n'`."""
    return [
        f"{name} ({BROKEN.get(state[1:2], 'to be installed again')})"
        for state, _, name in (line.partition("\t") for line in listing.splitlines())
        if state[1:2] in BROKEN or state[2:3] == "R"
    ]
