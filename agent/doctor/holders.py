"""Who holds a lock file, without taking it: whoever starts meanwhile must not find it taken. Reads /proc/locks."""

from __future__ import annotations

from pathlib import Path

LOCKS = Path("/proc/locks")


def holder(path: Path) -> int | None:
    """
    Return the process that has a lock on a file; None if nobody has, or there is no such file.

    `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF` (proc(5)). The device of some file systems is not that of
    stat(2), so the inode alone is compared. Raises OSError where the kernel tells nothing.
    """
    try:
        inode = str(path.stat().st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return None
    for line in LOCKS.read_text("ascii", "replace").splitlines():
        words = line.split()
        if "->" not in words and len(words) >= 6 and words[5].rpartition(":")[2] == inode:
            return int(words[4])
    return None
