"""
A push into a repository on this machine: its objects, then the ref by compare and swap (gitrepository-layout(5)).

Written as Git itself would, but all of it is on the disk at the end: the report that was pushed is thrown away then.
dulwich writes where the repository's own settings have a say in how. Hooks are not run.
"""

from __future__ import annotations

import logging
import os
import re
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from agent.errors import SourceError
from agent.files import sync_directory
from agent.git import making
from agent.git.disk import Disk
from agent.git.limits import FAST, MIB, Limits
from agent.git.objects import Item, Kind, Mode, parse_commit, parse_tree
from agent.git.plain import open_plain, refuse_strange
from agent.git.refs import follow, refuse_conflict, resolve
from agent.git.wire import OTHER_NAMES, ProtocolError, PushRejectedError

if TYPE_CHECKING:
    from dulwich.repo import Repo

log = logging.getLogger(__name__)

ABANDONED = 300.0  # seconds after which nobody of ours can still be at work under a lock

# Of git-config(1): who may read what is written, how it is packed, and what else this may be than a plain repository.
OTHERWISE = re.compile(rb"sharedrepository|compression|fsync|include|extensions", re.IGNORECASE)
FORMAT = re.compile(rb'^\s*(?:\[[^]\n]*\]\s*)?objectformat\s*=\s*"?(\w+)', re.IGNORECASE | re.MULTILINE)


def push(folder: Path, ref: str, old: str | None, new: str, objects: Sequence[Item], limits: Limits) -> None:
    """Write the objects, once all that they refer to has been seen, then move the ref; raises PushRejectedError, SourceError."""
    settings = _settings(folder)
    with closing(Disk(folder / "objects", limits)) as disk:
        brought = {item.id for item in objects}
        for needed in (new, *(needed for item in objects for needed in _referred(item))):
            if needed not in brought and not disk.holds(needed):
                raise PushRejectedError(f"{ref}: the object {needed} is missing, nothing was pushed")
    target = PurePosixPath(follow(folder, ref, limits)[0])
    refuse_conflict(folder, ref, limits)
    with making.folder(folder, str(target.parent)) as above:
        _unlock(folder / target, above, [item.id for item in objects if item.kind is Kind.COMMIT])
        if str(target) == ref and not OTHERWISE.search(settings):
            for item in objects:
                _write(folder, item)
            _settle(folder, objects)
            moved = _move(folder, ref, above, old, new, limits)
        else:
            moved = _push_by_dulwich(folder, ref, old, new, objects)
            if moved:
                with suppress(FileNotFoundError):  # packed since
                    making.give(target.name, above)
                os.fsync(above)
    if not moved:
        raise PushRejectedError(f"{ref}: somebody else moved it first")


def _referred(item: Item) -> Iterator[str]:
    """Yield what an object cannot do without."""
    match item.kind:
        case Kind.COMMIT:
            head = parse_commit(item.data)
            yield from (head.tree, *head.parents)
        case Kind.TREE:
            entries = parse_tree(item.data).values()
            yield from (entry.sha for entry in entries if entry.mode is not Mode.MODULE)


def _settings(folder: Path) -> bytes:
    """Return what the owner of the repository has set; raises SourceError for one that trued would damage."""
    try:
        with open_plain(folder / "config") as file:
            settings = file.read(MIB)
    except FileNotFoundError:
        return b""
    if any(name != b"sha1" for name in FORMAT.findall(settings)):
        raise ProtocolError(OTHER_NAMES)
    return settings


def _place(folder: Path, item: Item) -> Path:
    return folder / "objects" / item.id[:2] / item.id[2:]


def _write(folder: Path, item: Item) -> None:
    """Write an object; one that is there gets a new time, so that git-prune(1) lets it be until the ref has moved."""
    with making.folder(folder, f"objects/{item.id[:2]}") as above:
        with suppress(FileNotFoundError, PermissionError):
            known = os.stat(item.id[2:], dir_fd=above, follow_symlinks=False)
            if known.st_size and S_ISREG(known.st_mode):  # what a power cut has left empty is written anew
                os.utime(item.id[2:], dir_fd=above, follow_symlinks=False)
                return
        temporary = f"tmp_obj_{os.urandom(8).hex()}"  # git-prune(1) knows it by its name
        descriptor = making.make_file(temporary, 0o444, above)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                head = b"%s %d\0" % (item.kind.word, len(item.data))
                left = memoryview(zlib.compress(head + item.data, FAST))
                while left:
                    left = left[file.write(left) :]
                os.fsync(descriptor)
            os.rename(temporary, item.id[2:], src_dir_fd=above, dst_dir_fd=above)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=above)
            raise


