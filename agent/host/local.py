"""The real machine: files below one root, and commands. The one place that puts the parts of this room together."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from agent.errors import HostError
from agent.host import Accounts, Answer, Entry, FileType, Job, accounts, commands, owners, shown
from agent.host.attributes import set_attributes
from agent.host.batch import Batch
from agent.host.engine.door import Door
from agent.host.files import Seen, Sight, content, look, names
from agent.host.first import keep_first
from agent.host.kubernetes import door as kubernetes
from agent.host.mounts import mounts, of_host
from agent.host.placers import Placers
from agent.host.servers import Cluster, Engine, Systemd
from agent.host.stamps import Recollection, Stamps, stamps
from agent.host.write import make_directory, make_link, remove, tidy, write_file
from agent.model import (
    ApplyObject,
    AwaitCluster,
    DeleteObject,
    KeepFirst,
    MakeDirectory,
    MakeLink,
    Remove,
    ReplaceObject,
    Run,
    SetAttributes,
    Step,
    WriteFile,
)
from agent.values import dataclass

T = TypeVar("T")

VALIDATION = 60.0  # seconds that a file's own check may take
SCRATCH = re.compile(r"/(var/)?tmp/[\w.-]+/")  # where a check puts a copy, under another name each time
ARRIVAL = 0.3  # seconds: the last words of what failed may still be on their way to the journal
ANY_CODE = range(-64, 256)  # a signal's number, negative, or an exit status: wait(2)


class Local:
    """
    The machine trued runs on; the `Host` of everyday.

    `root` is where the host's paths begin: "/", or a folder to try things out in. `state_dir` is trued's own, and so
    is what is in `own`: nothing that is declared gets there. What is in `spared` is not taken away with others.
    """

    def __init__(
        self,
        root: Path,
        state_dir: Path,
        *,
        own: Collection[Path] = (),
        spared: Collection[Path] = (),
        sight: Sight | None = None,
        engine: Door | None = None,
        cluster: kubernetes.Door | None = None,
    ) -> None:
        self._root = root
        self._state_dir = state_dir
        # Where they are is worked out once; whether something is there, at each look.
        self._own = {path: of_host(root, path) for path in (state_dir, *own)}
        self._spared = {**self._own, **{path: of_host(root, path) for path in spared}}
        self._engine = engine or Door()
        self._cluster = cluster or kubernetes.Door()
        self._sight = Sight() if sight is None else sight
        self._recollection = Recollection(root)
        self._placers = Placers(root)
        self._tidied: set[PurePosixPath] = set()

    def probe(self, beat: Callable[[], None] = lambda: None) -> LocalProbe:
        self._sight.begin()
        self._placers.begin()
        own = frozenset(map(str, self._there(self._own)))
        spared = frozenset(self._there(self._spared))
        doors = self._engine, self._cluster
        return LocalProbe(self._root, self._sight, self._recollection, *doors, own, spared, beat)

    def _there(self, places: Mapping[Path, PurePosixPath | None]) -> Iterator[PurePosixPath]:
        for path, place in places.items():
            if place and (path == self._state_dir or os.path.lexists(path)):
                yield place

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        match step:
            case WriteFile():
                self._tidy_once(step.path.parent)
                write_file(self._root, step, lambda temporary: _validate(step, temporary), self._placers)
            case MakeLink():
                self._tidy_once(step.path.parent)
                make_link(self._root, step)
            case MakeDirectory():
                self._tidy_once(step.path.parent)
                make_directory(self._root, step, self._placers)
            case SetAttributes():
                if instead := set_attributes(self._root, step, self._placers):
                    self.perform(instead, beat)
            case Remove():
                remove(self._root, step)
            case KeepFirst():
                keep_first(self._root, self._state_dir, step, beat)
            case Run():
                self._run(step, beat)
            case ApplyObject() | ReplaceObject() | DeleteObject() | AwaitCluster():
                _check_whole(self._root, ("kubectl",))
                self._cluster.perform(step, beat)
            case _:
                _check_whole(self._root, ("docker",))
                self._engine.perform(step, beat)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        with Batch(
            self._root, lambda step: self.perform(step, beat), self._tidy_once, beat, self._placers
        ) as batch:
            return batch.perform(jobs)

    def _run(self, step: Run, beat: Callable[[], None]) -> None:
        argv = (*step.argv, *step.operands)
        _check_whole(self._root, argv)
        try:
            commands.act(argv, stdin=step.stdin, timeout=step.timeout, beat=beat)
        except HostError as error:
            if step.patient and isinstance(error, commands.TimeUpError):
                return
            why = _explanation(step.explain)
            raise HostError(f"{error}{why}", hint=error.hint or step.hint) from error

    def _tidy_once(self, folder: PurePosixPath) -> None:
        """Take away what a killed run left; this process leaves nothing, so once for each folder will do."""
        if folder not in self._tidied:
            tidy(self._root, folder)
            self._tidied.add(folder)


@dataclass(slots=True)
class LocalProbe:
    """One pair of eyes: what it has answered once, it answers again."""

    _root: Path
    _sight: Sight
    _recollection: Recollection
    _door: Door
    _cluster_door: kubernetes.Door
    _own: frozenset[str] = frozenset()
    _spared: frozenset[PurePosixPath] = frozenset()
    _beat: Callable[[], None] = lambda: None
    _below_own: tuple[str, ...] = field(init=False)
    _seen: dict[str, Seen] = field(default_factory=dict)
    _stamps: Stamps = field(default_factory=dict)
    _numbers: dict[tuple[Callable[[str], int | None], str], int | None] = field(default_factory=dict)
    _mounts: frozenset[PurePosixPath] | None = None
    _accounts: Accounts | None = None
    _engine: Engine | None = None
    _no_engine: HostError | None = None
    _cluster: Cluster | None = None
    _no_cluster: HostError | None = None

    def __post_init__(self) -> None:
        self._below_own = tuple(f"{own}/" for own in self._own)

    def entries(
        self, paths: Collection[str], *, digests: Collection[str] = ()
    ) -> Mapping[str, Entry | None | HostError]:
        digests = digests if isinstance(digests, set | frozenset) else frozenset(digests)
        fresh = [path for path in paths if self._unknown(path, path in digests)] if self._seen else paths
        found = look(self._root, fresh, digests, self._sight)
        own, below = self._own, self._below_own
        found |= {path: _off_limits(path) for path in fresh if path.startswith(below) or path in own}
        self._seen |= found
        return found if len(found) == len(paths) else {path: self._seen[path] for path in paths}

    def names(self, directory: PurePosixPath) -> tuple[str, ...]:
        return names(self._root, directory)

    def content(self, path: PurePosixPath, *, limit: int) -> bytes | None:
        return content(self._root, path, limit)

    def uid(self, owner: str) -> int | None:
        return self._number(owners.uid, owner)

    def gid(self, group: str) -> int | None:
        return self._number(owners.gid, group)

    def user(self, uid: int) -> str:
        return owners.user(uid)

    def group(self, gid: int) -> str:
        return owners.group(gid)

    def mounts(self) -> frozenset[PurePosixPath]:
        if self._mounts is None:
            self._mounts = mounts(self._root) | self._spared
        return self._mounts

    def accounts(self) -> Accounts:
        if self._accounts is None:
            _check_whole(self._root, ("useradd",))
            self._accounts = accounts.read(self)
        return self._accounts

    def ask(self, *argv: str, stdin: bytes = b"", ok: Collection[int] = (0,)) -> Answer:
        _check_whole(self._root, argv)
        answer = commands.ask(argv, stdin=stdin, ok=ok)
        self._beat()
        return answer

    def systemd(self) -> Systemd:
        from agent.host.bus.asking import Asking  # noqa: PLC0415 - a host may have no units to look at

        _check_whole(self._root, ("systemctl",))
        return Asking(self._root, self._beat)

    def engine(self) -> Engine:
        if self._no_engine is not None:  # one that hangs is waited for once
            raise HostError(str(self._no_engine), hint=self._no_engine.hint) from self._no_engine
        if self._engine is None:
            _check_whole(self._root, ("docker",))
            try:
                self._engine = self._door.look()
            except HostError as error:
                self._no_engine = error
                raise
        return self._engine

    def cluster(self) -> Cluster:
        if self._no_cluster is not None:  # one that hangs is waited for once
            raise HostError(str(self._no_cluster), hint=self._no_cluster.hint) from self._no_cluster
        if self._cluster is None:
            _check_whole(self._root, ("kubectl",))
            try:
                self._cluster = self._cluster_door.look(self._beat)
            except HostError as error:
                self._no_cluster = error
                raise
        return self._cluster

    def age(self, path: PurePosixPath) -> float | None:
        found = stamps(self._root, (str(path),))[str(path)]
        return None if found is None else time.time() - found.modified / 1e9

    def remembered(self, key: Hashable, paths: Collection[str], read: Callable[[], T]) -> T:
        return self._recollection.answer(key, paths, read, self._stamps)

    def _unknown(self, path: str, deep: bool) -> bool:  # noqa: FBT001 - called for each path
        if path not in self._seen:
            return True
        seen = self._seen[path]
        return deep and isinstance(seen, Entry) and seen.type is FileType.FILE and not seen.digest

    def _number(self, ask: Callable[[str], int | None], name: str) -> int | None:
        if (ask, name) not in self._numbers:
            self._numbers[ask, name] = ask(name)
        return self._numbers[ask, name]


def _check_whole(root: Path, argv: tuple[str, ...]) -> None:
    """Raise HostError where a command would be about another machine than the one that is declared."""
    if root != Path("/"):
        raise HostError(
            f"`{argv[0]}` is not run: the files of this host are below {shown(str(root))}, and commands know nothing of that",
            hint="with another root than / in agent.yaml only files can be tried out",
        )


def _explanation(argv: tuple[str, ...]) -> str:
    """Return the last lines of a command that tells why another one failed; nothing where it can't."""
    if not argv:
        return ""
    time.sleep(ARRIVAL)
    try:
        answer = commands.ask(argv, ok=ANY_CODE)
        return commands.excerpt(answer.out or answer.err)
    except HostError:
        return ""


