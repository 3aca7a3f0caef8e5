"""One real `trued enroll` that is killed (kill -9) before its n-th change of the disk: `dying_enroll.py N WORD…`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from agent.cli import main

CHANGES = ("fsync", "link", "mkdir", "rename", "replace", "rmdir", "unlink")


class Life:
    """So many changes are left."""

    def __init__(self, left: int) -> None:
        self._left = left

    def counted(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **words: Any) -> Any:
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
            return change(*args, **words)

        return counting


if __name__ == "__main__":
    life = Life(int(sys.argv[1]))
    for name in CHANGES:
        setattr(os, name, life.counted(getattr(os, name)))
    sys.exit(main(sys.argv[2:]))
