"""Makes the tree of files that is managed, puts it into a known state, and tells whether it is as declared."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = 20
MODE = 0o644
SIZE = 1024  # bytes, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`source` holds what is wanted, `live` is managed, `aside` holds trees that have had their day."""

    top: Path
    names: tuple[str, ...]
    turns: Iterator[int] = field(
        default_factory=itertools.count
    )  # so that it is not the same files each time

    @property
    def source(self) -> Path:
        return self.top / "fleet/base/files/tree"

    @property
    def live(self) -> Path:
        return self.top / "live"

    def pairs(self) -> Iterator[tuple[Path, Path]]:
        return ((self.source / name, self.live / name) for name in self.names)


def make(top: Path, count: int) -> Workload:
    """Write the wanted tree: `count` text files in 20 folders."""
    names = tuple(f"d{number % FOLDERS:02d}/f{number:05d}.conf" for number in range(count))
    workload = Workload(top=top, names=names)
    for number, name in enumerate(names):
        path = workload.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_text(number))
        path.chmod(MODE)
    return workload


def _text(number: int) -> bytes:
    lines = (
        f"key_{line:03d} = {hashlib.md5(f'{number}.{line}'.encode()).hexdigest()}"
        for line in itertools.count()
    )
    text = f"# managed file {number}\n"
    while len(text) < SIZE - 48:
        text += next(lines) + "\n"
    return text.encode()


def empty(workload: Workload) -> None:
    """
    Leave nothing in the managed tree.

    The old one is moved, not deleted: ext4 steps over the inodes deleted in the last minute one by one, and making
    files right after deleting many would measure that.
    """
    workload.live.mkdir(exist_ok=True)
    aside = workload.top / "aside"
    aside.mkdir(exist_ok=True)
    workload.live.rename(aside / str(len(list(aside.iterdir()))))
    workload.live.mkdir()
    os.sync()


def same(workload: Workload) -> None:
    """Make the managed tree as wanted, touching only what is not."""
    for wanted, live in workload.pairs():
        if not _right(wanted, live):
            live.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(wanted, live)
    os.sync()


def date(workload: Workload) -> None:
    """Give all files the times of the wanted ones, as rsync would, which then has nothing to do."""
    for wanted, live in workload.pairs():
        found = wanted.stat()
        os.utime(live, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.sync()


def touch(workload: Workload) -> None:
    """Make stat(2) of all files worth nothing: contents have to be read to know that they are as wanted."""
    same(workload)
    for _, live in workload.pairs():
        os.utime(live)
    os.sync()


def drift(workload: Workload) -> None:
    """Change every hundredth file: other bytes, the same length; every second one of them loses its mode too."""
    same(workload)
    step = min(100, len(workload.names))
    # What drifts time after time is fought for, ever less often.
    for number, name in enumerate(workload.names[next(workload.turns) % step :: step]):
        path = workload.live / name
        with path.open("r+b") as file:
            file.seek(30)
            file.write(b"DRIFTED!")
        if number % 2:
            path.chmod(0o600)
    os.sync()


def wrong(workload: Workload) -> list[str]:
    """Return the names of the files that are not as wanted, by content and mode."""
    return [
        name
        for name, (wanted, live) in zip(workload.names, workload.pairs(), strict=True)
        if not _right(wanted, live)
    ]


def _right(wanted: Path, live: Path) -> bool:
    return (
        live.is_file()
        and stat.S_IMODE(live.stat().st_mode) == MODE
        and wanted.read_bytes() == live.read_bytes()
    )


def look(workload: Workload) -> None:
    """The least a check by metadata costs: lstat of all."""
    for name in workload.names:
        os.lstat(workload.live / name)


def read(workload: Workload) -> None:
    """The least a check by content costs: read and hash all."""
    for name in workload.names:
        with open(workload.live / name, "rb") as file:
            hashlib.sha1(file.read(), usedforsecurity=False).digest()


def write(workload: Workload) -> None:
    """The least a durable first apply costs: write, fsync and rename all."""
    for wanted, live in workload.pairs():
        live.parent.mkdir(parents=True, exist_ok=True)
        temporary = live.with_name(f".{live.name}")
        with temporary.open("wb") as file:
            file.write(wanted.read_bytes())
            file.flush()
            os.fchmod(file.fileno(), MODE)
            os.fsync(file.fileno())
        temporary.replace(live)