def _settle(folder: Path, objects: Iterable[Item]) -> None:
    """Have the names of the objects on the disk before a ref there names them."""
    for place in sorted({_place(folder, item).parent for item in objects}):
        sync_directory(place)


def _move(folder: Path, ref: str, above: int, old: str | None, new: str, limits: Limits) -> bool:
    """Move a ref if it still is as it was, under the lock that whoever else moves it takes: git-update-ref(1)."""
    name = PurePosixPath(ref).name
    lock = f"{name}.lock"
    try:
        descriptor = os.open(lock, making.NEW, 0o666, dir_fd=above)
    except FileExistsError as error:
        raise _locked(f"{folder / ref}.lock") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            if moved := resolve(folder, ref, limits) == old:
                file.write(f"{new}\n".encode())
                file.flush()
                making.hand_over(descriptor, above, 0o666)  # not before: an empty one that is root's is ours
                os.fsync(descriptor)
        if moved:
            _clear(folder / ref, above)
            os.rename(lock, name, src_dir_fd=above, dst_dir_fd=above)
            os.fsync(above)
        else:
            os.unlink(lock, dir_fd=above)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(lock, dir_fd=above)
        raise
    return moved


def _unlock(path: Path, above: int, ours: Collection[str]) -> None:
    """
    Take away a lock that a run of trued left when it was killed: no other would, and no report would arrive any more.

    It holds one of the commits that wait to be pushed, or nothing yet, and then is still its maker's, not given away.
    """
    lock = f"{path.name}.lock"
    try:
        with open_plain(path.with_name(lock)) as file:
            known, text = os.fstat(file.fileno()), file.read(1024).decode("ascii", "replace").rstrip()
    except OSError:
        return
    mine = text in ours if text else known.st_uid == os.geteuid()
    if mine and time.time() - known.st_mtime > ABANDONED:
        os.unlink(lock, dir_fd=above)
        log.warning("%s.lock: was left by a run of trued that was killed: taken away", path)


def _locked(lock: str) -> SourceError:
    return SourceError(
        f"{lock}: another Git is moving this ref, or was killed while it did",
        hint=f"if none is at work there: rm {lock}",
    )


def _clear(path: Path, above: int) -> None:
    """Take away empty folders where a ref is to be, as Git does: refs that were below it leave them. No link is followed."""
    try:
        if S_ISDIR(os.stat(path.name, dir_fd=above, follow_symlinks=False).st_mode):
            for _, folders, _, at in os.fwalk(path.name, topdown=False, dir_fd=above):
                for folder in folders:
                    os.rmdir(folder, dir_fd=at)
            os.rmdir(path.name, dir_fd=above)
    except FileNotFoundError:
        return
    except OSError as error:
        error.filename = str(path)  # not only the last part of what is in the way there
        raise


def _push_by_dulwich(folder: Path, ref: str, old: str | None, new: str, objects: Sequence[Item]) -> bool:
    from dulwich.file import FileLocked
    from dulwich.objects import ObjectID
    from dulwich.refs import Ref
    from dulwich.repo import Repo

    refuse_strange(folder, "commondir", "shallow", "info/grafts", "objects/info/alternates")
    name, target = Ref(ref.encode()), ObjectID(new.encode())
    with Repo(str(folder)) as repo:
        _write_by_dulwich(repo, folder, objects)
        _settle(folder, objects)
        try:
            if old is None:
                moved = repo.refs.add_if_new(name, target)
            else:
                moved = repo.refs.set_if_equals(name, ObjectID(old.encode()), target)
        except FileLocked as error:
            raise _locked(os.fsdecode(error.lockfilename)) from error
    return moved


def _write_by_dulwich(repo: Repo, folder: Path, objects: Iterable[Item]) -> None:
    from dulwich.objects import ShaFile

    store = repo.object_store
    store.fsync_object_files = True
    if store.loose_compression_level == -1:  # what its owner has not chosen
        store.loose_compression_level = FAST
    for item in objects:
        path = _place(folder, item)
        with making.folder(folder, "objects") as above:
            making.refuse_link(path.parent, above)
            if path.is_file() and not path.stat().st_size:
                path.unlink()
            store.add_object(ShaFile.from_raw_string(item.kind, item.data))
            if not path.is_file():  # but in a pack
                continue
            making.give(path.parent.name, above)
        with making.folder(folder, f"objects/{path.parent.name}") as above:
            making.give(path.name, above)