def _off_limits(path: str) -> HostError:
    return HostError(f"{shown(path)}: is trued's own, and nothing to declare", hint="declare another path")


def _validate(step: WriteFile, temporary: Path) -> None:
    """Run the file's own check on the temporary file; raises HostError if it says no."""
    argv = tuple(part.replace("{}", str(temporary)) for part in step.validate)
    try:
        answer = commands.ask(argv, ok=ANY_CODE, timeout=VALIDATION)
    except HostError as error:
        raise HostError(
            f"{shown(step.path)}: left as it was: {_lasting(str(error), temporary)}", hint=error.hint
        ) from error
    if answer.code != 0 and (not step.fatal or re.search(step.fatal, answer.out + answer.err, re.MULTILINE)):
        if not temporary.stat().st_mode & stat.S_IROTH:
            raise HostError(
                f"{shown(step.path)}: left as it was: {commands.failed(step.validate, Answer(answer.code, '', ''))}",
                hint="what it said is not shown: not everybody may read the file, and it may have quoted from it",
            )
        said = Answer(answer.code, _lasting(answer.out, temporary), _lasting(answer.err, temporary))
        raise HostError(f"{shown(step.path)}: left as it was: {commands.failed(step.validate, said)}")


def _lasting(text: str, temporary: Path) -> str:
    """Return words without the random name, so that the same failure has the same words next time."""
    text = text.replace(str(temporary), "{}").replace(temporary.name, "{}")
    return SCRATCH.sub("", text)
