"""
The two doors to the machine: `Probe` only looks, `Host` also acts. Nobody else touches it.

These are the protocols, and the values that cross them; `local.py` is the real machine.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from agent.errors import HostError
from agent.model import Step


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
        self, paths: Collection[PurePosixPath], *, digests: Collection[PurePosixPath] = ()
    ) -> Mapping[PurePosixPath, Entry | HostError | None]:
        """
        Return what stands at each path; the content of those in `digests` is read as well.

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

    def ask(self, *argv: str, stdin: bytes = b"", ok: Collection[int] = (0,)) -> Answer:
        """Run a command that only looks; raises HostError for another exit code, or after 60 s."""


class Host(Protocol):
    """Changes the host, one step at a time."""

    def probe(self) -> Probe:
        """Return fresh eyes: what was read before may be remembered only where it is proven unchanged."""

    def perform(self, step: Step) -> None:
        """Do one step; raises HostError. A step that was done, or half done, may be done again."""
