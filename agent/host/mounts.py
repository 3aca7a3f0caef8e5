"""Where things are mounted: reads /proc/self/mountinfo (proc_pid_mountinfo(5)), changes nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Final

from agent.errors import HostError

MOUNTS: Final = "/proc/self/mountinfo"


def mounts(root: Path) -> frozenset[PurePosixPath]:
    """Return the mount points below `root`, as the host's paths; raises HostError."""
    try:
        lines = Path(MOUNTS).read_bytes().splitlines()
    except OSError as error:
        raise HostError(f"{MOUNTS}: cannot be read: {error.strerror}") from error
    real = PurePosixPath(os.path.realpath(root))
    points = (
        PurePosixPath(os.fsdecode(plain(line.split(b" ")[4]))) for line in lines if line.count(b" ") > 4
    )
    return frozenset(
        PurePosixPath("/", point.relative_to(real)) for point in points if real in point.parents
    )


def of_host(root: Path, path: Path) -> PurePosixPath | None:
    """Return the host's path, free of links, of a path of ours; None if it is not below `root`."""
    real, top = PurePosixPath(os.path.realpath(path)), PurePosixPath(os.path.realpath(root))
    return PurePosixPath("/", real.relative_to(top)) if top in real.parents else None


def plain(text: bytes) -> bytes:
    """Undo the octal escapes of space, tab, newline and backslash."""
    if b"\\" not in text:
        return text
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text)
