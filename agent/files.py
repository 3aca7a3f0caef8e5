"""Writes trued's own small files, whole or not at all, and makes its own folders. Touches only the path it is given."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def atomic_write(path: Path, data: bytes, *, mode: int = 0o600, settled: bool = True) -> None:
    """
    Put `data` at `path`, so that a crash at any time leaves the old file or the new one; raises OSError.

    The folder is made if it is missing. Both the file and its folder are on disk when this returns (fsync(2):
    a rename is durable only when the directory is); where it need not be `settled`, a power cut may bring the old file back.
    """
    make_private(path.parent)
    import tempfile  # noqa: PLC0415 - with all that compresses and chooses at random, which few look at

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if settled:
        sync_directory(path.parent)


def sweep(folder: Path, name: str) -> None:
    """
    Remove what kills left of files of this name (a glob pattern) that were being written. Raises nothing.

    Nobody else may be writing them: whoever calls this holds the lock under which they are written.
    """
    for path in folder.glob(f".{name}.*"):
        with contextlib.suppress(OSError):
            path.unlink()


def make_private(folder: Path) -> None:
    """
    Make a folder, and all that is missing above it, each for its owner alone and on the disk; raises OSError.

    What is there already stays as it is. `mkdir(parents=True)` would give its mode to the last folder only.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        # A read-only file system may say so before it says that the folder is there.
        if not folder.is_dir():
            raise
        return
    sync_directory(folder.parent)


def sync_directory(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder durable; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
