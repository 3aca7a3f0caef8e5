"""Turns reports into a chain of commits. Pure: equal reports on an equal parent are equal commits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime

from agent.git.objects import Item, Kind, flat_tree
from agent.git.spool import Spooled
from agent.values import dataclass

DROPPED = "Trued-Dropped"
_NOTE = re.compile(rf"\n+{DROPPED}: \d+$")
_TRAILER = re.compile(r"[A-Za-z][A-Za-z-]*: \S.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """The newest commit of a branch, and its committer's time in seconds."""

    sha: str
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Commits to push, and all that belongs to them."""

    tip: Tip
    objects: tuple[Item, ...] = field(repr=False)


def make_chain(reports: Iterable[Spooled], *, host: str, parent: Tip | None, through: int | None) -> Chain:
    """
    Return a commit for each report, the first on `parent`; at least one report is needed.

    `through` is the number of the last report pushed before: a gap after it is told in the message. The author's
    time is the report's own; the committer's never goes back behind the parent's, because Git's walks rely on it.
    """
    objects: dict[str, Item] = {}
    tip = parent
    for report in reports:
        missing = 0 if through is None else report.number - through - 1
        tree, blobs = make_tree(report.files)
        time = max(seconds(report.when), tip.time if tip else 0)
        commit = _commit(report, tree, tip, host, missing, time)
        objects.update((each.id, each) for each in (*blobs, tree, commit))
        tip, through = Tip(sha=commit.id, time=time), report.number
    if tip is None:
        raise ValueError("a chain needs a report")
    return Chain(tip=tip, objects=tuple(objects.values()))


def make_tree(files: Mapping[str, bytes]) -> tuple[Item, tuple[Item, ...]]:
    """Return the flat tree of these files, and their blobs."""
    blobs = {name: Item.of(Kind.BLOB, data) for name, data in files.items()}
    return flat_tree({name: blob.id for name, blob in blobs.items()}), tuple(blobs.values())


def seconds(when: datetime) -> int:
    """Return a time as Git has it: it knows none before 1970."""
    return max(0, int(when.timestamp()))


def same_message(one: str, other: str) -> bool:
    """Return whether two messages differ at most in the note about reports that were dropped."""
    return _plain(one) == _plain(other)


def _plain(message: str) -> str:
    return _NOTE.sub("", _clean(message))


def _commit(report: Spooled, tree: Item, parent: Tip | None, host: str, missing: int, time: int) -> Item:
    who = b"trued <trued@%s>" % _address(host)
    above = f"parent {parent.sha}\n" if parent else ""
    message = f"{_noted(_clean(report.message), missing)}\n".encode("utf-8", "replace")
    return Item.of(
        Kind.COMMIT,
        b"tree %s\n%sauthor %s %d +0000\ncommitter %s %d +0000\n\n%s"
        % (tree.id.encode(), above.encode(), who, seconds(report.when), who, time, message),
    )


def _clean(message: str) -> str:
    """Take away what git-fsck(1) holds against a message (nulInCommit)."""
    return message.replace("\0", "").rstrip() or "report"


def _noted(message: str, missing: int) -> str:
    if not missing:
        return message
    *before, last = message.split("\n\n")
    has_trailers = before and all(_TRAILER.fullmatch(line) for line in last.splitlines())
    return f"{message}{'' if has_trailers else chr(10)}\n{DROPPED}: {missing}"


def _address(host: str) -> bytes:
    """Take away what would end an address (git-fsck(1), badEmail)."""
    return re.sub(r"[\x00-\x20\x7f<>]+", "-", host).encode("utf-8", "replace") or b"localhost"
