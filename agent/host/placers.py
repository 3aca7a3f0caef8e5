"""
Who could have put what stands under a name there: it may be somebody else's, moved there to be handed over. Only looks.

systemd-tmpfiles(8) calls it an unsafe path transition: below a folder of one user, nothing of another is to be trusted.
"""

from __future__ import annotations

import os
import stat
from dataclasses import field
from pathlib import Path

from agent.values import dataclass

ANYBODY = -1
UP = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(slots=True)
class Placers:
    """Knows the folders below `root`, and whose they were at the last look: handing one over hands nothing below it over."""

    root: Path
    _before: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a look: what is seen from now on stood there under its present owners."""
        self._before = {}

    def remember(self, found: os.stat_result) -> None:
        """Keep whose a folder is that is about to get another owner or mode."""
        if stat.S_ISDIR(found.st_mode):
            self._before.setdefault((found.st_dev, found.st_ino), _of(found))

    def into(self, fd: int) -> frozenset[int]:
        """
        Return who, besides root and trued itself, could have put something into a folder; raises OSError.

        Whoever owns a folder on the way to it could have put another in its place, with all that is in there.
        """
        end, could = os.stat(self.root), frozenset[int]()
        at = os.open(".", UP, dir_fd=fd)
        try:
            while True:
                found = os.fstat(at)
                could |= self._before.get((found.st_dev, found.st_ino), _of(found))
                above = os.open("..", UP, dir_fd=at)
                os.close(at)
                at = above
                if os.path.samestat(found, end) or os.path.samestat(found, os.fstat(at)):
                    return could
        finally:
            os.close(at)


def is_ours(uid: int) -> bool:
    """Return whether a number is root's, or that of the user trued runs as."""
    return uid in {0, os.geteuid()}


def _of(found: os.stat_result) -> frozenset[int]:
    # The group's bits bound what an ACL gives to others, too: acl(5). That a folder is sticky keeps nobody from
    # moving something in there from elsewhere.
    open_to_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return frozenset(
        ({ANYBODY} if open_to_others else set()) | (set() if is_ours(found.st_uid) else {found.st_uid})
    )
