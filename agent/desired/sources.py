"""The files of a commit as one host sees them: its tree, and its templates filled in. Reads only the tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from agent.desired.variables import Variables
from agent.documents.nodes import Node, Scalar
from agent.documents.problems import Findings
from agent.errors import DocumentError
from agent.model import Content, Text, Tree, TreeFile, TreeLink, TreePath, Written

if TYPE_CHECKING:
    from agent.desired.templates import Templates
    from agent.documents.manifests import Fill

MAX_TEMPLATE: Final = 1 << 20  # bytes


class Manifests:
    """The files of manifests of one commit as they stand there, each read once, however many hosts are looked at."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._read: dict[TreePath, tuple[Written, ...] | DocumentError] = {}

    def documents(self, path: TreePath) -> tuple[Written, ...]:
        """Return the documents of a file; raises DocumentError with file and line, SourceError."""
        if path not in self._read:
            try:
                self._read[path] = self.read(path)
            except DocumentError as error:
                self._read[path] = error
        found = self._read[path]
        if isinstance(found, DocumentError):
            raise DocumentError(str(found))
        return found

    def read(self, path: TreePath, fill: Fill | None = None) -> tuple[Written, ...]:
        """Return the documents of a file, with each text that has a dollar replaced; raises as `documents` does."""
        from agent.documents import manifests  # noqa: PLC0415 - most hosts have none

        found = self._tree.entry(path)
        if not isinstance(found, TreeFile):
            raise DocumentError(f"{path}:1: there is no such file in the repository")
        data = read_bounded(found, manifests.MAX_BYTES)
        if data is None:
            raise DocumentError(f"{path}:1: expected at most {manifests.MAX_BYTES >> 20} MiB; split it up")
        return manifests.read_manifests(data, str(path), fill)


class CommitSources:
    """Answers as the tree does, renders, and reads manifests. Each template is rendered once, and each manifest read once."""

    def __init__(self, tree: Tree, variables: Variables, manifests: Manifests | None = None) -> None:
        """`manifests`: what is read already, where several hosts are looked at."""
        self._tree = tree
        self._variables = variables
        self._manifests = manifests or Manifests(tree)
        self._filled: dict[TreePath, tuple[Written, ...]] = {}
        self._rendered: dict[TreePath, Text] = {}

    @cached_property
    def _templates(self) -> Templates:
        from agent.desired.templates import Templates  # noqa: PLC0415 - most hosts have none

        return Templates(self._template, self._variables.plain)

    @property
    def rendered(self) -> Mapping[TreePath, Text]:
        """What has been rendered until now."""
        return self._rendered

    def prefetch(self, paths: frozenset[TreePath]) -> None:
        self._tree.prefetch(paths)

    def documents(self, folder: TreePath) -> tuple[TreePath, ...] | None:
        return self._tree.documents(folder)

    def entry(self, path: TreePath) -> TreeFile | TreeLink | None:
        return self._tree.entry(path)

    def walk(self, folder: TreePath) -> Iterator[TreeFile | TreeLink] | None:
        return self._tree.walk(folder)

    def render(self, path: TreePath) -> Content:
        if path not in self._rendered:
            self._rendered[path] = Text.of(self._templates.render(path).encode())
        return self._rendered[path]

    def manifests(self, path: TreePath, *, substitute: bool) -> Sequence[Written]:
        if not substitute:
            return self._manifests.documents(path)
        if path not in self._filled:
            self._filled[path] = self._manifests.read(path, self._fill)
        return self._filled[path]

    def _fill(self, node: Scalar, path: str, findings: Findings) -> Node:
        """Return what a text becomes. Of one that cannot be replaced nothing is shown but names: it may be a Secret's."""
        own = Findings()
        filled = self._variables.replace(node, path, own)
        for problem in own.problems:
            told = problem.message
            if told.startswith("expected ${name}"):
                told = "expected ${name} or ${name:-default}; a dollar is $$"
            findings.add(problem.place, problem.path, told)
        return filled

    def _template(self, path: TreePath) -> str | None:
        found = self._tree.entry(path)
        if not isinstance(found, TreeFile):
            return None
        data = read_bounded(found, MAX_TEMPLATE)
        if data is None:
            raise DocumentError(f"{path}:1: template: expected at most {MAX_TEMPLATE >> 20} MiB")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DocumentError(f"{path}:{line}: template: expected UTF-8 text, found other bytes") from None


def read_bounded(file: TreeFile, limit: int) -> bytes | None:
    """Return a file's bytes, None if there are more than `limit`; raises SourceError."""
    pieces: list[bytes] = []
    size = 0
    for piece in file.content.chunks():
        pieces.append(piece)
        if (size := size + len(piece)) > limit:
            return None
    return b"".join(pieces)
