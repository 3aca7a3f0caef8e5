"""The files of a commit as one host sees them: its tree, and its templates filled in. Reads only the tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.desired.templates import Templates
from agent.desired.variables import Variables
from agent.errors import DocumentError
from agent.model import Content, Text, Tree, TreeFile, TreeLink, TreePath, Written

MAX_TEMPLATE: Final = 1 << 20  # bytes


class CommitSources:
    """Answers as the tree does, and renders. Each template is rendered once."""

    def __init__(self, tree: Tree, variables: Variables) -> None:
        self._tree = tree
        self._templates = Templates(self._template, variables.plain)
        self._rendered: dict[TreePath, Text] = {}

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

    def manifests(self, path: TreePath, *, substitute: bool) -> Sequence[Written]:  # noqa: ARG002
        raise DocumentError(f"{path}:1: manifests are not read yet")

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
