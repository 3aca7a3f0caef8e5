"""Doubles that keep state: a host that is a dict, a commit that is a dict. No expectations, no recorded calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Self, TypeAlias, TypeVar

from agent.documents.manifests import read_manifests
from agent.errors import HostError
from agent.host import Accounts, Answer, DetourError, Entry, FileType, Job, accounts
from agent.host.servers import Cluster, Engine, Systemd
from agent.host.turns import in_turn
from agent.model import (
    ApplyObject,
    AwaitCluster,
    Content,
    DeleteObject,
    EngineStep,
    KeepFirst,
    MakeDirectory,
    MakeLink,
    Remove,
    ReplaceObject,
    Run,
    SetAttributes,
    Step,
    Text,
    TreeFile,
    TreeLink,
    TreePath,
    WriteFile,
    Written,
    blob_id,
)
from tests.fake_cluster import FakeCluster
from tests.fake_engine import FakeEngine

T = TypeVar("T")
Command: TypeAlias = Callable[[tuple[str, ...], bytes], Answer]

ROOT = PurePosixPath("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing on the fake host."""

    type: FileType = FileType.FILE
    data: bytes = b""
    target: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    @classmethod
    def file(cls, data: bytes = b"", *, mode: int = 0o644) -> Self:
        return cls(data=data, mode=mode)

    @classmethod
    def folder(cls, *, mode: int = 0o755) -> Self:
        return cls(type=FileType.DIRECTORY, mode=mode)

    @classmethod
    def link(cls, target: str) -> Self:
        return cls(type=FileType.LINK, target=target, mode=0o777)

    @classmethod
    def other(cls) -> Self:
        return cls(type=FileType.OTHER)

    @property
    def entry(self) -> Entry:
        is_file = self.type is FileType.FILE
        return Entry(
            type=self.type,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            size=len(self.data),
            digest=blob_id(self.data) if is_file else "",
            target=self.target,
        )


