"""What users and groups have in common: the locks of those who write their files, and numbers that are somebody's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from agent.errors import HostError
from agent.model import Remove, Step

STATIC = 100  # numbers below are given out once for all hosts: Debian Policy 9.2.2, and its like elsewhere


def unlocked(locks: Iterable[PurePosixPath]) -> Iterator[Step]:
    """Yield the removal of locks that a power cut has left: with them, nobody could change an account any more."""
    return (Remove(path=lock, why="left by a power cut") for lock in sorted(set(locks)))


def of_the_base(account: str, number: int) -> str:
    """Return why a person has to say yes before an account, as in "group tty", goes; nothing for most of them."""
    if number >= STATIC:
        return ""
    return f"{account} ({number}) belongs to the base of every host of this distribution, and programs count on it"


def taken(number: str, holder: str) -> HostError:
    """Return what to say of a number, as in "uid 1500", that somebody else has."""
    hint = "declare another one, or none to get one that is free"
    return HostError(f"{number} is taken by {holder}", hint=hint)


def from_elsewhere(account: str, number: str, database: str, name: str) -> HostError:
    """Return what to say of an account, as in "user ada", that is known, and in no file of this host: nsswitch.conf(5)."""
    return HostError(
        f"{account} {name} ({number}) is not in /etc/{database}: it comes from elsewhere",
        hint=f"change it there (see nsswitch.conf(5) and `getent {database} {name}`), or declare another name",
    )
