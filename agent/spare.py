"""
Keeps a little room on the disk of `state_dir`, and gives it up when that is full. Writes `state_dir/spare` alone.

Without room for the ledger nothing can be repaired, and neither a report nor the commit that frees the disk gets
through. What is given up lasts for some cycles; where something goes on filling the disk, not longer.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

SIZE = 4 << 20  # bytes: a commit, the ledger's log and a report of a host with thousands of files
LOW = 1 << 20  # bytes left, below which it is given up
PLENTY = 32 << 20  # bytes left, from which on it is put by


def keep_spare(state_dir: Path) -> None:
    """Put room by, or give it up, as the disk is now; under the lock of a cycle. Raises nothing."""
    spare = state_dir / "spare"
    with suppress(OSError):
        known = os.statvfs(state_dir)
        free = known.f_bfree * known.f_frsize
        if free < LOW and os.path.lexists(spare):
            spare.unlink()
            log.warning(
                "%s: the disk is full: gave up the %d MiB put by for that; free some space",
                state_dir,
                SIZE >> 20,
            )
        elif free >= PLENTY and not os.path.lexists(spare):
            _put_by(spare)


def _put_by(spare: Path) -> None:
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SIZE)
    except OSError:
        spare.unlink()
        raise
    finally:
        os.close(descriptor)
