"""
Keeps reports on disk, in order, until they are pushed. Writes below its own folder.

A number is never used twice: a gap between two reports says how many are missing.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from datetime import datetime
from pathlib import Path

from agent.errors import SourceError
from agent.files import atomic_write, make_private, sweep, sync_directory
from agent.git.limits import MIB
from agent.values import dataclass

log = logging.getLogger(__name__)

DIGITS = 8
DAMAGED = "damaged"
DAMAGED_KEPT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A report that waits. `when` has a time zone."""

    number: int
    message: str
    when: datetime
    files: Mapping[str, bytes] = field(repr=False)


class Spool:
    """A folder of reports. Beyond `most` reports or `size` bytes on disk, the oldest are dropped."""

    def __init__(self, folder: Path, *, most: int = 500, size: int = 64 * MIB) -> None:
        self.folder = folder
        self._most = most
        self._size = size
        self._newest: tuple[tuple[int, ...], Spooled] | None = (
            None  # put by this process, and how its file stands
        )

    def put(self, files: Mapping[str, bytes], message: str, when: datetime, *, above: int = 0) -> int:
        """Keep a report, behind all others and numbered above `above`; return its number. Raises SourceError."""
        try:
            paths = self._paths()
            number = max((above, *paths, *_numbered(self.folder / DAMAGED))) + 1
            path = self.folder / f"{number:0{DIGITS}}.json"
            atomic_write(path, _encode(files, message, when))
            self._newest = _stamp(path), Spooled(number=number, message=message, when=when, files=files)
            self._drop_oldest({**paths, number: path})
        except OSError as error:
            raise SourceError(f"{self.folder}: a report cannot be kept: {error.strerror}") from error
        return number

    def pending(self) -> tuple[Spooled, ...]:
        """Return what waits, oldest first. What is damaged is moved away, and missing from then on."""
        try:
            paths = self._paths()
        except OSError as error:
            raise SourceError(f"{self.folder}: cannot be read: {error.strerror}") from error
        return tuple(self._readable(paths))

    def remove(self, through: int) -> None:
        """Forget all reports up to a number. What cannot be removed now is removed by a later call."""
        if self._newest and self._newest[1].number <= through:
            self._newest = None
        with suppress(OSError):
            for number, path in self._paths().items():
                if number <= through:
                    path.unlink(missing_ok=True)

    def _paths(self) -> dict[int, Path]:
        """Return the files of all reports by number, ascending; removes what a crash left half written."""
        sweep(self.folder, "*.json")
        return _numbered(self.folder)

    def _drop_oldest(self, paths: Mapping[int, Path]) -> None:
        sizes = {number: path.stat().st_size for number, path in paths.items()}
        total, dropped = sum(sizes.values()), 0
        for number in list(paths)[:-1]:  # never the newest: it says how the host is
            if len(paths) - dropped <= self._most and total <= self._size:
                break
            paths[number].unlink(missing_ok=True)
            total -= sizes[number]
            dropped += 1
        if dropped:
            log.warning("%s: full: dropped the %d oldest of the reports that wait", self.folder, dropped)
            sync_directory(self.folder)

    def _readable(self, paths: Mapping[int, Path]) -> Iterator[Spooled]:
        for number, path in paths.items():
            try:
                yield self._fresh(number, path) or _decode(number, path.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                self._move_away(path, error)

    def _fresh(self, number: int, path: Path) -> Spooled | None:
        """Return what this process has put there itself, and nobody has touched since."""
        if self._newest and self._newest[1].number == number and self._newest[0] == _stamp(path):
            return self._newest[1]
        return None

    def _move_away(self, path: Path, error: Exception) -> None:
        words = error.strerror if isinstance(error, OSError) else "what stands there is not what was written"
        log.warning("%s: a report that waits is damaged, moved to damaged/: %s", path, words)
        folder = self.folder / DAMAGED
        with suppress(OSError):
            make_private(folder)
            path.replace(folder / path.name)
            for old in sorted(folder.iterdir())[:-DAMAGED_KEPT]:
                old.unlink()


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _numbered(folder: Path) -> dict[int, Path]:
    found = ((path.stem, path) for path in folder.glob("*.json"))
    return dict(sorted((int(stem), path) for stem, path in found if stem.isascii() and stem.isdecimal()))


def _encode(files: Mapping[str, bytes], message: str, when: datetime) -> bytes:
    """Return a line with the checksum of all that follows, a line that says what it is, and the files as they are."""
    sizes = {name: len(data) for name, data in files.items()}
    about = json.dumps({"when": when.isoformat(), "message": message, "files": sizes}).encode("ascii")
    body = b"\n".join((about, b"".join(files.values())))
    return b"%s\n%s" % (hashlib.sha256(body).hexdigest().encode("ascii"), body)


def _decode(number: int, data: bytes) -> Spooled:
    digest, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode("ascii") != digest:
        raise ValueError("the checksum is wrong")
    line, _, content = body.partition(b"\n")
    about, files, place = json.loads(line), dict[str, bytes](), 0
    for name, size in about["files"].items():
        files[name] = content[place : place + size]
        place += size
    when = datetime.fromisoformat(about["when"])
    return Spooled(number=number, message=about["message"], when=when, files=files)
