"""
The two doors to the machine: `Probe` only looks, `Host` also acts. Nobody else touches it.

These are the protocols, and the values that cross them; `local.py` is the real machine.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from agent.errors import HostError
from agent.model import Step

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

    def mounts(self) -> frozenset[PurePosixPath]:
        """Return where other file systems are mounted, and what trued itself lives from; raises HostError."""

    def ask(self, *argv: str, stdin: bytes = b"", ok: Collection[int] = (0,)) -> Answer:
        """
        Run a command that only looks; raises HostError for another exit code, or after 60 s.

        Raises HostError too where the host's files are below another folder than /: commands know nothing of it.
        """

    def age(self, path: PurePosixPath) -> float | None:
        """Return the seconds since something was last modified, None if nothing is there; raises HostError."""

    def remembered(self, key: Hashable, paths: Collection[str], read: Callable[[], T]) -> T:
        """
        Return what `read` returns, or what it did for an equal `key` as long as none of `paths` has changed since.

        A folder changes when a name in it does. What is raised is not remembered. Raises HostError for a path that
        cannot be looked at, and what `read` raises.
        """


class Host(Protocol):
    """Changes the host, one step at a time."""

    def probe(self) -> Probe:
        """Return fresh eyes: what was read before may be remembered only where it is proven unchanged."""

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        """
        Do one step; raises HostError. A step that was done, or half done, may be done again.

        `beat` is called every few seconds while a command is waited for: the caller is alive, and its time is bounded.
        """
