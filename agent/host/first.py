"""
Keeps what stood at a path before trued changed it for the first time, below `first/` in trued's own folder.

Files and links keep their path; owners and modes stand as JSON lines in `first.jsonl`. Nothing kept is ever
overwritten.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from agent.errors import HostError
from agent.files import make_private, sync_directory
from agent.host import shown
from agent.host.files import LARGEST
from agent.host.reading import PIECE, READ, Reading, UnsteadyError, open_regular
from agent.host.walk import folder_there, parent_of, standing, trouble
from agent.host.write import OPEN_FOLDER, fresh_name, sweep
from agent.model import KeepFirst

TREES = 10
RESERVE = 16 << 20  # bytes that a copy leaves free, for the ledger


def keep_first(
    root: Path, state_dir: Path, step: KeepFirst, beat: Callable[[], None] = lambda: None
) -> None:
    """
    Copy the file or link at a path, unless it, or (not `anew`) any from there, was kept before; raises HostError.

    `beat` is called again and again meanwhile: there is no limit to how large it may be.
    """
    if not folder_there(root, step.path.parent):
        return
    with parent_of(root, step.path, "be kept") as (fd, name):
        try:
            found = standing(fd, name)
            if found is None or not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
                return
            kept = [place for place in _places(state_dir, step.path) if _is_kept(place)]
            if not (any(_same(fd, name, found, place) for place in kept) if step.anew else kept):
                place = _place(state_dir, step.path)
                _note(state_dir, step.path, found)
                _copy(fd, name, found, place, beat)
        except (OSError, UnsteadyError) as error:
            raise _unkept(step.path, state_dir, error) from error


def _trees(state_dir: Path) -> list[Path]:
    return [state_dir / ("first" if n == 0 else f"first.{n}") for n in range(TREES)]


def _places(state_dir: Path, path: PurePosixPath) -> list[Path]:
    return [tree / path.relative_to("/") for tree in _trees(state_dir)]


def _place(state_dir: Path, path: PurePosixPath) -> Path:
    """
    Return where to keep it.

    A path that was a file once and is a folder now fits in no tree with both: there is a second tree then.
    """
    below = path.relative_to("/")
    for tree in _trees(state_dir):
        try:
            _make_folders(tree, below.parent)
        except NotADirectoryError:
            continue
        if not os.path.lexists(tree / below):
            return tree / below
    raise HostError(
        f"{shown(path)}: cannot be kept, and is therefore not touched: all {TREES} folders have something in its place",
        hint=f"look through {state_dir}/first and those beside it, and move away what nobody needs",
    )


def _same(fd: int, name: str, found: os.stat_result, place: Path) -> bool:
    """Return whether what stands there is what is kept; raises OSError, UnsteadyError."""
    kept = place.lstat()
    if stat.S_IFMT(kept.st_mode) != stat.S_IFMT(found.st_mode) or kept.st_size != found.st_size:
        return False
    if stat.S_ISLNK(found.st_mode):
        return os.readlink(name, dir_fd=fd) == os.readlink(place)
    if found.st_size > LARGEST:
        return False
    with open_regular(fd, name) as there, Reading(os.open(place, READ)) as here:
        return there.digest() == here.digest()


def _is_kept(place: Path) -> bool:
    try:
        return not stat.S_ISDIR(place.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _make_folders(tree: Path, below: PurePosixPath) -> None:
    """Make what is missing, each entry on the disk. A link that was kept is never a way: NotADirectoryError."""
    make_private(tree.parent)
    for folder in (tree, *(tree.joinpath(*below.parts[:depth]) for depth in range(1, len(below.parts) + 1))):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if folder.is_symlink() or not folder.is_dir():
                raise NotADirectoryError(str(folder)) from None
        else:
            sync_directory(folder.parent)


def _note(state_dir: Path, path: PurePosixPath, found: os.stat_result) -> None:
    """Write down mode and owner before the copy is in place: a second line for a path says nothing new."""
    line = json.dumps(
        {
            "path": str(path),
            "mode": f"{stat.S_IMODE(found.st_mode):04o}",
            "uid": found.st_uid,
            "gid": found.st_gid,
        }
    )
    fd = os.open(
        state_dir / "first.jsonl",
        os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW,
        0o600,
    )
    try:
        os.write(fd, f"\n{line}\n".encode())  # the first newline ends a line that a kill cut short
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy(fd: int, name: str, found: os.stat_result, place: Path, beat: Callable[[], None]) -> None:
    _tidy(place.parent)
    temporary = place.with_name(fresh_name())
    try:
        if stat.S_ISLNK(found.st_mode):
            temporary.symlink_to(os.readlink(name, dir_fd=fd))
        else:
            _copy_content(fd, name, temporary, beat)
        temporary.rename(place)
        sync_directory(place.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Take away what a killed copy left, which may be as large as what it copied."""
    fd = os.open(folder, OPEN_FOLDER)
    try:
        sweep(fd)
    finally:
        os.close(fd)


def _copy_content(fd: int, name: str, to: Path, beat: Callable[[], None]) -> None:
    out = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open_regular(fd, name) as file:
            room = os.fstatvfs(out)
            if file.stat.st_blocks * 512 + RESERVE > room.f_bavail * room.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            for start, end in _written(file):
                _copy_part(file.fd, out, start, end, beat)
            os.ftruncate(out, file.stat.st_size)
        os.fsync(out)
    finally:
        os.close(out)


def _written(file: Reading) -> Iterator[tuple[int, int]]:
    """Yield the parts of a file that are not holes (lseek(2)): one that says it is huge may have nothing in it."""
    end = 0
    while end < file.stat.st_size:
        try:
            start = os.lseek(file.fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = min(os.lseek(file.fd, start, os.SEEK_HOLE), file.stat.st_size)
        yield start, end


def _copy_part(fd: int, out: int, start: int, end: int, beat: Callable[[], None]) -> None:
    while start < end and (piece := os.pread(fd, min(PIECE, end - start), start)):
        start += os.pwrite(out, piece, start)
        beat()


def _unkept(path: PurePosixPath, state_dir: Path, error: OSError | UnsteadyError) -> HostError:
    doing = f"be kept in {state_dir}/first, and is therefore not touched"
    if isinstance(error, OSError):
        return trouble(path, doing, error)
    return HostError(f"{shown(path)}: cannot {doing}: it was replaced meanwhile")
