"""
Hears of what is mounted over watched folders, of which inotify says nothing. Decides nothing, changes nothing.

docs/decisions/0017, "Mounts".
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from agent.host.mounts import MOUNTS, plain
from agent.host.places import Folder

SWARM: Final = 0.5  # seconds between two readings of all mounts: an engine mounts a dozen for each container


class MountEar:
    """
    Knows what is mounted over watched folders and over what is kept in them. Raises OSError, as the system calls do.

    poll(2) tells of its descriptor, by POLLPRI, that any mount of this mount namespace has changed; which one it does not tell.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._fd = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
        self._top = ""
        self._wanted: Mapping[str, Folder] = {}
        self._known: frozenset[tuple[str, bytes]] = frozenset()

    def fileno(self) -> int:
        return self._fd

    def attend(self, wanted: Mapping[str, Folder]) -> frozenset[str]:
        """Hear of these folders from now on; return what has happened to those before that was not told."""
        lines = self._lines()
        untold = self._news(lines)
        self._top, self._wanted = os.path.realpath(self._root).rstrip("/"), wanted
        self._known = frozenset(self._bearing(lines))
        return untold

    def news(self) -> frozenset[str]:
        """Return the places where something was mounted or unmounted since this was last asked."""
        return self._news(self._lines())

    def close(self) -> None:
        os.close(self._fd)

    def _lines(self) -> list[bytes]:
        """Return all that is mounted. What changes meanwhile is told by poll(2) once more."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        pieces = iter(lambda: os.read(self._fd, 1 << 16), b"")  # of a page each
        return b"".join(pieces).splitlines()

    def _news(self, lines: list[bytes]) -> frozenset[str]:
        before, self._known = self._known, frozenset(self._bearing(lines))
        return frozenset(place for place, _ in before ^ self._known)

    def _bearing(self, lines: list[bytes]) -> Iterator[tuple[str, bytes]]:
        """Yield the mounts that matter, each with its place: by its ids, what it shows of which file system, and where."""
        for line in lines:
            *what, point, _ = line.split(b" ", 5)
            if place := self._place(os.fsdecode(plain(point)).rstrip("/")):
                yield place, b" ".join(what)

    def _place(self, point: str) -> str:
        """Return what a mount at a point of ours is a mount over; nothing if it is none of our business."""
        path = point.removeprefix(self._top)
        if f"{self._top}/".startswith(f"{point}/"):  # over the root, or what it is in
            path = ""
        elif not point.startswith(f"{self._top}/"):
            return ""
        if path in self._wanted:
            return f"{path}/"
        folder, _, name = path.rpartition("/")
        above = self._wanted.get(folder)
        if above is None or not above.matters(name):
            return ""
        return f"{folder}/{name if above.keeps(name) else ''}"


class Waiting:
    """A wait for mounts, and for what else there is to read. Of mounts it hears once in SWARM seconds at most."""

    def __init__(self, mounts: MountEar, *others: int) -> None:
        self._mounts = mounts
        self._poll = select.poll()
        self._poll.register(mounts, select.POLLPRI)
        for other in others:
            self._poll.register(other, select.POLLIN)
        self._resting: float | None = None  # until then (time.monotonic) no mount ends the wait

    def for_mounts(self) -> bool:
        """Return once something is there, and whether mounts have changed."""
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll(self._rest())}
            if self._mounts.fileno() in ready:
                self._poll.unregister(self._mounts)
                self._resting = time.monotonic() + SWARM
                return True
            if ready:
                return False

    def _rest(self) -> float | None:
        """Return how long mounts are let be, in milliseconds; None where they are listened for."""
        if self._resting is None:
            return None
        left = self._resting - time.monotonic()
        if left > 0:
            return left * 1000
        self._resting = None
        self._poll.register(self._mounts, select.POLLPRI)
        return None