class FakeHost:
    """
    A host in memory: `nodes` by path, `users` and `groups` by name, `answers` by argv, `unreadable` paths.

    `commands` are those that do something to it: by name, what is called with the whole argv and stdin. `engine` is
    its container engine, `cluster` its Kubernetes, and `systemd` what looks at its systemd, if it has one.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node] | None = None,
        *,
        answers: Mapping[tuple[str, ...], Answer] | None = None,
        unreadable: Mapping[str, str] | None = None,
    ) -> None:
        self.nodes: dict[PurePosixPath, Node] = {ROOT: Node.folder()}
        for path, node in (nodes or {}).items():
            for above in PurePosixPath(path).parents:
                self.nodes.setdefault(above, Node.folder())
            self.nodes[PurePosixPath(path)] = node
        self.users = {"root": 0}
        self.groups = {"root": 0}
        self.answers = dict(answers or {})
        self.commands: dict[str, Command] = {}
        self.engine: FakeEngine | None = None
        self.cluster: FakeCluster | None = None
        self.systemd: Systemd | None = None
        self.ages: dict[str, float] = {}
        self.unreadable = {PurePosixPath(path): words for path, words in (unreadable or {}).items()}
        self.mounted: frozenset[PurePosixPath] = frozenset()
        self.kept: dict[PurePosixPath, Node] = {}
        self.performed: list[Step] = []

    def probe(self, beat: Callable[[], None] = lambda: None) -> FakeProbe:
        return FakeProbe(self)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        return in_turn(self.perform, jobs)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        self.performed.append(step)
        match step:
            case WriteFile():
                before = self._replaceable(step.path, FileType.FILE)
                mode = before.mode if before and before.type is FileType.FILE else 0o644
                self._put(step, Node(data=b"".join(step.content.chunks()), mode=mode))
            case MakeLink():
                self._replaceable(step.path, FileType.LINK)
                self._put(step, Node.link(step.target))
            case MakeDirectory():
                before = self.nodes.get(step.path)
                if before and before.type is not FileType.DIRECTORY:
                    raise HostError(f"{step.path}: something is there")
                self._put(step, before or Node.folder())
            case SetAttributes():
                self._put(step, self.nodes[step.path])
            case Remove():
                if not self.below(step.path):
                    self.nodes.pop(step.path, None)
            case KeepFirst():
                self.kept.setdefault(step.path, self.nodes[step.path])
            case Run():
                self._answer((*step.argv, *step.operands), step.stdin, ok=(0,))
            case ApplyObject() | ReplaceObject() | DeleteObject() | AwaitCluster():
                self.clustered().perform(step)
            case _:
                assert isinstance(step, EngineStep)
                self.answering().perform(step)

    def answering(self) -> FakeEngine:
        """Return the container engine; raises HostError where there is none."""
        if self.engine is None:
            raise HostError("no container engine answers on this host")
        return self.engine

    def clustered(self) -> FakeCluster:
        """Return the cluster; raises HostError where there is none."""
        if self.cluster is None:
            raise HostError("no Kubernetes answers on this host")
        return self.cluster

    def below(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        return tuple(sorted(path for path in self.nodes if path.parent == folder and path != folder))

    def _replaceable(self, path: PurePosixPath, wanted: FileType) -> Node | None:
        before = self.nodes.get(path)
        if (
            before
            and before.type is FileType.DIRECTORY
            and wanted is not FileType.DIRECTORY
            and self.below(path)
        ):
            raise HostError(f"{path}: cannot be written: directory not empty")
        return before

    def _put(self, step: WriteFile | MakeLink | MakeDirectory | SetAttributes, node: Node) -> None:
        above = self.nodes.get(step.path.parent)
        if above is None or above.type is not FileType.DIRECTORY:
            raise HostError(f"{step.path}: there is no folder {step.path.parent}")
        mode = getattr(step, "mode", None)
        self.nodes[step.path] = replace(
            node,
            mode=node.mode if mode is None else mode,
            uid=node.uid if step.owner is None else self._number(self.users, step.owner, "user"),
            gid=node.gid if step.group is None else self._number(self.groups, step.group, "group"),
        )

    def _number(self, names: Mapping[str, int], name: str, what: str) -> int:
        number = int(name) if name.isdigit() else names.get(name)
        if number is None:
            raise HostError(f"no {what} {name!r} on this host")
        return number

    def _answer(self, argv: tuple[str, ...], stdin: bytes, *, ok: Collection[int]) -> Answer:
        if argv[0] in self.commands:
            answer = self.commands[argv[0]](argv, stdin)
        else:
            answer = self.answers.get(argv, Answer(127, "", "command not found"))
        if answer.code not in ok:
            raise HostError(f"`{' '.join(argv)}` exited with {answer.code}: {answer.err}")
        return answer


@dataclass(slots=True)
class FakeProbe:
    """Looks at a `FakeHost`."""

    host: FakeHost

    def entries(
        self, paths: Collection[str], *, digests: Collection[str] = ()
    ) -> Mapping[str, Entry | HostError | None]:
        return {path: self._entry(PurePosixPath(path), deep=path in digests) for path in paths}

    def names(self, directory: PurePosixPath) -> tuple[str, ...]:
        if words := self.host.unreadable.get(directory):
            raise HostError(f"{directory}: {words}")
        return tuple(path.name for path in self.host.below(directory))

    def content(self, path: PurePosixPath, *, limit: int) -> bytes | None:
        if words := self.host.unreadable.get(path):
            raise HostError(f"{path}: {words}")
        node = self.host.nodes.get(path)
        return node.data[:limit] if node and node.type is FileType.FILE else None

    def uid(self, owner: str) -> int | None:
        return int(owner) if owner.isdigit() else self.host.users.get(owner)

    def gid(self, group: str) -> int | None:
        return int(group) if group.isdigit() else self.host.groups.get(group)

    def user(self, uid: int) -> str:
        return next((name for name, number in self.host.users.items() if number == uid), str(uid))

    def group(self, gid: int) -> str:
        return next((name for name, number in self.host.groups.items() if number == gid), str(gid))

    def accounts(self) -> Accounts:
        return accounts.read(self)

    def mounts(self) -> frozenset[PurePosixPath]:
        return self.host.mounted

    def ask(self, *argv: str, stdin: bytes = b"", ok: Collection[int] = (0,)) -> Answer:
        return self.host._answer(argv, stdin, ok=ok)

    def systemd(self) -> Systemd:
        if self.host.systemd is None:
            raise HostError("no systemd answers on this host")
        return self.host.systemd

    def engine(self) -> Engine:
        return self.host.answering()

    def cluster(self) -> Cluster:
        return self.host.clustered()

    def age(self, path: PurePosixPath) -> float | None:
        return self.host.ages.get(str(path), 0.0) if path in self.host.nodes else None

    def remembered(self, key: Hashable, paths: Collection[str], read: Callable[[], T]) -> T:
        return read()

    def _entry(self, path: PurePosixPath, *, deep: bool) -> Entry | HostError | None:
        for above in reversed(path.parents):
            node = self.host.nodes.get(above)
            if node and node.type is FileType.LINK:
                return DetourError(f"{above} is a link to {node.target}", link=above)
        if words := self.host.unreadable.get(path):
            return HostError(f"{path}: {words}")
        node = self.host.nodes.get(path)
        if node is None:
            return None
        return node.entry if deep else replace(node.entry, digest="")


@dataclass(frozen=True, slots=True)
class FakeTree:
    """The files of one commit: bytes, or a `TreeLink`'s target, by path. A template is its own text in capitals."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()

    def prefetch(self, paths: frozenset[TreePath]) -> None:
        return

    def documents(self, folder: TreePath) -> tuple[TreePath, ...] | None:
        found = self._below(folder)
        paths = (TreePath(path) for path in found if path.endswith(".yaml"))
        return tuple(path for path in paths if path.parent == folder) if found else None

    def entry(self, path: TreePath) -> TreeFile | TreeLink | None:
        name = str(path)
        if name in self.links:
            return TreeLink(path=path, target=self.links[name])
        if name not in self.files:
            return None
        content = Text.of(self.files[name])
        return TreeFile(path=path, executable=name in self.executable, content=content)

    def walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink] | None:
        found = self._below(folder)
        return (entry for path in found if (entry := self.entry(TreePath(path)))) if found else None

    def render(self, path: TreePath) -> Content:
        return Text.of(self.files[str(path)].upper())

    def manifests(self, path: TreePath, *, substitute: bool) -> Sequence[Written]:
        return read_manifests(self.files[str(path)], str(path))

    def _below(self, folder: TreePath) -> list[str]:
        return sorted(path for path in (*self.files, *self.links) if folder in TreePath(path).parents)
