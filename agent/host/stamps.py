"""What was worked out from files, kept for as long as these stand as they stood. Only looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias, TypeVar

from agent.host.files import RACY
from agent.host.walk import Walk, standing, trouble
from agent.values import dataclass

T = TypeVar("T")

MOST = 256  # answers that are kept; the oldest goes first


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stat says of something; two equal ones prove that nothing was changed in between, unless they are fresh."""

    device: int
    inode: int
    size: int  # bytes
    modified: int  # ns since the epoch
    changed: int  # ns since the epoch


Stamps: TypeAlias = tuple[Stamp | None, ...]


def stamp(root: Path, path: PurePosixPath) -> Stamp | None:
    """Return what a stat says of a path, not followed if it is a link; None if nothing is there. Raises HostError."""
    with Walk(root) as walk:
        above = walk.folder(str(path.parent))
        try:
            found = None if above is None else standing(above, path.name or ".")
        except OSError as error:
            raise trouble(path, "be read", error) from error
    if found is None:
        return None
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True)
class Recollection:
    """Answers by key, and how the files stood that they were worked out from."""

    root: Path
    clock: Callable[[], int] = time.time_ns
    _known: dict[Hashable, tuple[Stamps, Any]] = field(default_factory=dict)

    def answer(self, key: Hashable, paths: Collection[str], read: Callable[[], T]) -> T:
        """See `Probe.remembered`."""
        before = self._stamps(paths)
        if key in self._known and self._known[key][0] == before:
            found: T = self._known[key][1]
            return found
        self._known.pop(key, None)
        looked, answer = self.clock(), read()
        # What was changed in the same tick, or while it was read, would look the same: it is read again next time.
        if before == self._stamps(paths) and not any(one and _is_fresh(one, looked) for one in before):
            self._known[key] = (before, answer)
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
        return answer

    def _stamps(self, paths: Collection[str]) -> Stamps:
        return tuple(stamp(self.root, PurePosixPath(path)) for path in paths)


def _is_fresh(one: Stamp, looked: int) -> bool:
    return max(one.modified, one.changed) + RACY > looked
