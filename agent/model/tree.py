"""A commit as the rest of trued sees it: contents, files, links, and the proof that it may be followed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Protocol, Self

from agent.model.words import TreePath
from agent.values import dataclass


class Content(Protocol):
    """Bytes that a file is to have; perhaps too many to hold at once."""

    @property
    def digest(self) -> str:
        """Their Git blob id (40 hex digits): a file on disk is compared without reading a commit."""

    def chunks(self) -> Iterator[bytes]:
        """Yield them in order, at most 1 MiB at a time; raises SourceError when they cannot be had."""


def blob_hasher(size: int) -> hashlib._Hash:
    """Return what computes the name Git gives to so many bytes (gitformat-object: "blob", size, NUL, content)."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def blob_id(data: bytes) -> str:
    """Return the name Git gives to these bytes."""
    found = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    found.update(data)
    return found.hexdigest()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One document of a file of manifests: plain data, and where it begins (file:line)."""

    data: Any = field(repr=False)
    place: str


class Sources(Tree, Protocol):
    """The files of one commit as one host sees them: it can also fill in templates."""

    def render(self, path: TreePath) -> Content:
        """Return what a template of the commit becomes on this host; raises DocumentError with file and line."""

    def manifests(self, path: TreePath, *, substitute: bool) -> Sequence[Written]:
        """
        Return the documents of a YAML or JSON file, as kubectl reads them; empty ones are left out.

        `substitute`: `${…}` is replaced as in a document. Raises DocumentError with file and line.
        """


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
