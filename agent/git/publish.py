"""
Pushes reports as commits on this host's status branch: from the spool, in order, all in one push.

Keeps the spool and what it knows of the branch below `state/status`; no clone.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SourceError
from agent.files import atomic_write
from agent.git.address import Access, ref_is_sound
from agent.git.chain import Tip, make_chain, make_tree, same_message, seconds
from agent.git.limits import MIB, Limits
from agent.git.remote import PushRejectedError, Remote, open_remote
from agent.git.snapshot import Shelf
from agent.git.spool import Spool, Spooled
from agent.model import REPORT_LIMIT
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.git.history import Commit

log = logging.getLogger(__name__)

RETRIES = 3
SLACK = 20  # commits of others on top of ours among which ours are still found
LIMITS = Limits(pack=256 * MIB, object=REPORT_LIMIT, delta=REPORT_LIMIT, inflated=512 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was true after the last push: the branch's tip, and the number of the last report on it."""

    url: str
    branch: str
    sha: str = ""  # empty: there is none, or it is not known
    time: int = 0  # its committer's, in seconds
    through: int | None = 0  # None: not known


class Publisher:
    """
    The way of this host's reports to its branch. One process at a time.

    A report leaves the spool when it is on the branch. Whether one is there after a crash, or after an answer that
    never came, is asked of the branch itself. Making one raises ValueError for what is no branch name.
    """

    def __init__(
        self, access: Access, branch: str, state: Path, *, host: str = "", limits: Limits = LIMITS
    ) -> None:
        # Git takes no branch with a dash in front: it would be an option of its commands.
        if not ref_is_sound(f"refs/heads/{branch}") or branch.startswith("-"):
            raise ValueError(f"not a branch name that Git allows: {branch!r}")
        self._access = access
        self._branch = branch
        self._host = host or branch.rpartition("/")[2]
        self._folder = state / "status"
        self._spool = Spool(self._folder / "spool")
        self._limits = limits
        self._opened: Remote | None = None

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self._branch}"

    @property
    def _place(self) -> str:
        return f"{self._access.url}: {self._branch}"

    @property
    def _remote(self) -> Remote:
        self._opened = self._opened or open_remote(self._access, self._limits)
        return self._opened

    def close(self) -> None:
        """Let go of the connection; the next push opens a new one."""
        if self._opened:
            self._opened.close()

    def put(self, files: Mapping[str, bytes], message: str, when: datetime) -> None:
        """Keep a report on disk, behind those that wait; raises SourceError. `files` are names without a slash."""
        self._spool.put(files, message, when, above=self._known().through or 0)

    def push(self) -> int:
        """
        Push all that waits, and return how many reports that were; raises SourceError.

        One request as long as nobody else writes to the branch. What is not pushed waits on.
        """
        known = self._known()
        self._spool.remove(known.through or 0)
        waiting: Sequence[Spooled] = self._spool.pending()
        if not waiting:
            return 0
        try:
            if not known.sha:
                known, waiting = self._look(known, waiting)
            return self._push(known, waiting)
        finally:
            self._remote.rest()

    def _push(self, known: _Known, waiting: Sequence[Spooled]) -> int:
        refusal: PushRejectedError | None = None
        for _ in range(1 + RETRIES):
            if not waiting:
                return 0
            parent = Tip(sha=known.sha, time=known.time) if known.sha else None
            chain = make_chain(waiting, host=self._host, parent=parent, through=known.through)
            try:
                self._remote.push(self._ref, known.sha or None, chain.tip.sha, chain.objects)
            except PushRejectedError as error:
                refusal, before = error, known
                known, waiting = self._look(known, waiting)
                if known.sha == before.sha:
                    raise self._explained(error) from error
                continue
            tip, through = chain.tip, waiting[-1].number
            self._remember(replace(known, sha=tip.sha, time=tip.time, through=through))
            return len(waiting)
        raise SourceError(
            f"{self._place}: others were first, {1 + RETRIES} times in a row",
            hint="does another host report to the same branch? see status.branch in agent.yaml",
        ) from refusal

    def _look(self, known: _Known, waiting: Sequence[Spooled]) -> tuple[_Known, Sequence[Spooled]]:
        """Return what the branch is now, and what of the waiting is not on it yet."""
        # Over SSH, a session that is open goes on seeing the refs as they were when it first looked.
        self._remote.rest()
        sha = self._remote.poll(self._ref)
        if sha == (known.sha or None):
            return known, waiting
        if sha is None:
            log.warning("%s: is gone from the server; starting it anew", self._place)
            return replace(known, sha="", time=0), waiting
        commits = self._recent(sha, known, len(waiting) + SLACK)
        ours = [report.number for report in waiting if any(_is(commit, report) for commit in commits)]
        self._say(known, commits, len(ours))
        now = replace(known, sha=sha, time=int(commits[0].committed.timestamp()))
        if not ours:
            return now, waiting
        now = replace(now, through=ours[-1])
        self._remember(now)
        return now, [report for report in waiting if report.number > ours[-1]]

    def _recent(self, sha: str, known: _Known, depth: int) -> tuple[Commit, ...]:
        from agent.git.history import recent

        haves = (known.sha,) if known.sha else ()
        try:
            with Shelf(self._folder) as shelf:
                commits = recent(self._remote, shelf, sha, depth=depth, haves=haves)
        except OSError as error:
            raise SourceError(
                f"{self._folder}: no room to read the branch into: {error.strerror}"
            ) from error
        if not commits:
            raise SourceError(f"{self._place}: its newest commit {sha} was not sent")
        return commits

    def _say(self, known: _Known, commits: Sequence[Commit], ours: int) -> None:
        if ours:
            log.info(
                "%s: %d reports are there already: the answer to an earlier push was lost", self._place, ours
            )
        if not known.sha or ours == len(commits):
            return
        if any(known.sha in commit.parents for commit in commits):
            log.warning("%s: somebody else wrote to this branch; going on behind that", self._place)
        else:
            log.warning("%s: was rewritten on the server; going on behind what is there", self._place)

    def _explained(self, error: PushRejectedError) -> PushRejectedError:
        hint = (
            error.hint
            or f"may this host's key or token push to {self._branch}? a hook or a rule may forbid it"
        )
        return PushRejectedError(str(error), hint=hint)

    def _remember(self, known: _Known) -> None:
        """Write down what is pushed, then let go of it: in this order no report is pushed twice."""
        try:
            atomic_write(self._memory, json.dumps(asdict(known)).encode("ascii"))
        except OSError as error:
            log.warning("%s: what was pushed cannot be remembered: %s", self._memory, error.strerror)
        self._spool.remove(known.through or 0)

    def _known(self) -> _Known:
        """Return what is remembered; of another branch or server, only the number counts."""
        blank = _Known(url=self._access.url, branch=self._branch)
        try:
            known = _parse(self._memory.read_bytes())
        except FileNotFoundError:
            return blank
        except (OSError, ValueError, TypeError):
            log.warning("%s: damaged; the branch itself will say what is on it", self._memory)
            lost = replace(blank, through=None)
            self._remember(lost)
            return lost
        if (known.url, known.branch) != (blank.url, blank.branch):
            return replace(blank, through=known.through)
        return known

    @property
    def _memory(self) -> Path:
        return self._folder / "tip.json"


def _parse(data: bytes) -> _Known:
    """Raise ValueError or TypeError for anything but what was written."""
    known = _Known(**json.loads(data))
    sound = (
        isinstance(known.url, str)
        and isinstance(known.branch, str)
        and re.fullmatch("([0-9a-f]{40})?", known.sha)
        and isinstance(known.time, int)
        and isinstance(known.through, int | None)
    )
    if not sound:
        raise ValueError("not what was written")
    return known


def _is(commit: Commit, report: Spooled) -> bool:
    return (
        int(commit.authored.timestamp()) == seconds(report.when)
        and same_message(commit.message, report.message)
        and commit.tree == make_tree(report.files)[0].id
    )
