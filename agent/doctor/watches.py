"""Checks how much of the kernel's watches over files is left for trued. Reads /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.doctor import Found, ok, warning

FEW: Final = (
    1024  # watches that are left: one is taken for each folder with managed files, and for those above
)
_INOTIFY: Final = "anon_inode:inotify"


def watches(proc: Path = Path("/proc")) -> Found:
    """Return how many watches this user may still have, by the limits of inotify(7) and what its processes hold."""
    limits = proc / "sys/fs/inotify"
    try:
        most = int((limits / "max_user_watches").read_text())
        instances = int((limits / "max_user_instances").read_text())
    except FileNotFoundError:
        return warning(
            "this kernel has no inotify: what drifts is found at the interval only",
            "use a kernel that has it",
        )
    held = list(_held(proc, os.geteuid()))
    text = f"{sum(held)} of {most} folders and files, {len(held)} of {instances} instances in use"
    short = [
        f"fs.inotify.{name}={2 * limit}"
        for name, limit, left in (
            ("max_user_watches", most, most - sum(held) - FEW),
            ("max_user_instances", instances, instances - len(held) - 1),
        )
        if left < 0
    ]
    if short:
        mend = f"without a watch, what drifts is found at the interval only; raise it: sysctl -w {' '.join(short)}"
        return warning(text, mend)
    return ok(text)


def _held(proc: Path, user: int) -> Iterator[int]:
    """Yield how many watches each instance of this user's processes has (proc(5), /proc/pid/fdinfo)."""
    for process in proc.glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is not for this user
            if process.stat().st_uid != user:
                continue
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor) == _INOTIFY:
                    said = (process / "fdinfo" / descriptor.name).read_text()
                    yield sum(line.startswith("inotify ") for line in said.splitlines())
