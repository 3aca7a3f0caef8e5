"""
Carries out many small changes of files at the price of a few: all are written beside their places, then made durable
together, then renamed. Touches what the steps name, through descriptors.

The promise is that of one fsync(2) each: after a kill or a power cut at any call, each path has its old or its new state.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from agent.bugs import contained
from agent.errors import HostError
from agent.host import Job, owners
from agent.host.durable import Durable
from agent.host.placers import Placers
from agent.host.turns import ready
from agent.host.walk import Walk, opened, standing, trouble
from agent.host.write import (
    TROUBLE,
    discard,
    fill,
    folder,
    fresh_name,
    inherited,
    link,
    put_in_place,
    refuse_other,
    unwritable,
)
from agent.model import KeepFirst, MakeDirectory, MakeLink, SetAttributes, Step, WriteFile
from agent.values import dataclass

# What may wait to be renamed. Each costs a descriptor (a unit has 1,024 by default), and space beside what it replaces.
FILES = 256
BYTES = 64 << 20
SCARCE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})  # there is more without company


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """A file or link that is complete beside its place. `out`: the descriptor of what is to be made durable."""

    step: WriteFile | MakeLink
    above: PurePosixPath  # the folder that it is in, made once: a path's parent is a new object each time
    folder: int
    temporary: str
    out: int | None = None
    failed: bool = False
    placed: bool = False  # nothing stands under its temporary name any more


@dataclass(slots=True)
class Batch:
    """Jobs that are carried out together. `alone` does one step at once, durably; `tidy` prepares a folder for ours."""

    root: Path
    alone: Callable[[Step], None]
    tidy: Callable[[PurePosixPath], None]
    beat: Callable[[], None]
    placers: Placers
    met: dict[int, HostError | None] = field(default_factory=dict)
    _waiting: dict[int, _Waiting] = field(default_factory=dict)
    _made: dict[int, MakeDirectory] = field(default_factory=dict)
    _bytes: int = 0
    _folders: dict[PurePosixPath, int] = field(default_factory=dict)  # open ones
    _near: tuple[str, PurePosixPath] = ("//", PurePosixPath())  # the folder of the last one, and its name
    _durable: Durable = field(default_factory=Durable)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def perform(self, jobs: Sequence[Job]) -> Mapping[int, HostError | None]:
        """Do jobs as `Host.perform_all` has it."""
        for at, job in enumerate(jobs):
            if (
                len(self._waiting) >= FILES
                or self._bytes >= BYTES
                or not self._waiting.keys().isdisjoint(job.needs)
            ):
                self._settle(jobs)
            if not ready(job, self.met):
                continue
            try:
                self._do(at, job, jobs)
            except HostError as error:
                self.met[at] = error
            self.beat()
        self._settle(jobs)
        return self.met

    @contained
    def _do(self, at: int, job: Job, jobs: Sequence[Job]) -> None:
        """Do a job, or bring it so far that only a rename is left. Raises HostError."""
        *before, last = job.steps
        if not _in_company(before, last):
            self._settle(jobs)  # it may look at others, or take away what is in the way of them
            if not ready(job, self.met):
                return
            for step in job.steps:
                self.alone(step)
            self.met[at] = None
            return
        for step in before:
            self.alone(step)
        try:
            self._begin(at, last)
        except HostError as error:
            cause = error.__cause__
            if not (self._waiting and isinstance(cause, OSError) and cause.errno in SCARCE):
                raise
            self._settle(jobs)
            if not ready(job, self.met):
                return
            self.alone(last)
            self.met[at] = None

    def _begin(self, at: int, step: Step) -> None:
        if isinstance(step, WriteFile):
            self._waiting[at] = self._written(step)
        elif isinstance(step, MakeLink):
            self._waiting[at] = self._linked(step)
        elif isinstance(step, MakeDirectory):
            self._make(step)
            self._made[at], self.met[at] = step, None
        else:
            self.alone(step)
            self.met[at] = None

    def _written(self, step: WriteFile) -> _Waiting:
        above = self._tidied(step.path)
        numbers = owners.wanted(step.owner, step.group)
        fd, temporary = self._folder(step.path, above, "be written"), fresh_name()
        try:
            like = inherited(fd, step, numbers[0], self.placers)
            out = fill(fd, temporary, step, numbers, like)
        except TROUBLE as error:
            _drop(fd, temporary)
            raise unwritable(step.path, error) from error
        except BaseException:
            _drop(fd, temporary)
            raise
        self._bytes += os.lseek(out, 0, os.SEEK_CUR)  # all of it, for it was written from its beginning
        return _Waiting(step=step, above=above, folder=fd, temporary=temporary, out=out)

    def _linked(self, step: MakeLink) -> _Waiting:
        above = self._tidied(step.path)
        numbers = owners.wanted(step.owner, step.group)
        fd, temporary = self._folder(step.path, above, "be linked"), fresh_name()
        try:
            refuse_other(standing(fd, step.path.name), step.path)
            link(fd, temporary, step, numbers)
        except OSError as error:
            _drop(fd, temporary)
            raise trouble(step.path, "be linked", error) from error
        return _Waiting(step=step, above=above, folder=fd, temporary=temporary)

    def _make(self, step: MakeDirectory) -> None:
        above = self._tidied(step.path)
        numbers = owners.wanted(step.owner, step.group)
        fd = self._folder(step.path, above, "be made")
        try:
            new = folder(fd, step.path.name, step, numbers, self.placers)
        except OSError as error:
            raise trouble(step.path, "be made", error) from error
        if step.path in self._folders:  # it was there, and is the same
            os.close(new)
        else:
            self._folders[step.path] = new

    def _tidied(self, path: PurePosixPath) -> PurePosixPath:
        """Return the folder that a path is in, prepared; the same object for neighbours, which remembers its hash."""
        text = str(path)
        name = text[: text.rindex("/")]
        if name != self._near[0]:
            above = path.parent
            self.tidy(above)
            self._near = name, above
        return self._near[1]

    def _folder(self, path: PurePosixPath, above: PurePosixPath, doing: str) -> int:
        """Return a folder, open until all that waits is settled; raises HostError, about the path in it."""
        if above not in self._folders:
            with Walk(self.root) as walk:
                self._folders[above] = opened(walk, path, doing)
        return self._folders[above]

    def _settle(self, jobs: Sequence[Job]) -> None:
        """Make durable what waits, put it in place, and make that durable. What fails in company is tried alone."""
        try:
            self._write_out()
            # Before anything gets its name in there.
            self._sync(
                (place, at) for at, step in self._made.items() for place in (step.path.parent, step.path)
            )
            self._sync(
                [
                    (one.above, at)
                    for at, one in self._waiting.items()
                    if ready(jobs[at], self.met) and not one.failed and self._rename(at, one)
                ]
            )
            again = {
                at: one.step for at, one in self._waiting.items() if one.failed and ready(jobs[at], self.met)
            }
        finally:
            self._clear()
        for at, step in again.items():
            self._once_more(at, step)

    def _write_out(self) -> None:
        """
        Have all temporary files on the disk: in one go, or begun for all and then waited for one by one.

        The second fsync(2) finds most of its work done by the first (a journal is committed once), and each tells
        its own errors. POSIX_FADV_DONTNEED begins to write what is not written yet: posix_fadvise(2).
        """
        files = {one.out: one for one in self._waiting.values() if one.out is not None}
        folders = {out: one.folder for out, one in files.items()}
        for out in self._durable.together(folders, size=self._bytes):
            del files[out]
        if len(files) > 1:
            for out in files:
                with suppress(OSError):  # a file system may not know it: then it is only slower
                    os.posix_fadvise(out, 0, 0, os.POSIX_FADV_DONTNEED)
        for out, one in files.items():
            try:
                os.fsync(out)
            except OSError:
                one.failed = True
            self.beat()

    def _rename(self, at: int, one: _Waiting) -> bool:
        try:
            put_in_place(one.folder, one.temporary, one.step.path.name)
            one.placed = True
        except FileNotFoundError:  # taken away by somebody; by ourselves, where a folder has two names
            one.failed = True
            return False
        except OSError as error:
            doing = "be linked" if isinstance(one.step, MakeLink) else "be written"
            self.met[at] = trouble(one.step.path, doing, error)
            return False
        self.met[at] = None
        return True

    def _sync(self, places: Iterable[tuple[PurePosixPath, int]]) -> None:
        """Make folders durable, each once, for the jobs that they are named with."""
        jobs: dict[PurePosixPath, list[int]] = {}
        for place, at in places:
            jobs.setdefault(place, []).append(at)
        folders = {self._folders[place]: self._folders[place] for place in jobs}
        there = self._durable.together(folders, size=self._bytes)
        for place, concerned in jobs.items():
            try:
                if self._folders[place] not in there:
                    os.fsync(self._folders[place])
            except OSError as error:
                self.met |= dict.fromkeys(concerned, trouble(place, "be written", error))
            self.beat()

    def _once_more(self, at: int, step: Step) -> None:
        try:
            with contained:
                self.alone(step)
            self.met[at] = None
        except HostError as error:
            self.met[at] = error

    def _clear(self) -> None:
        """Close everything, and leave no temporary."""
        waiting, folders = self._waiting, self._folders
        self._waiting, self._made, self._folders, self._bytes = {}, {}, {}, 0
        self._durable.forget()
        for one in waiting.values():
            if one.out is not None:
                _let_go(one.out)
            if not one.placed:
                _drop(one.folder, one.temporary)
        for fd in folders.values():
            _let_go(fd)


def _in_company(before: Sequence[Step], last: Step) -> bool:
    """Return whether others may wait meanwhile: it neither looks at more than its own path nor empties a folder."""
    if isinstance(last, WriteFile) and last.validate:
        return False
    alike = isinstance(last, WriteFile | MakeLink | MakeDirectory | SetAttributes)
    return alike and all(isinstance(step, KeepFirst) for step in before)


def _drop(fd: int, temporary: str) -> None:
    with suppress(OSError):  # the next run tidies up
        discard(fd, temporary)


def _let_go(fd: int) -> None:
    with suppress(
        OSError
    ):  # it is closed all the same (close(2)), and fsync(2) has told what there is to tell
        os.close(fd)
