"""Users and groups by name and by number. Reads the system's databases (getpwnam(3)), changes nothing."""

from __future__ import annotations

import grp
import pwd

from agent.errors import HostError

LARGEST = 2**32 - 2  # (uid_t) -1 means "leave as it is" in chown(2)


def uid(owner: str) -> int | None:
    """Return the number of a user given by name or number; None if this host has no such name."""
    if (number := _number(owner)) is not None:
        return number
    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        return None


def gid(group: str) -> int | None:
    """Return the number of a group given by name or number; None if this host has no such name."""
    if (number := _number(group)) is not None:
        return number
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def user(number: int) -> str:
    """Return the name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group(number: int) -> str:
    """Return the name of a group, or the number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def wanted(owner: str | None, group: str | None) -> tuple[int | None, int | None]:
    """Return both numbers, None where nothing is asked for; raises HostError for a name unknown here."""
    numbers = (None if owner is None else uid(owner), None if group is None else gid(group))
    if owner is not None and numbers[0] is None:
        raise HostError(f"no user {owner!r} on this host", hint=f"declare it, or see: getent passwd {owner}")
    if group is not None and numbers[1] is None:
        raise HostError(f"no group {group!r} on this host", hint=f"declare it, or see: getent group {group}")
    return numbers


def _number(text: str) -> int | None:
    return min(int(text), LARGEST) if text.isascii() and text.isdigit() else None
