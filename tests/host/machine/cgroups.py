"""
A cgroup in every hierarchy of the outer machine for one machine, cgroups(7).

Two machines in one cgroup would both take it for their own root. With the controllers of v1 each machine has one in
each of them, so that limits and accounting are real; where all is v2 there is only the one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroups:
    folders: tuple[Path, ...]
    unified: bool  # the outer machine has v2 alone

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the cgroups of this name; nothing is made yet."""
        found = dict(_hierarchies())
        return cls(folders=tuple(root / name for root in found), unified=set(found.values()) == {"cgroup2"})

    @property
    def entrances(self) -> tuple[Path, ...]:
        """The files that a process writes 0 to in order to enter."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def make(self) -> None:
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
            for path in (folder.parent.parent, folder.parent, folder):
                _take_cpus(path)
                if self.unified:
                    _hand_down(path.parent)

    def processes(self) -> set[int]:
        """Return who is in any of them, or below."""
        found = set[int]()
        for folder in self.folders:
            for path, _, _ in os.walk(folder):  # unlike rglob, it bears that folders vanish meanwhile
                with contextlib.suppress(OSError):
                    found |= {int(line) for line in Path(path, "cgroup.procs").read_text().split()}
        return found - {0}

    def kill(self) -> None:
        """Kill everybody in them; return when they are gone."""
        deadline = time.monotonic() + 15
        while left := self.processes():
            assert time.monotonic() < deadline, f"processes {left} of {self.folders[0]} do not die"
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def remove(self) -> None:
        self.kill()
        for folder in self.folders:
            for path, _, _ in os.walk(folder, topdown=False):
                _remove(path)


def _hierarchies() -> Iterator[tuple[Path, str]]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"} and os.access(Path(where, "cgroup.procs"), os.W_OK):
            yield Path(where), kind


def _take_cpus(folder: Path) -> None:
    """Give a new cpuset of v1 what its parent has: empty, it takes no process (cpuset(7))."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        path = folder / name
        if path.exists() and not path.read_text().strip():
            path.write_text((folder.parent / name).read_text())


def _hand_down(folder: Path) -> None:
    """Let the groups below have controllers, cgroups(7): v2 hands them from level to level."""
    (folder / "cgroup.subtree_control").write_text("+cpu +memory +pids")


def _remove(path: str) -> None:
    for _ in range(100):  # the last process may not be reaped yet
        try:
            return os.rmdir(path)
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(0.01)
    return None
