"""
The two doors to the machine: `Probe` only looks, `Host` also acts. Nobody else touches it.

These are the protocols, and the values that cross them; `servers.py` has those of the host's own servers, `local.py` is the
real machine.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from agent.errors import HostError
from agent.host.servers import Cluster, Engine, Systemd
from agent.model import Step
from agent.values import dataclass

T = TypeVar("T")


class DetourError(HostError):
    """The way to a path goes through a symbolic link, which is never followed. `link` is where it stands."""

    def __init__(self, message: str, *, link: PurePosixPath, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.link = link


def shown(path: PurePosixPath | str) -> str:
    """Return a path as one line that can be printed anywhere; odd bytes and control characters escaped."""
    text = str(path)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as os.fsdecode brings it (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


class FileType(enum.StrEnum):
    FILE = enum.auto()
    DIRECTORY = enum.auto()
    LINK = enum.auto()
    OTHER = enum.auto()  # a socket, a FIFO, a device


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands at a path, not followed if it is a link."""

    type: FileType
    mode: int  # permission bits with setuid, setgid and sticky
    uid: int
    gid: int
    size: int  # bytes
    digest: str = ""  # of a regular file whose content was asked for: its Git blob id
    target: str = ""  # of a link


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswdEntry:
    """One line of /etc/passwd (passwd(5)), with what /etc/shadow has of it."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    password: str | None = field(repr=False)  # as in shadow(5), hashed; None: it has no line there


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """One line of /etc/group (group(5))."""

    name: str
    gid: int
    members: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The users and groups of this host's own files, by name; of a name that is there twice, the first."""

    users: Mapping[str, PasswdEntry]
    groups: Mapping[str, GroupEntry]
    broken_users: Mapping[str, HostError] = field(default_factory=dict)  # lines that make no sense
    broken_groups: Mapping[str, HostError] = field(default_factory=dict)
    uids: range = range(1000, 60001)  # of people (UID_MIN and UID_MAX of login.defs(5))
    gids: range = range(1000, 60001)
    locks: tuple[PurePosixPath, ...] = ()  # lock files from before this boot: nobody holds them any more
    _user_of: Mapping[int, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _group_of: Mapping[int, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _groups_with: Mapping[str, frozenset[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Make the indexes: they are asked for every user in every cycle."""
        groups: dict[str, set[str]] = {}
        for group in self.groups.values():
            for member in group.members:
                groups.setdefault(member, set()).add(group.name)
        of_users = {user.uid: user.name for user in reversed(tuple(self.users.values()))}
        of_groups = {group.gid: group.name for group in reversed(tuple(self.groups.values()))}
        object.__setattr__(self, "_user_of", of_users)
        object.__setattr__(self, "_group_of", of_groups)
        object.__setattr__(self, "_groups_with", {name: frozenset(found) for name, found in groups.items()})

    def user_of(self, uid: int) -> str:
        """Return the name of the first user with this number, or nothing."""
        return self._user_of.get(uid, "")

    def group_of(self, gid: int) -> str:
        """Return the name of the first group with this number, or nothing."""
        return self._group_of.get(gid, "")

    def groups_with(self, user: str) -> frozenset[str]:
        """Return the groups that name a user as a member."""
        return self._groups_with.get(user, frozenset())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


class Probe(Protocol):
    """Reads the host. Equal questions get one answer for the probe's lifetime."""

    def entries(
        self, paths: Collection[str], *, digests: Collection[str] = ()
    ) -> Mapping[str, Entry | HostError | None]:
        """
        Return what stands at each path, as in "/etc/motd"; the content of those in `digests` is read as well.

        None: nothing is there, or a component of the way is missing or no directory. HostError: it cannot be
        read, or the way goes through a symbolic link (never followed).
        """

    def names(self, directory: PurePosixPath) -> tuple[str, ...]:
        """Return the sorted names in a directory; raises HostError."""

    def content(self, path: PurePosixPath, *, limit: int) -> bytes | None:
        """Return the first `limit` bytes of a regular file, None if there is none; raises HostError."""

    def uid(self, owner: str) -> int | None:
        """Return the number of a user given by name or number; None if this host has no such name."""

    def gid(self, group: str) -> int | None:
        """Return the number of a group given by name or number; None if this host has no such name."""

    def user(self, uid: int) -> str:
        """Return the name of a user, or the number where it has none."""

    def group(self, gid: int) -> str:
        """Return the name of a group, or the number where it has none."""

    def accounts(self) -> Accounts:
        """Return the users and groups of this host's own files; raises HostError. See `uid` for all that it knows."""

    def mounts(self) -> frozenset[PurePosixPath]:
        """Return where other file systems are mounted, and what trued itself lives from; raises HostError."""

    def ask(self, *argv: str, stdin: bytes = b"", ok: Collection[int] = (0,)) -> Answer:
        """
        Run a command that only looks; raises HostError for another exit code, or after 60 s.

        Raises HostError too where the host's files are below another folder than /: commands know nothing of it.
        """

    def systemd(self) -> Systemd:
        """Return the systemd of this host; raises HostError where the host's files are below another folder than /."""

    def engine(self) -> Engine:
        """Return the container engine of this host; raises HostError where none answers."""

    def cluster(self) -> Cluster:
        """Return the Kubernetes of this host; raises HostError where no API server answers, or none is ready."""

    def age(self, path: PurePosixPath) -> float | None:
        """
        Return the seconds since something was last modified, None if nothing is there; raises HostError.

        Less than 0: that was while the clock was ahead.
        """

    def remembered(self, key: Hashable, paths: Collection[str], read: Callable[[], T]) -> T:
        """
        Return what `read` returns, or what it did for an equal `key` as long as none of `paths` has changed since.

        A folder changes when a name in it does. What is raised is not remembered. Raises HostError for a path that
        cannot be looked at, and what `read` raises.
        """


def entry_at(probe: Probe, path: PurePosixPath | str) -> Entry | None:
    """Return what stands at one path, as `Probe.entries` does for many; raises HostError."""
    found = probe.entries((str(path),))[str(path)]
    if isinstance(found, HostError):
        raise found
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    The steps that one thing takes, in order: none is done after one that has failed.

    `needs`: which of the jobs before it (their places) have to be done, and on the disk, before it is begun.
    """

    steps: Sequence[Step]
    needs: Collection[int] = ()


class Host(Protocol):
    """Changes the host, one step or one batch of them at a time."""

    def probe(self, beat: Callable[[], None] = lambda: None) -> Probe:
        """
        Return fresh eyes: what was read before may be remembered only where it is proven unchanged.

        `beat` is called after each command that was asked: a look may take many, and each has its time limit.
        """

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        """
        Do one step; raises HostError. A step that was done, or half done, may be done again.

        `beat` is called every few seconds while a command is waited for: the caller is alive, and its time is bounded.
        """

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        """
        Do jobs as `turns.in_turn` does, with the same promises when it returns; but what can be made durable together is.

        Killed in between, each path has what it had or what it was to have, and those of a job after those it needs.
        """
