"""Whether this machine waits for a reboot, why, and how long ago the last one was. Only reads."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

Version: TypeAlias = tuple[int, ...]

MOST: Final = 64 * 1024  # bytes of a list of packages that are read


def reasons(root: Path = Path("/"), running: str = "") -> tuple[str, ...]:
    """
    Return why a reboot is asked for, nothing where none is. `running` is the kernel's release, by default uname(2)'s.

    Debian's packages say so in /run/reboot-required and .pkgs beside it (update-notifier's convention, which
    unattended-upgrades and needrestart keep); without either of these installed, a newer kernel of the same flavour
    in /boot tells.
    """
    return (*_asked(root), *_kernel(root, running or os.uname().release))


def uptime() -> timedelta:
    """
    Return how long the machine is up, with the time that it was suspended; nothing where that cannot be told.

    That is the age of process 1: in a container the kernel's own uptime is the outer machine's, and months long.
    """
    try:
        # Field 22 of proc_pid_stat(5), in ticks since the kernel's boot; field 2 may hold anything, in brackets.
        ticks = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return timedelta()
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


def _asked(root: Path) -> Iterable[str]:
    flag = root / "run/reboot-required"
    if not flag.exists():
        return ()
    packages = sorted(set(_lines(flag.with_name("reboot-required.pkgs"))))
    return (f"asked for by {', '.join(packages)}",) if packages else ("asked for by /run/reboot-required",)


def _lines(path: Path) -> Iterable[str]:
    try:
        with path.open("rb") as file:
            text = file.read(MOST).decode("utf-8", "replace")
    except OSError:
        return ()
    return (
        "".join(char for char in line if char.isprintable()) for line in text.split("\n") if line.strip()
    )


def _kernel(root: Path, running: str) -> Iterable[str]:
    here = _parts(running)
    try:
        names = os.listdir(root / "boot")
    except OSError:
        return ()
    installed = (name.removeprefix("vmlinuz-") for name in names if name.startswith("vmlinuz-"))
    newer = [name for name in installed if _newer(_parts(name), here)]
    if not newer:
        return ()
    return (f"kernel {max(newer, key=_parts)} is installed, {running} runs",)


def _newer(one: tuple[Version, str], running: tuple[Version, str]) -> bool:
    return one[1] == running[1] and one[0] > running[0]


def _parts(release: str) -> tuple[Version, str]:
    """Return the numbers of a release, and its flavour: 6.1.0-18-cloud-amd64 is ((6, 1, 0, 18), "cloud-amd64")."""
    found = re.match(r"[0-9]+(?:[.+~-][0-9]+)*", release)
    numbers = found[0] if found else ""
    return tuple(map(int, re.findall("[0-9]+", numbers))), release[len(numbers) :].lstrip("-+.~")
