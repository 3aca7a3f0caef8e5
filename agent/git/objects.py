"""
Git objects, taken apart and held against what this host may be asked to read.

Pure, and without dulwich: an unchanged branch is followed without paying for its import.
"""

from __future__ import annotations

import enum
import hashlib
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Protocol

from agent.values import dataclass


class Kind(enum.IntEnum):
    """The types of objects, by their numbers in a pack (gitformat-pack(5))."""

    COMMIT = 1
    TREE = 2
    BLOB = 3
    TAG = 4

    @property
    def word(self) -> bytes:
        return _WORDS[self]


KINDS = (Kind.COMMIT, *Kind)  # by number; there is no 0
_WORDS = (b"", *(kind.name.lower().encode() for kind in Kind))
_FIRST = tuple(word + b" %d\0" for word in _WORDS)  # what an id is computed from, before the content


class Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def hasher(kind: Kind, size: int) -> Hasher:
    """Return what computes the id of an object when fed its content."""
    return hashlib.sha1(_FIRST[kind] % size, usedforsecurity=False)


def object_id(kind: Kind, data: bytes) -> str:
    """Return the id of an object."""
    found = hashlib.sha1(_FIRST[kind] % len(data), usedforsecurity=False)
    found.update(data)
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Item:
    """A whole object, as it goes onto a branch."""

    kind: Kind
    data: bytes = field(repr=False)
    id: str

    @classmethod
    def of(cls, kind: Kind, data: bytes) -> Item:
        return cls(kind, data, object_id(kind, data))


@dataclass(frozen=True, slots=True)
class Head:
    """What is needed of a commit."""

    tree: str
    parents: tuple[str, ...]
    committed: datetime


_ID = "([0-9a-f]{40})"
_COMMITTER = re.compile(rb"committer [^\n]*> (\d{1,12}) [+-]\d{4}")


def parse_commit(data: bytes) -> Head:
    """Take a commit apart; raises ValueError."""
    head = data.partition(b"\n\n")[0]
    if not (found := re.match(f"tree {_ID}\n((?:parent {_ID}\n)*)author ".encode(), head)):
        raise ValueError("not a commit")
    parents = tuple(found[2].decode().split()[1::2])
    committer = _COMMITTER.search(head, found.end())
    seconds = min(int(committer[1]), 1 << 36) if committer else 0
    return Head(found[1].decode(), parents, datetime.fromtimestamp(seconds, UTC))


def parse_tag(data: bytes) -> str:
    """Return what an annotated tag points at; raises ValueError."""
    if not (found := re.match(f"object {_ID}\ntype [a-z]+\n".encode(), data)):
        raise ValueError("not a tag")
    return found[1].decode()


class Mode(enum.Enum):
    """What an entry of a tree is."""

    FILE = enum.auto()
    SCRIPT = enum.auto()
    FOLDER = enum.auto()
    LINK = enum.auto()
    MODULE = enum.auto()


# 100664 is what Git wrote before it knew 100644 alone; it still stands in old histories.
MODES = {
    b"100644": Mode.FILE,
    b"100664": Mode.FILE,
    b"100755": Mode.SCRIPT,
    b"40000": Mode.FOLDER,
    b"120000": Mode.LINK,
    b"160000": Mode.MODULE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree."""

    mode: Mode
    sha: str


def parse_tree(data: bytes) -> dict[str, Entry]:
    """
    Take a tree apart, in its order; raises ValueError with what is wrong with it.

    Refused: modes and names that Git itself would not make (git-fsck(1)), a name twice, and names that are no
    plain text. Odd names are names: a leading dash, quotes, spaces.
    """
    found: dict[str, Entry] = {}
    last = b""
    for mode_text, raw, sha in _lines(data):
        if (mode := MODES.get(mode_text)) is None:
            raise ValueError(f"mode {mode_text[:8].decode('ascii', 'replace')!r} is not one that Git writes")
        name = sound_name(raw)
        order = raw + b"/" if mode is Mode.FOLDER else raw
        if name in found:
            raise ValueError(f"the name {name!r} stands there twice")
        if order <= last:
            raise ValueError(f"the name {name!r} is out of order")
        found[name], last = Entry(mode, sys.intern(sha.hex())), order
    return found


def flat_tree(blobs: Mapping[str, str]) -> Item:
    """Return the tree of files that nobody executes, given by name with their ids."""
    lines = sorted((name.encode("utf-8"), bytes.fromhex(sha)) for name, sha in blobs.items())
    return Item.of(Kind.TREE, b"".join(b"100644 %s\0%s" % line for line in lines))


def _lines(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    start, size = 0, len(data)
    while start < size:
        space = data.find(b" ", start, start + 8)
        end = data.find(b"\0", space)
        if space < 0 or end < 0 or end + 21 > size:
            raise ValueError("the tree is cut off")
        yield data[start:space], data[space + 1 : end], data[end + 1 : end + 21]
        start = end + 21


# Code points that HFS+ ignores in names, so that ".g\u200cit" would be ".git" there (CVE-2014-9390).
_IGNORED = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])


def sound_name(raw: bytes) -> str:
    """Return a name of a tree as text; raises ValueError if it could lead elsewhere or cannot be shown."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the name {raw!r} is not UTF-8") from None
    if not name.isprintable() and any(unicodedata.category(char) == "Cc" for char in name):
        raise ValueError(f"the name {name!r} holds a control character")
    if name in {"", ".", ".."} or "/" in name or len(raw) > 255:
        raise ValueError(f"the name {name!r} is not one of a file")
    if "git" in name.lower() or not name.isascii():
        _not_dot_git(name)
    return name


def _not_dot_git(name: str) -> None:
    for part in re.split(r"[\\:]", name.translate(_IGNORED).lower()):
        if part.rstrip(" .") in {".git", "git~1"}:
            raise ValueError(f"the name {name!r} stands for Git's own folder")
