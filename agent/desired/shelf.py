"""What several hosts of one commit read alike, each read once. Reads only the tree."""

from __future__ import annotations

from agent.desired.layers import document
from agent.desired.sources import Manifests
from agent.documents.nodes import Node, Place
from agent.documents.problems import Findings
from agent.model import Tree, TreePath


class Shelf:
    """The Compose files and manifests of one commit, each read once, however many hosts are looked at."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.manifests = Manifests(tree)
        self._documents: dict[TreePath, tuple[Node | None, Findings]] = {}

    def document(self, path: TreePath, findings: Findings) -> Node | None:
        """Return what a file says; problems go to `findings`. Raises SourceError."""
        if path not in self._documents:
            own = Findings()
            node = document(self.tree, path, own)
            if node is None and not own and self.tree.entry(path) is None:
                own.add(Place(str(path)), "", "there is no such file in the repository")
            self._documents[path] = node, own
        node, own = self._documents[path]
        findings.problems += own.problems
        return None if own else node
