"""A look writes nothing to the disk, not even when it looked, where the kernel allows that."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent.host import Entry
from agent.host.local import Local
from agent.model import blob_id

PATH = "/etc/x"


@pytest.fixture(name="file", autouse=True)
def _file(root: Path) -> Path:
    """What was written since it was last read: relatime (mount(8)) has the kernel note the next read of that."""
    file = root / "etc/x"
    file.write_text("one")
    os.utime(file, (1_000, 2_000))
    return file


def test_a_read_is_not_noted(local: Local, file: Path) -> None:
    local.probe().entries([PATH], digests=[PATH])

    assert 1_000 == file.stat().st_atime


def test_who_may_not_read_without_a_trace_reads(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says no to who neither owns the file nor may act as if: open(2), EPERM."""
    really = os.open

    def refusing(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if flags & os.O_NOATIME:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return really(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refusing)
    seen = local.probe().entries([PATH], digests=[PATH])[PATH]

    assert isinstance(seen, Entry)
    assert blob_id(b"one") == seen.digest
