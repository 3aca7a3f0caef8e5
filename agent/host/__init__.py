"""
The two doors to the machine: `Probe` only looks, `Host` also acts. Nobody else touches it.

These are the protocols, and the values that cross them; `local.py` is the real machine.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from agent.errors import HostError
from agent.model import Activity, Json, Step
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


class Engine(Protocol):
    """
    Looks at the container engine of this host: Docker's, or Podman's by the same API. Each method raises HostError.

    What it answers is what the engine says, as `docker inspect` prints it.
    """

    @property
    def api(self) -> str:
        """The version of the API that is spoken with it, as in 1.41."""

    @property
    def lacking(self) -> Mapping[str, str]:
        """The limits, by key of `docker inspect`, that a step has asked it for and it left out, with its words."""

    def containers(self, names: Collection[str]) -> Mapping[str, Json]:
        """Return those of these containers that there are, by name (without its slash)."""

    def networks(self) -> Mapping[str, Json]:
        """Return every network, by name; with the containers that are in it."""

    def volumes(self) -> Mapping[str, Json]:
        """Return every volume, by name."""

    def image(self, reference: str) -> Json | None:
        """Return an image of this host by its reference or id, None if there is none."""

    def dangling(self) -> Iterable[Json]:
        """Return the images of this host that no tag stands for, as a list has them: Id, RepoDigests."""

    def labelled(self, label: str) -> Mapping[str, str]:
        """Return the names of the containers with this label, by its value."""

    def users(self) -> Mapping[str, str]:
        """Return the id of the image that each container there is was made from, by the container's name."""

    def digest(self, reference: str, *, age: float) -> str:
        """
        Return the digest (sha256:…) that a registry has for a reference now, or nothing where it does not tell.

        An answer is good for `age` seconds. Raises HostError, too, where the registry cannot be reached.
        """

    def last_words(self, name: str) -> str:
        """Return the end of a container's log, on one line."""


class NoClusterError(HostError):
    """Nothing leads to a Kubernetes: none has started here so far, for k3s writes the way to itself when it does."""


class ClusterError(HostError):
    """
    The API server of Kubernetes said no. `code` is HTTP's.

    `status` is the Status that it sent (reason, message, details.causes; kubernetes.io/docs/reference: Status v1 meta), if any.
    """

    def __init__(self, message: str, *, code: int, status: Json, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKind:
    """How a kind of object is served (APIResource of a discovery document)."""

    api_version: str  # group/version, or v1
    kind: str
    plural: str
    namespaced: bool
    has_status: bool = False  # its status is a subresource

    @property
    def group(self) -> str:
        """The group; empty for the core group."""
        return self.api_version.rpartition("/")[0]


class Cluster(Protocol):
    """
    Looks at the Kubernetes of this host through its API. Each method raises HostError; ClusterError where it has answered.

    Objects are as the API has them, with what is in `metadata`.
    """

    @property
    def owner(self) -> str:
        """The value of the label OWNER on all that this host's trued keeps."""

    @property
    def now(self) -> float:
        """When this look began: seconds since the epoch, by this host's clock."""

    def served(self, group: str, kind: str, version: str = "") -> ApiKind | None:
        """Return how a kind is served, in one version or the preferred one; None if it is not, perhaps not yet."""

    def every_kind(self) -> Iterable[ApiKind]:
        """Return all that can be listed and deleted, each in its preferred version; what is not served now is left out."""

    def heed(self, kind: ApiKind) -> None:
        """From now on, have a daemon woken when somebody else changes an object of this host, of this kind."""

    def find(self, kind: ApiKind, namespace: str, name: str) -> Json | None:
        """Return one object, None if it is not there."""

    def owned(self, kind: ApiKind, *, whole: bool) -> Iterable[Json]:
        """Return the objects of all namespaces with this host's label; only kind and metadata, unless `whole`."""

    def listed(
        self, kind: ApiKind, namespace: str = "", *, selector: str = "", whole: bool = False
    ) -> Iterable[Json]:
        """Return the objects of a namespace, or of all. `selector`: of labels, as in kubectl's -l."""

    def tried(self, object_: Json, *, adopted: bool) -> Json:
        """Return what an object would be if it were applied, Git winning: a dry run of a server-side apply."""

    def tried_whole(self, object_: Json) -> Json:
        """Return what an object would be if the whole of it were replaced by this one: a dry run of an update."""

    def tried_anew(self, object_: Json) -> None:
        """Raise ClusterError if an object like this one, under another name, could not be created either."""

    def remembered(self, key: Hashable, at: Hashable, read: Callable[[], T]) -> T:
        """Return what `read` returns, or what it did for this key when `at` was last equal. What is raised is not remembered."""

    def recalls(self, key: Hashable) -> bool:
        """Return whether something is remembered for this key, be it of another `at`."""


class Systemd(Protocol):
    """Looks at systemd by its API on D-Bus: org.freedesktop.systemd1(5). Each method raises HostError."""

    def loaded(self, names: Collection[str]) -> Mapping[str, Activity]:
        """Return what those of these units are at that systemd has loaded, by the names that are their own."""

    def properties(
        self, names: Collection[str], *, general: Collection[str] = (), own: Collection[str] = ()
    ) -> Mapping[str, Json]:
        """Return properties of units, as far as each has them: of every unit, and of its own type. A structure is a tuple."""

    def enabled(self, names: Collection[str]) -> Mapping[str, str]:
        """Return how unit files are enabled, as it stands on the disk; those of which it cannot be told are left out."""


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
