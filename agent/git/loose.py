"""
A push into a repository on this machine: its objects, then the ref by compare and swap (gitrepository-layout(5)).

Written as Git itself would; dulwich writes where the repository's own settings have a say in how. Hooks are not run.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from agent.git.disk import Disk
from agent.git.limits import FAST, Limits
from agent.git.objects import Item, Kind, Mode, parse_commit, parse_tree
from agent.git.refs import resolve
from agent.git.wire import PushRejectedError

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# Of git-config(1): who may read what is written, how it is packed, and what else this may be than a plain repository.
OTHERWISE = re.compile(rb"sharedrepository|compression|fsync|include|extensions", re.IGNORECASE)


def push(folder: Path, ref: str, old: str | None, new: str, objects: Sequence[Item], limits: Limits) -> None:
    """Write the objects, once all that they refer to has been seen, then move the ref; raises PushRejectedError."""
    with closing(Disk(folder / "objects", limits)) as disk:
        brought = {item.id for item in objects}
        for needed in (new, *(needed for item in objects for needed in _referred(item))):
            if needed not in brought and not disk.holds(needed):
                raise PushRejectedError(f"{ref}: the object {needed} is missing, nothing was pushed")
    if _is_plain(folder, ref):
        for item in objects:
            _write(folder / "objects", item)
        moved = _move(folder, ref, old, new, limits)
    else:
        moved = _push_by_dulwich(folder, ref, old, new, objects)
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


def _is_plain(folder: Path, ref: str) -> bool:
    symbolic = False
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        symbolic = (folder / ref).read_bytes().startswith(b"ref:")
    with suppress(FileNotFoundError):
        return not symbolic and not OTHERWISE.search((folder / "config").read_bytes())
    return not symbolic


def _write(folder: Path, item: Item) -> None:
    """Write an object; one that is there gets a new time, so that git-prune(1) lets it be until the ref has moved."""
    path = folder / item.id[:2] / item.id[2:]
    with suppress(FileNotFoundError, PermissionError):
        os.utime(path)
        return
    temporary = path.with_name(f"tmp_obj_{os.urandom(8).hex()}")  # git-prune(1) knows it by its name
    try:
        descriptor = os.open(temporary, NEW, 0o444)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(temporary, NEW, 0o444)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            head = b"%s %d\0" % (item.kind.word, len(item.data))
            left = memoryview(zlib.compress(head + item.data, FAST))
            while left:
                left = left[file.write(left) :]
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _move(folder: Path, ref: str, old: str | None, new: str, limits: Limits) -> bool:
    """Move a ref if it still is as it was, under the lock that whoever else moves it takes: git-update-ref(1)."""
    path = folder / ref
    lock = path.with_name(f"{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, NEW, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if moved := resolve(folder, ref, limits) == old:
                file.write(f"{new}\n".encode())
                file.flush()
                os.fsync(descriptor)
        if moved:
            lock.rename(path)
        else:
            lock.unlink()
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
    return moved


def _push_by_dulwich(folder: Path, ref: str, old: str | None, new: str, objects: Sequence[Item]) -> bool:
    from dulwich.objects import ObjectID, ShaFile
    from dulwich.refs import Ref
    from dulwich.repo import Repo

    with Repo(str(folder)) as repo:
        if repo.object_store.loose_compression_level == -1:  # what its owner has not chosen
            repo.object_store.loose_compression_level = FAST
        for item in objects:
            repo.object_store.add_object(ShaFile.from_raw_string(item.kind, item.data))
        name, target = Ref(ref.encode()), ObjectID(new.encode())
        if old is None:
            return repo.refs.add_if_new(name, target)
        return repo.refs.set_if_equals(name, ObjectID(old.encode()), target)
