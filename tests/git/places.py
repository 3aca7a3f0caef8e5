"""What the tests of agent/git share: a repository behind each road, and a source that reads from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent.git.address import Access, Ref
from agent.git.limits import Limits
from agent.git.source import Source
from agent.model import Tree, TreeFile, TreeLink, TreePath
from tests.servers.faults import FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet

ROADS = ("file", "path", "https", "ssh")
PATIENT = Limits(connect=10, stall=20, total=60)  # a key exchange takes seconds on a busy machine
MAIN = Ref(branch="main")


def access(server: GitServer, bare: Bare, road: str) -> Access:
    """Return how a host reaches a repository by this road."""
    match road:
        case "https":
            return Access(url=bare.https, token_file=server.token_file, ca_file=server.tls.ca)
        case "ssh":
            return Access(url=bare.ssh, ssh_key=server.ssh.key, known_hosts=server.ssh.known_hosts)
        case "path":
            return Access(url=str(bare.path))
    return Access(url=bare.file)


def through(proxy: FaultProxy, server: GitServer, bare: Bare) -> Access:
    """Return how a host reaches a repository over https, by way of what fails as told."""
    return replace(access(server, bare, "https"), url=proxy.url(bare.https))


def read(tree: Tree, folder: str = ".") -> dict[str, str]:
    """Return all that is below a folder: content, or -> target."""
    path = TreePath(folder)
    tree.prefetch(frozenset({path}))
    return {str(item.path): _shown(item) for item in tree.walk(path) or ()}


def _shown(item: TreeFile | TreeLink) -> str:
    if isinstance(item, TreeLink):
        return f"-> {item.target}"
    return b"".join(item.content.chunks()).decode("utf-8", "replace")


def fleet(path: Path, files: Mapping[str, str | bytes]) -> Fleet:
    """Return a work tree with a first commit."""
    made = Fleet(path)
    made.write(files).commit("first")
    return made


def source(at: Access, state: Path, ref: Ref = MAIN, limits: Limits = PATIENT) -> Source:
    return Source(at, ref, state, limits=limits)
