"""The words trued thinks in. Plain frozen values: nothing here reads or writes anything."""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar, Protocol, Self, TypeAlias

from agent.errors import HostError


@dataclass(frozen=True, slots=True, order=True)
class ResourceId:
    """Names exactly one thing on the host: ``file:/etc/motd``. `str()` and `parse()` are inverse."""

    kind: str
    name: str

    PATTERN: ClassVar[str] = r"^[a-z]+:.+$"

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError for anything but ``kind:name``."""
        kind, colon, name = text.partition(":")
        if not (colon and name and kind.isascii() and kind.isalpha() and kind.islower()):
            raise ValueError(f"expected kind:name, as in file:/etc/motd, got {text!r}")
        return cls(kind, name)


class Mode(int):
    """Permission bits, written as three or four octal digits."""

    PATTERN: ClassVar[str] = "^[0-7]{3,4}$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("[0-7]{3,4}", text):
            raise ValueError(f'expected a mode of three or four octal digits, as in "0644", got {text!r}')
        return cls(int(text, 8))

    def __str__(self) -> str:
        return f"{int(self):04o}"

    __repr__ = __str__


class Duration(float):
    """A span of time in seconds, written with a unit: 500ms, 60s, 5m, 2h, 1d."""

    PATTERN: ClassVar[str] = "^[0-9]+(ms|s|m|h|d)$"
    UNITS: ClassVar[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

    @classmethod
    def parse(cls, text: str) -> Self:
        if not (found := re.fullmatch("([0-9]{1,9})(ms|s|m|h|d)", text)):
            raise ValueError(f"expected a duration, as in 60s, 5m or 1h, got {text!r}")
        return cls(int(found[1]) * cls.UNITS[found[2]])


class Share(float):
    """A part of a whole, from 0 to 1, written as a percentage."""

    PATTERN: ClassVar[str] = "^[0-9]{1,3}%$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("[0-9]{1,3}%", text) or int(text[:-1]) > 100:
            raise ValueError(f'expected a percentage from 0% to 100%, as in "25%", got {text!r}')
        return cls(int(text[:-1]) / 100)


class TreePath(PurePosixPath):
    """A path in the fleet repository, from its root; written relative to the document that names it."""

    PATTERN: ClassVar[str] = "^[^/].*$"

    @classmethod
    def beside(cls, document: str, text: str) -> Self:
        """Return where `text`, written in `document`, points. Raise ValueError outside the folder."""
        if not text or len(text) > 4096 or "\0" in text:
            raise ValueError("expected a path of 1 to 4096 characters")
        if text.startswith("/") or ".." in text.split("/"):
            raise ValueError(f"expected a path below the document's own folder, without '..', got {text!r}")
        return cls(PurePosixPath(document).parent / text)


class Content(Protocol):
    """Bytes that a file is to have; perhaps too many to hold at once."""

    @property
    def digest(self) -> str:
        """Their Git blob id (40 hex digits): a file on disk is compared without reading a commit."""

    def chunks(self) -> Iterator[bytes]:
        """Yield them in order, at most 1 MiB at a time; raises SourceError when they cannot be had."""


def blob_id(data: bytes) -> str:
    """Return the name Git gives to these bytes (gitformat-object: "blob", size, NUL, content)."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Text:
    """Content that stands in a document or came out of a template."""

    data: bytes = field(repr=False)
    digest: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        return cls(data, blob_id(data))

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), 1 << 20):
            yield self.data[start : start + (1 << 20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A file of a commit, as Git has it."""

    path: TreePath
    executable: bool
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLink:
    """A symbolic link of a commit: data, never followed."""

    path: TreePath
    target: str


class Tree(Protocol):
    """The files of one commit, read on demand. Every path is from the root of the repository."""

    def prefetch(self, paths: frozenset[TreePath]) -> None:
        """Make ready all that is at and below these paths, in as few requests as can be; missing is fine."""

    def documents(self, folder: TreePath) -> tuple[TreePath, ...] | None:
        """Return the files directly in a folder that end in .yaml, sorted; None if there is no such folder."""

    def entry(self, path: TreePath) -> TreeFile | TreeLink | None:
        """Return the file or link at a path, or None if nothing or a folder is there."""

    def walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink] | None:
        """Yield all that is below a folder, sorted; None if there is no such folder."""


class Sources(Tree, Protocol):
    """The files of one commit as one host sees them: it can also fill in templates."""

    def render(self, path: TreePath) -> Content:
        """Return what a template of the commit becomes on this host; raises DocumentError with file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCommit:
    """A commit that this host may follow. Made only in `agent/git/verify.py`; nothing else is rendered."""

    sha: str
    signer: str  # a principal of allowed_signers, or empty where no signature is asked for
    committed: datetime
    tree: Tree = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which host this is: what layers are chosen by, and what variables and templates may name."""

    host: str
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(
        default_factory=dict
    )  # nested plain data: text, numbers, lists, mappings


# Steps. Paths are the host's own, absolute. Doing a step twice does no harm.


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """Put a regular file in place atomically. None for mode: that of the file there, or 0644."""

    path: PurePosixPath
    content: Content = field(repr=False)
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    validate: tuple[str, ...] = ()  # argv in which {} is the temporary file
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeLink:
    """Put a symbolic link in place atomically."""

    path: PurePosixPath
    target: str
    owner: str | None = None
    group: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeDirectory:
    """Make one directory; its parent is there. None for mode: 0755."""

    path: PurePosixPath
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAttributes:
    """Set mode and owner of what is there; None leaves as it is."""

    path: PurePosixPath
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Remove a file, a link, or a directory with nothing in it (one that is not empty stays)."""

    path: PurePosixPath
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFirst:
    """Keep a copy, under trued's own folder, of a file or link that was there before trued."""

    path: PurePosixPath
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a command: `argv`, then `operands`. Steps that differ only in operands may be joined."""

    argv: tuple[str, ...]
    operands: tuple[str, ...] = ()
    stdin: bytes = field(default=b"", repr=False)
    timeout: float = 300.0  # seconds
    why: str


Step: TypeAlias = WriteFile | MakeLink | MakeDirectory | SetAttributes | Remove | KeepFirst | Run


class Drift(enum.StrEnum):
    """What to do when the host has moved away from what Git says, and Git says nothing new."""

    CORRECT = enum.auto()
    REPORT = enum.auto()
    IGNORE = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that is declared. `spec` is of its kind's own type, fully decoded."""

    id: ResourceId
    spec: object
    digest: str  # tells one declaration from another, without remembering either
    origin: str  # file:line in the repository
    needs: frozenset[ResourceId] = frozenset()
    restart_on: frozenset[ResourceId] = frozenset()
    keep: bool = False
    drift: Drift = Drift.CORRECT
    implied: bool = False  # follows from another one (the folder of a file); reported only when touched


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What one commit declares for this host. References resolve, no cycle, no id twice."""

    commit: str
    resources: Mapping[ResourceId, Resource]


Observed: TypeAlias = Mapping[ResourceId, object | HostError | None]
"""The state of each thing, of its kind's own type; None is absent; HostError: it cannot be read."""


class Verb(enum.StrEnum):
    CREATE = enum.auto()
    UPDATE = enum.auto()
    REMOVE = enum.auto()


class Cause(enum.StrEnum):
    COMMIT = enum.auto()  # Git says something new
    DRIFT = enum.auto()  # the host has moved away from what Git says
    TRIGGER = enum.auto()  # something that it listens to changes
    UNFINISHED = enum.auto()  # an earlier attempt was cut short


class Result(enum.StrEnum):
    CHANGED = enum.auto()
    FAILED = enum.auto()
    BLOCKED = enum.auto()  # could not be read, or what it needs failed
    HELD = enum.auto()  # a policy kept it back
    SKIPPED = enum.auto()  # not come to: trued was asked to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What will be done to one resource."""

    id: ResourceId
    verb: Verb
    cause: Cause
    steps: tuple[Step, ...]
    needs: frozenset[ResourceId] = frozenset()

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f"{self.id}: a change without steps is no change")

    @property
    def why(self) -> str:
        """The reasons of its steps, each once, in order."""
        return ", ".join(dict.fromkeys(step.why for step in self.steps if step.why))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Nothing can be decided: the host could not be read, or what it needs is in trouble."""

    id: ResourceId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Decided, and kept back by a policy."""

    id: ResourceId
    reason: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What must happen, in order; removals last. `entries`, `settled` and `gone` are disjoint."""

    commit: str
    entries: tuple[Change | Blocked | Held, ...]
    settled: frozenset[ResourceId]  # declared, and already so
    gone: frozenset[ResourceId]  # owned, no longer declared, and nothing left to do: absent, kept or let go
    released: Mapping[ResourceId, str] = field(
        default_factory=dict
    )  # of the gone, those left in place, and why

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Change))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one entry of a plan. `changed` is said only after looking again."""

    id: ResourceId
    result: Result
    verb: Verb | None = None
    cause: Cause | None = None
    reason: str = ""


class Verdict(enum.StrEnum):
    """The result of a whole cycle, as the status branch says it (Trued-Result)."""

    CONVERGED = "converged"
    FAILED = "failed"
    HELD = "held"
    INVALID = "invalid"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"
    SUSPENDED = "suspended"


class Ownership(enum.StrEnum):
    CREATED = enum.auto()  # trued made it, and removes it when Git stops declaring it
    ADOPTED = enum.auto()  # it was there already, and is let go when Git stops declaring it


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one resource stands at the end of a cycle: a line of status.json."""

    result: str  # a Result, "unchanged", or "released" (no longer declared, left in place)
    cause: Cause | None = None
    reason: str = ""
    digest: str = ""
    owned: Ownership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one cycle found and did. No content, no secret."""

    host: str
    started: datetime
    finished: datetime
    result: Verdict
    commit: str | None = None  # the commit that the host now follows
    good: str | None = None  # the last commit under which all was as declared
    error: str = ""  # why the newest commit is not the one followed, or why nothing could be done
    exit_code: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    resources: Mapping[ResourceId, Standing] = field(default_factory=dict)  # in the order of the plan
