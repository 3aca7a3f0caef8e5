"""
Tells the world what became of a cycle: remembers the report here, and sends what is new to the status branch.

Writes below `state_dir/status`, and hands commits to a publisher. Nothing that goes wrong here is raised: a host
that cannot tell goes on being kept true.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from agent.errors import SourceError
from agent.files import atomic_write, sweep
from agent.model import REPORT_LIMIT, Report
from agent.status.document import Status, encode, parse, status_of
from agent.status.message import message
from agent.status.readme import readme
from agent.status.tell import News, news, newsworthy, same_but_time

log = logging.getLogger(__name__)

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)


class Publisher(Protocol):
    """Where reports go; `agent/git/publish.py` is the real one."""

    def put(self, files: Mapping[str, bytes], message: str, when: datetime) -> None:
        """Queue one commit on disk, behind those that wait; raises SourceError."""

    def push(self) -> int:
        """Send what is queued, in order, and return how many commits that were; raises SourceError."""

    def close(self) -> None:
        """Let go of connections."""


class Nobody:
    """Where reports go when agent.yaml says that none are to be pushed."""

    def put(self, files: Mapping[str, bytes], message: str, when: datetime) -> None:  # noqa: ARG002 - a Publisher
        return

    def push(self) -> int:
        return 0

    def close(self) -> None:
        return


class Teller:
    """
    Remembers the last report, and publishes those that say something new.

    After a failed push the next one waits a minute, then twice as long each time, at most 15 minutes, and so do
    the reports that come meanwhile: a dead remote must not cost every cycle a connect timeout. A report in which
    an error went away is tried at once, because then the way to Git is likely to be open again.
    """

    def __init__(
        self, *, publisher: Publisher, state_dir: Path, heartbeat: float, now: Callable[[], datetime]
    ) -> None:
        self._publisher = publisher
        self._last = _Kept(last_path(state_dir))
        self._told = _Kept(state_dir / "status" / "told.json")
        self._heartbeat = heartbeat
        self._now = now
        self._swept = False
        self._waiting = True  # a run before this one may have left commits in the queue
        self._put_off = False  # the last push that was due was left to the next report
        self._failed = ""  # why the last push failed
        self._wait = FIRST_WAIT
        self._tried: datetime | None = None

    def tell(
        self,
        report: Report,
        interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        soon: bool = False,
    ) -> None:
        """
        Remember a report, and publish it if it is news or time for a sign of life. Raises nothing of its own.

        `interruptible` surrounds the wait for the remote; what it raises goes through, and nothing is lost. `soon`: there is
        something to repair, and another report will come: the remote is put off until then. Once, for it may go on and on.
        """
        if not self._swept:
            sweep(self._last.path.parent, "*.json")
            self._swept = True
        status = status_of(report)
        before = self._last.read()
        what = news(status, self._told.read(), heartbeat=self._heartbeat, now=self._now())
        as_before = before is not None and same_but_time(status, before)
        document = b"" if as_before and what is News.NOTHING else encode(status)
        self._remember(status, None if as_before else document)
        if what is not News.NOTHING:
            self._queue(status, document, heartbeat=what is News.HEARTBEAT)
        cured = before is not None and bool(before.error) and not status.error
        due = self._waiting and (cured or self._due())
        self._put_off = due and soon and not self._put_off
        if due and not self._put_off:
            with interruptible():
                self._push()

    def close(self) -> None:
        """Let go of the publisher's connections."""
        self._publisher.close()

    def _remember(self, status: Status, document: bytes | None) -> None:
        try:
            if document is None:
                self._last.touch(status)
            else:
                self._last.write(status, document)
        except OSError as error:
            log.error("%s: the last report cannot be kept: %s", self._last.path, error.strerror)  # noqa: TRY400 - meant for a person

    def _queue(self, status: Status, document: bytes, *, heartbeat: bool) -> None:
        files = {"status.json": document, "README.md": readme(status).encode("utf-8", "replace")}
        told = newsworthy(status)
        try:
            self._publisher.put(files, message(status, heartbeat=heartbeat), status.finished)
            self._waiting = True
            # Only now: a report that could not be queued is news again in the next cycle.
            self._told.write(told, encode(told))
        except SourceError as error:
            log.error("status: a report cannot be queued: %s", error)  # noqa: TRY400 - as above
        except OSError as error:
            log.error("%s: what was told cannot be kept: %s", self._told.path, error.strerror)  # noqa: TRY400 - as above

    def _due(self) -> bool:
        if self._tried is None or not self._failed:
            return True
        # A clock that was set back must not make the wait longer.
        return not timedelta(0) <= self._now() - self._tried < self._wait

    def _push(self) -> None:
        again = bool(self._failed)
        self._tried = self._now()
        try:
            self._publisher.push()
        except SourceError as error:
            self._wait = min(self._wait * 2, LONGEST_WAIT) if again else FIRST_WAIT
            if str(error) != self._failed:
                log.warning("status: reports wait on disk: %s", error)
            self._failed = str(error)
            return
        if again:
            log.info("status: reports arrive again")
        self._waiting, self._failed = False, ""


def last_path(state_dir: Path) -> Path:
    """Return where the last report is kept; its modification time is when the host was last looked at."""
    return state_dir / "status" / "last.json"


class _Kept:
    """A status in a file. It is read again only when another process wrote it: an idle cycle reads nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int], Status | None] | None = None

    def read(self) -> Status | None:
        """Return what is kept, or None when there is nothing that can be read: it is then written anew."""
        try:
            stamp = self._stamp()
            if self._seen is None or self._seen[0] != stamp:
                with self.path.open("rb") as file:
                    self._seen = stamp, parse(file.read(REPORT_LIMIT + 1))
        except (OSError, ValueError):
            return None
        return self._seen[1]

    def write(self, status: Status, document: bytes) -> None:
        """
        Keep a status, given with the text of it.

        Should a power cut bring back the one before, the next cycle writes or tells it once more.
        """
        atomic_write(self.path, document, settled=False)
        self._seen = self._stamp(), status

    def touch(self, status: Status) -> None:
        """
        Let the age of the file say when it last was true. Nothing waits for the disk.

        `status` says the same, and shares with the cycle what a status read from the file would hold once more.
        """
        os.utime(self.path)
        self._seen = self._stamp(), status

    def _stamp(self) -> tuple[int, int, int]:
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):  # of a FIFO, nobody would ever read the end
            raise OSError(errno.EINVAL, "not a file")
        return found.st_ino, found.st_mtime_ns, found.st_size
