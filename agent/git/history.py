"""Reads status branches back, over the network alone: nothing is kept but a file without a name, for as long as it takes."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.entries import PackError
from agent.git.limits import MIB, Limits
from agent.git.objects import Mode, parse_commit, parse_tree
from agent.git.remote import Remote, open_remote
from agent.git.snapshot import Shelf
from agent.git.stored import read
from agent.model import REPORT_LIMIT
from agent.values import dataclass

HEADS = "refs/heads/"
NAMES = ("status.json",)
LIMITS = Limits(pack=256 * MIB, object=REPORT_LIMIT, delta=REPORT_LIMIT, inflated=512 * MIB)
TOTAL = 256 * MIB  # of all contents read together
AT_ONCE = 500  # objects asked for in one request
SPLITS = 100  # requests spent on finding the objects that spoil the others' answer

_AUTHOR = re.compile(rb"\nauthor [^\n]*> (\d{1,12}) [+-]\d{4}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCommit:
    """One report as it stands on a branch. With `error`, the rest is what could be read all the same."""

    sha: str
    when: datetime  # the report's own time, in UTC
    message: str
    files: Mapping[str, bytes] = field(repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a commit itself says."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    authored: datetime
    committed: datetime
    message: str


def log(
    access: Access, branch: str, limit: int, *, names: Collection[str] = NAMES, limits: Limits = LIMITS
) -> tuple[StatusCommit, ...]:
    """
    Return the newest reports of a branch, newest first, each with those of its files that are named.

    Nothing if there is no such branch; raises SourceError.
    """
    with _opened(access, limits) as (remote, shelf):
        tip = remote.poll(f"{HEADS}{branch}")
        if tip is None or limit < 1:
            return ()
        reading = _Reading(remote, shelf, limits.stall)
        return reading.contents(recent(remote, shelf, tip, depth=limit), names)


def tips(
    access: Access, prefix: str = "status/", *, names: Collection[str] = NAMES, limits: Limits = LIMITS
) -> Mapping[str, StatusCommit]:
    """
    Return the newest report of each branch whose name begins so, by branch name: four requests for 500 branches.

    A branch that cannot be read has an `error`; raises SourceError when the repository cannot.
    """
    with _opened(access, limits) as (remote, shelf):
        found = remote.refs(f"{HEADS}{prefix}")
        reading = _Reading(remote, shelf, limits.stall)
        reading.fetch(found.values(), depth=1)
        commits = {sha: reading.commit(sha) for sha in found.values()}
        whole = [commit for commit in commits.values() if isinstance(commit, Commit)]
        reports = {report.sha: report for report in reading.contents(whole, names)}
        branches = ((ref.removeprefix(HEADS), sha) for ref, sha in sorted(found.items()))
        return {
            branch: reports[sha] if isinstance(commit := commits[sha], Commit) else _unreadable(sha, commit)
            for branch, sha in branches
        }


def recent(
    remote: Remote, shelf: Shelf, tip: str, *, depth: int, haves: Collection[str] = ()
) -> tuple[Commit, ...]:
    """Return a commit and its first parents, newest first: at most `depth`, and none from before `haves`."""
    remote.objects([tip], shelf, haves=haves, depth=depth)
    return tuple(islice(_walk(shelf, tip), depth))


def _walk(shelf: Shelf, sha: str) -> Iterator[Commit]:
    while shelf.find(sha) is not None:
        try:
            commit = read_commit(shelf, sha)
        except ValueError as error:
            raise SourceError(f"object {sha}: {error}") from None
        yield commit
        if not commit.parents:
            return
        sha = commit.parents[0]


def read_commit(shelf: Shelf, sha: str) -> Commit:
    """Take a commit from a shelf; raises SourceError, or ValueError if it is none."""
    data = _content(shelf, sha)
    head = parse_commit(data)
    headers, _, message = data.partition(b"\n\n")
    author = _AUTHOR.search(headers + b"\n")
    return Commit(
        sha=sha,
        tree=head.tree,
        parents=head.parents,
        authored=datetime.fromtimestamp(min(int(author[1]), 1 << 36), UTC) if author else head.committed,
        committed=head.committed,
        message=message.decode("utf-8", "replace"),
    )


class _Reading:
    """Objects brought in few requests, and what is wrong with those that could not be."""

    def __init__(self, remote: Remote, shelf: Shelf, patience: float) -> None:
        self._remote = remote
        self._shelf = shelf
        self._patience = patience  # seconds
        self._wrong: dict[str, str] = {}
        self._splits = SPLITS
        self._left = TOTAL

    def fetch(self, wants: Iterable[str], *, depth: int = 0) -> None:
        """Bring what is not there yet; one object that is refused must not cost the others."""
        missing = [sha for sha in dict.fromkeys(wants) if self._shelf.find(sha) is None]
        for start in range(0, len(missing), AT_ONCE):
            self._fetch(missing[start : start + AT_ONCE], depth)

    def _fetch(self, wants: list[str], depth: int) -> None:
        begin = time.monotonic()
        try:
            self._remote.objects(wants, self._shelf, depth=depth)
        except SourceError as error:
            if not isinstance(error, PackError):
                self._hold_the_remote_to_account(error, time.monotonic() - begin)
            if len(wants) == 1 or not self._splits:
                self._wrong.update(dict.fromkeys(wants, str(error)))
                return
            self._splits -= 1
            middle = len(wants) // 2
            self._fetch(wants[:middle], depth)
            self._fetch(wants[middle:], depth)

    def _hold_the_remote_to_account(self, error: SourceError, seconds: float) -> None:
        """Raise if it is the repository that is slow or away; else one of the objects is at fault."""
        if seconds >= self._patience:
            raise error
        self._remote.poll(f"{HEADS}status")

    def commit(self, sha: str) -> Commit | str:
        """Return a commit, or what is wrong with it."""
        try:
            return read_commit(self._shelf, sha)
        except (SourceError, ValueError) as error:
            return self._wrong.get(sha) or str(error)

    def contents(self, commits: Collection[Commit], names: Collection[str]) -> tuple[StatusCommit, ...]:
        """Return the commits with those of their files that are named."""
        if not names:
            return tuple(_report(commit, {}, "") for commit in commits)
        self.fetch(commit.tree for commit in commits)
        entries = {commit.tree: self._entries(commit.tree, names) for commit in commits}
        blobs = (sha for found in entries.values() if not isinstance(found, str) for sha in found.values())
        self.fetch(blobs)
        return tuple(self._with_files(commit, entries[commit.tree]) for commit in commits)

    def _entries(self, tree: str, names: Collection[str]) -> Mapping[str, str] | str:
        try:
            found = parse_tree(_content(self._shelf, tree))
        except (SourceError, ValueError) as error:
            return self._wrong.get(tree) or str(error)
        plain = {Mode.FILE, Mode.SCRIPT}
        return {name: entry.sha for name, entry in found.items() if name in names and entry.mode in plain}

    def _with_files(self, commit: Commit, entries: Mapping[str, str] | str) -> StatusCommit:
        if isinstance(entries, str):
            return _report(commit, {}, entries)
        files = {}
        for name, sha in entries.items():
            try:
                files[name] = _content(self._shelf, sha, self._left)
            except (SourceError, ValueError) as error:
                return _report(commit, files, f"{name}: {self._wrong.get(sha) or error}")
            self._left -= len(files[name])
        return _report(commit, files, "")


def _content(shelf: Shelf, sha: str, limit: int = LIMITS.object) -> bytes:
    record = shelf.find(sha)
    if record is None:
        raise SourceError(f"object {sha} was not sent")
    return read(shelf, sha, record, limit)


def _report(commit: Commit, files: Mapping[str, bytes], error: str) -> StatusCommit:
    return StatusCommit(
        sha=commit.sha, when=commit.authored, message=commit.message, files=files, error=error
    )


def _unreadable(sha: str, error: str) -> StatusCommit:
    return StatusCommit(sha=sha, when=datetime.fromtimestamp(0, UTC), message="", files={}, error=error)


@contextmanager
def _opened(access: Access, limits: Limits) -> Iterator[tuple[Remote, Shelf]]:
    try:
        import tempfile

        shelf = Shelf(Path(tempfile.gettempdir()))
    except OSError as error:
        raise SourceError(f"no temporary file can be made: {error.strerror}", hint="set TMPDIR") from error
    with shelf, closing(open_remote(access, limits)) as remote:
        yield remote, shelf
