"""What is made once and kept: below TRUED_CACHE, or trued/ in the user's cache folder. One process makes it, all use it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

UNUSED = 14 * 24 * 3600  # seconds after which something of an older key goes


def folder() -> Path:
    """Return the cache folder; it is made when it is missing."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(os.environ.get("TRUED_CACHE") or Path(home, "trued")).absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(*parts: str | bytes | Path) -> str:
    """Return a short name for these texts and contents of files: another text, another name."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part
        data = data.encode() if isinstance(data, str) else data
        digest.update(b"%d:%s" % (len(data), data))
    return digest.hexdigest()[:16]


def place(name: str, of: str) -> Path:
    """Return where a folder of the cache is, or would be."""
    return folder() / f"{name}-{of}"


def cached(name: str, of: str, make: Callable[[Path], None]) -> Path:
    """
    Return the folder NAME-OF of the cache.

    When it is missing, `make` gets an empty folder that takes the name once it is complete; others wait meanwhile.
    """
    path = place(name, of)
    with lock(folder() / f".{name}.lock"):
        if not path.exists():
            _forget(name)
            _make(path, make)
        os.utime(path)
    return path


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock (flock(2)) as long as the block lasts; wait for it if need be."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(path: Path, make: Callable[[Path], None]) -> None:
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    new.chmod(0o755)
    try:
        make(new)
        new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _forget(name: str) -> None:
    """Remove what nobody has used for long, and what a killed run has left half made."""
    old = [path for path in folder().glob(f"{name}-*") if path.stat().st_mtime < time.time() - UNUSED]
    for path in [*old, *folder().glob(f".{name}-*")]:
        shutil.rmtree(path, ignore_errors=True)
