"""Owners, modes and extended attributes: reads and sets them, through descriptors and never through a link."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from agent.errors import HostError
from agent.host import owners, shown
from agent.host.walk import parent_of, standing, trouble
from agent.model import SetAttributes
from agent.values import dataclass

# Sums over the content: those of the old content would be wrong for the new one (evmctl(1)).
OF_CONTENT = frozenset({"security.ima", "security.evm"})
ACL = "system.posix_acl_access"


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


def set_attributes(root: Path, step: SetAttributes) -> None:
    """Set mode and owner of a file, folder or link that is there; raises HostError."""
    uid, gid = owners.wanted(step.owner, step.group)
    with parent_of(root, step.path, "set mode and owner") as (fd, name):
        try:
            found = standing(fd, name)
            if found is None:
                raise HostError(f"{shown(step.path)}: cannot set mode and owner: nothing is there")
            if stat.S_ISLNK(found.st_mode):
                own_link(fd, name, found, uid, gid)
            else:
                _set_on(fd, name, step.mode, uid, gid)
        except OSError as error:
            raise trouble(step.path, "set mode and owner", error) from error


def own_link(fd: int, name: str, found: os.stat_result, uid: int | None, gid: int | None) -> None:
    """Set the owner of a link where it differs; raises OSError. A link has no mode (symlink(7))."""
    if uid in {None, found.st_uid} and gid in {None, found.st_gid}:
        return
    numbers = (-1 if uid is None else uid, -1 if gid is None else gid)
    os.chown(name, *numbers, dir_fd=fd, follow_symlinks=False)


def _set_on(fd: int, name: str, mode: int | None, uid: int | None, gid: int | None) -> None:
    # O_PATH opens anything without touching it, devices too; /proc/self/fd is how such a descriptor is
    # changed (open(2)). It names the very inode, so no link can slip in between.
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        found = os.fstat(handle)
        if stat.S_ISLNK(found.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        itself = f"/proc/self/fd/{handle}"
        if uid not in {None, found.st_uid} or gid not in {None, found.st_gid}:
            os.chown(itself, -1 if uid is None else uid, -1 if gid is None else gid)
        # Without a declared mode, setuid stays away as chown(2) leaves it: its old owner may have set it, and must
        # not get a program that runs as the new one.
        if mode is not None and stat.S_IMODE(os.fstat(handle).st_mode) != mode:
            os.chmod(itself, mode)
    finally:
        os.close(handle)


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
