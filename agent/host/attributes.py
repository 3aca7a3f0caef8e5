"""Owners, modes and extended attributes: reads and sets them, through descriptors and never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agent.errors import HostError
from agent.host import owners, shown
from agent.host.placers import Placers
from agent.host.walk import parent_of, standing, trouble
from agent.model import Content, MakeDirectory, SetAttributes, WriteFile
from agent.values import dataclass

# Sums over the content: those of the old content would be wrong for the new one (evmctl(1)).
OF_CONTENT = frozenset({"security.ima", "security.evm"})
ACL = "system.posix_acl_access"
DOING = "set mode and owner"
MODE = 0o7777


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a regular file has that a new one in its place is to have too."""

    mode: int
    uid: int
    gid: int
    xattrs: dict[str, bytes]  # with ACLs, capabilities and the SELinux label: xattr(7)


def kept(fd: int) -> Kept:
    """Return what an open file has; raises OSError."""
    found = os.fstat(fd)
    return Kept(mode=stat.S_IMODE(found.st_mode), uid=found.st_uid, gid=found.st_gid, xattrs=_xattrs(fd))


def stranger(there: Kept) -> Kept:
    """Return what is taken from a file that may be anybody's: a mode that lets nobody else write, or run it as its owner."""
    return Kept(mode=there.mode & 0o755, uid=os.geteuid(), gid=os.getegid(), xattrs={})


def dress(fd: int, *, mode: int, uid: int | None, gid: int | None, like: Kept | None) -> None:
    """
    Give an open file its owner, extended attributes and mode; raises OSError.

    The order matters: chown(2) takes away setuid and capabilities, and fchmod(2) last turns the group's bits
    into the mask of an ACL (acl(5)), so that a declared mode holds whatever the ACL was.
    """
    own(fd, uid, gid)
    if like is not None:
        _give_xattrs(fd, like.xattrs)
    os.fchmod(fd, mode)


def own(fd: int, uid: int | None, gid: int | None) -> None:
    """Set the owner of an open file or folder where it differs; raises OSError."""
    if uid is None and gid is None:
        return
    found = os.fstat(fd)
    if uid in {None, found.st_uid} and gid in {None, found.st_gid}:
        return
    os.chown(fd, -1 if uid is None else uid, -1 if gid is None else gid)


def set_attributes(root: Path, step: SetAttributes, placers: Placers) -> WriteFile | None:
    """
    Set mode and owner of a file, folder or link that is there; raises HostError.

    Return the step to do instead for a file that somebody may have put there to have it handed over.
    """
    uid, gid = owners.wanted(step.owner, step.group)
    with parent_of(root, step.path, DOING) as (fd, name):
        try:
            if standing(fd, name) is None:
                raise HostError(f"{shown(step.path)}: cannot {DOING}: nothing is there")
            with _held(fd, name) as (itself, found):
                if not _may_change(found, placers.into(fd), step.mode, uid, gid):
                    if step.content is None or stat.S_ISDIR(found.st_mode):
                        raise untrusted(step.path, found)
                    return _anew(step, step.content)
                placers.remember(found)
                _set_on(itself, found, step.mode, uid, gid)
        except OSError as error:
            raise trouble(step.path, DOING, error) from error
    return None


def set_on_folder(
    fd: int, above: int, step: MakeDirectory, uid: int | None, gid: int | None, placers: Placers
) -> None:
    """Set mode and owner of an open folder that stood there, in the folder `above`; raises OSError and HostError."""
    found = os.fstat(fd)
    if not _may_change(found, placers.into(above), step.mode, uid, gid):
        raise untrusted(step.path, found)
    placers.remember(found)
    own(fd, uid, gid)
    if step.mode is not None:
        os.fchmod(fd, step.mode)


def untrusted(path: PurePosixPath, found: os.stat_result) -> HostError:
    """Return what to say of something that is not touched, since it may be there to be handed over."""
    return HostError(
        f"{shown(path)}: cannot {DOING}: it belongs to {owners.user(found.st_uid)}, and others, who may write in a folder "
        "on the way to it, can have put it there",
        hint="look what is in it: then give it owner and mode by hand (chown, chmod), or move it away",
    )


def own_link(fd: int, name: str, uid: int | None, gid: int | None) -> None:
    """Set the owner of a link where it differs, of nothing else; raises OSError. A link has no mode (symlink(7))."""
    if uid is None and gid is None:
        return
    with _held(fd, name) as (itself, found):
        if not stat.S_ISLNK(found.st_mode):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        _set_on(itself, found, None, uid, gid)


@contextmanager
def _held(fd: int, name: str) -> Iterator[tuple[str, os.stat_result]]:
    """
    Lend what is under a name in a folder, whatever it is, by the path that changes it, and what it is; raises OSError.

    O_PATH opens anything without touching it, devices too; /proc/self/fd is how such a descriptor is changed (open(2)).
    It names the very inode, a link's as well, so nothing can slip in between.
    """
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        yield f"/proc/self/fd/{handle}", os.fstat(handle)
    finally:
        os.close(handle)


def _anew(step: SetAttributes, content: Content) -> WriteFile:
    return WriteFile(
        path=step.path,
        content=content,
        mode=step.mode,
        owner=step.owner,
        group=step.group,
        why=step.why,
    )


def _may_change(
    found: os.stat_result, could: frozenset[int], mode: int | None, uid: int | None, gid: int | None
) -> bool:
    """Return whether nobody gains by it, whoever of those that `could` put it there did so."""
    keeps = uid in {None, found.st_uid}
    if could <= {found.st_uid}:
        # Whoever made a file may still have it open, and change what will be another's.
        return keeps or not could or stat.S_ISDIR(found.st_mode)
    return keeps and gid in {None, found.st_gid} and (mode is None or not _gain(found.st_mode, mode))


def _gain(before: int, after: int) -> int:
    """Return the bits that allow somebody something new; that a folder is no longer sticky is one of them."""
    return (after ^ stat.S_ISVTX) & ~(before ^ stat.S_ISVTX) & MODE


def _set_on(itself: str, found: os.stat_result, mode: int | None, uid: int | None, gid: int | None) -> None:
    if uid not in {None, found.st_uid} or gid not in {None, found.st_gid}:
        os.chown(itself, -1 if uid is None else uid, -1 if gid is None else gid)
    # Without a declared mode, setuid stays away as chown(2) leaves it: its old owner may have set it, and must
    # not get a program that runs as the new one.
    if (
        mode is not None
        and not stat.S_ISLNK(found.st_mode)
        and stat.S_IMODE(os.stat(itself).st_mode) != mode
    ):
        os.chmod(itself, mode)


def _xattrs(fd: int) -> dict[str, bytes]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names if name not in OF_CONTENT}


def _give_xattrs(fd: int, wanted: dict[str, bytes]) -> None:
    """Make them equal to `wanted`; what a folder's default ACL added to the new file goes (acl(5))."""
    present = _xattrs(fd)
    for name, value in wanted.items():
        if present.get(name) != value:
            os.setxattr(fd, name, value)
    if ACL in present and ACL not in wanted:
        os.removexattr(fd, ACL)
