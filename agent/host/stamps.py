"""What was worked out from files, kept for as long as these stand as they stood. Only looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from agent.host.files import RACY
from agent.host.walk import Walk, standing, trouble
from agent.values import dataclass

T = TypeVar("T")

MOST = 256  # answers that are kept; the oldest goes first


class Stamp(NamedTuple):
    """What a stat says of something; two equal ones prove that nothing was changed in between, unless they are fresh."""

    device: int
    inode: int
    size: int  # bytes
    modified: int  # ns since the epoch
    changed: int  # ns since the epoch


Stamps: TypeAlias = dict[str, Stamp | None]


def stamps(root: Path, paths: Collection[str]) -> Stamps:
    """
    Return what a stat says of each path, not followed if it is a link; None if nothing is there. Raises HostError.

    A folder is opened once for all in a row that are in it.
    """
    found: Stamps = {}
    with Walk(root) as walk:
        last, fd = None, None
        for path in paths:
            folder, _, name = path.rpartition("/")
            if folder != last:
                last, fd = folder, walk.folder(folder)
            try:
                there = None if fd is None else standing(fd, name or ".")
            except OSError as error:
                raise trouble(path, "be read", error) from error
            found[path] = there and Stamp(
                there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns
            )
    return found


@dataclass(slots=True)
class Recollection:
    """Answers by key, and how the files stood that they were worked out from."""

    root: Path
    clock: Callable[[], int] = time.time_ns
    _known: dict[Hashable, tuple[Stamps, Any]] = field(default_factory=dict)

    def answer(
        self, key: Hashable, paths: Collection[str], read: Callable[[], T], seen: Stamps | None = None
    ) -> T:
        """See `Probe.remembered`. `seen` is what the same look has seen until now; more comes to it."""
        seen = {} if seen is None else seen
        if missing := [path for path in paths if path not in seen]:
            seen |= stamps(self.root, missing)
        before = {path: seen[path] for path in paths}
        if key in self._known and self._known[key][0] == before:
            found: T = self._known[key][1]
            return found
        self._known.pop(key, None)
        looked, answer = self.clock(), read()
        # What was changed in the same tick, or while it was read, would look the same: it is read again next time.
        fresh = any(one and _is_fresh(one, looked) for one in before.values())
        if not fresh and before == stamps(self.root, paths):
            self._known[key] = (before, answer)
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
        return answer


def _is_fresh(one: Stamp, looked: int) -> bool:
    return max(one.modified, one.changed) + RACY > looked
