"""The folder of agent.yaml: one enrolment in it at a time, files put down whole, nothing replaced unasked."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import BusyError, UsageError
from agent.files import make_private, sync_directory

_UNFINISHED = ".enroll-"  # how what is not in place yet is called


@contextmanager
def sole(folder: Path) -> Iterator[None]:
    """
    Make the folder (0700) and keep other enrolments out of it; clear away what a killed one left.

    Raises UsageError where others may write to it, or this user may not; BusyError when another is at work.
    """
    try:
        make_private(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot(folder, error) from error
    try:
        _sound(folder, os.fstat(descriptor))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"{folder}: another trued enroll is at work", hint="wait for it to end"
            ) from None
        try:
            _clear(folder)
        except OSError as error:
            raise cannot(folder, error) from error
        yield
    finally:
        os.close(descriptor)


def _sound(folder: Path, found: os.stat_result) -> None:
    if found.st_mode & 0o022:
        raise UsageError(
            f"{folder}: others may write to it (mode {stat.S_IMODE(found.st_mode):04o}), and could put in another key",
            hint=f"chmod go-w {folder}",
        )


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{_UNFINISHED}*"):
        for file in left.iterdir():
            file.unlink()
        left.rmdir()


def put(path: Path, make: Callable[[Path], None], *, mode: int, over: bool = False) -> None:
    """
    Have a file made under another name beside `path`, then give it its place; raises UsageError if it cannot.

    One that is there is replaced only with `over`.

    `make` gets the path to write, in a folder of its own in which it may leave other files.
    """
    scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
    try:
        new = scratch / path.name
        make(new)
        _to_disk(new, mode)
        if over:
            os.replace(new, path)
        else:
            os.link(new, path)  # rename(2) would replace a file that somebody else has just written
        sync_directory(path.parent)
    except FileExistsError as error:
        raise UsageError(f"{path}: is there already", hint="run the same command again") from error
    except OSError as error:
        raise cannot(path, error) from error
    finally:
        with suppress(OSError):
            _clear(path.parent)


def write(path: Path, data: bytes, *, mode: int, over: bool = False) -> None:
    """Put down a file; raises UsageError."""

    def make(new: Path) -> None:
        new.touch(mode=mode)
        new.write_bytes(data)

    put(path, make, mode=mode, over=over)


def _to_disk(path: Path, mode: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot(path: Path, error: OSError) -> UsageError:
    """Return what to say of a file that cannot be put down."""
    hint = "run it as root, as with sudo" if isinstance(error, PermissionError) else ""
    return UsageError(f"{path}: cannot be written: {error.strerror}", hint=hint)
