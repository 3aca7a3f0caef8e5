"""
What a Compose file refers to beside itself: the files of the repository that have to be on the host, and where. Pure,
but for asking the tree what there is.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import PurePosixPath
from typing import Final

from agent.compose.entry import Project
from agent.compose.nodes import mapping
from agent.documents.nodes import Map, Node, Place
from agent.documents.problems import Findings
from agent.model import Tree, TreeFile, TreePath
from agent.values import dataclass

DETAILS: Final = ("mode", "owner", "group")


@dataclass(slots=True)
class _Wanted:
    """One entry of `files`. `said`: what of its details somebody asked for, and where."""

    place: Place
    entries: dict[str, Node | str | bool]
    usual: str = ""  # the mode that it has if nobody says one
    said: dict[str, tuple[str, Place]] = field(default_factory=dict)


class Files:
    """
    Gathers the entries of `files` that a project needs. Each question answers the path on the host.

    Without a tree nothing is there: that is how it is learned what has to be read ahead.
    """

    def __init__(self, project: Project, tree: Tree | None, findings: Findings) -> None:
        self.project = project
        self.asked: set[TreePath] = set()
        self._tree = tree
        self._findings = findings
        self._wanted: dict[str, _Wanted] = {}

    def entries(self) -> dict[str, tuple[Node, Place]]:
        """Return the entries of `files`, each with the place that it comes from."""
        return {
            path: (_entry(wanted), wanted.place)
            for path, wanted in self._wanted.items()
            if not self._comes_with_another(path, wanted)
        }

    def _comes_with_another(self, path: str, wanted: _Wanted) -> bool:
        """Return whether it is a part of a folder that is brought whole, and nothing more is said of it."""
        if "source" not in wanted.entries or wanted.usual:
            return False
        above = (self._wanted.get(str(folder)) for folder in PurePosixPath(path).parents)
        return any(one is not None and "source" in one.entries for one in above)

    def bound(self, written: str, place: Place, path: str, *, make: bool) -> str | None:
        """Return where something that is mounted is on the host; None, with a problem, if that cannot be."""
        if written.startswith("/"):
            return written
        if (source := self._beside(written, place, path)) is None:
            return None
        if self._is_there(source):
            return self._source(source, place)
        host = self._host(source)
        if make:
            self._wanted.setdefault(host, _Wanted(place, {"directory": True}))
        return host

    def read(
        self, written: str, place: Place, path: str, *, usual: str, optional: bool = False
    ) -> str | None:
        """Return where a file that has to be there is on the host; None if it is not, with a problem unless `optional`."""
        if written.startswith("/"):
            return written
        if (source := self._beside(written, place, path)) is None:
            return None
        if not self._is_file(source):
            if not optional:
                self._findings.add(place, path, f"there is no file {source} in the repository")
            return None
        host = self._source(source, place)
        self._usually(self._wanted[host], usual)
        return host

    def text(self, host: str, content: Node, *, usual: str) -> str:
        """Have a file of this content, and return where."""
        host = f"{self.project.directory}/{host}"
        wanted = self._wanted.setdefault(host, _Wanted(content.place, {"content": content}))
        self._usually(wanted, usual)
        return host

    def detail(self, host: str, key: str, value: str, place: Place, path: str) -> None:
        """Let a file have a mode, an owner or a group; what two ask for has to be the same."""
        if (wanted := self._wanted.get(host)) is None:  # it is on the host, and not from here
            return
        before = wanted.said.setdefault(key, (value, place))
        if before[0] != value:
            message = f"{key} {value} for {host}, and {before[0]} at {before[1]}; one file has one"
            self._findings.add(place, path, message)

    def _beside(self, written: str, place: Place, path: str) -> TreePath | None:
        if written.startswith("~"):
            message = "expected an absolute path, or one that begins with ./; there is no home folder here"
            self._findings.add(place, path, message)
            return None
        try:
            source = TreePath.beside(str(self.project.source), written)
        except ValueError:
            message = (
                f"expected a path below the Compose file's own folder, without '..', got {written[:80]!r}"
            )
            self._findings.add(place, path, message)
            return None
        self.asked.add(source)
        return source

    def _is_there(self, source: TreePath) -> bool:
        if self._tree is None:
            return False
        return self._tree.entry(source) is not None or self._tree.walk(source) is not None

    def _is_file(self, source: TreePath) -> bool:
        return self._tree is None or isinstance(self._tree.entry(source), TreeFile)

    def _source(self, source: TreePath, place: Place) -> str:
        host = self._host(source)
        relative = str(source.relative_to(self.project.source.parent))
        wanted = self._wanted.setdefault(host, _Wanted(place, {}))
        wanted.entries = {"source": relative}
        return host

    def _host(self, source: TreePath) -> str:
        relative = str(source.relative_to(self.project.source.parent))
        return self.project.directory if relative == "." else f"{self.project.directory}/{relative}"

    def _usually(self, wanted: _Wanted, mode: str) -> None:
        wanted.usual = min(wanted.usual, mode) if wanted.usual else mode  # the one that lets fewer read


def _entry(wanted: _Wanted) -> Map:
    entries = dict(wanted.entries)
    if wanted.usual:
        entries["mode"] = wanted.usual
    entries |= {key: wanted.said[key][0] for key in DETAILS if key in wanted.said}
    return mapping(wanted.place, entries)
