"""The roads to a repository that an agent may only add status branches to, and one that is a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.git.address import Access
from tests.git import places
from tests.servers.git import Bare, GitServer
from tests.servers.repo import bare


@pytest.fixture(params=["https", "ssh", "file"])
def access(request: pytest.FixtureRequest, git_server: GitServer, guarded: Bare) -> Access:
    return places.access(git_server, guarded, request.param)


@pytest.fixture
def https(git_server: GitServer, guarded: Bare) -> Access:
    return places.access(git_server, guarded, "https")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty repository, reached by its path."""
    bare(tmp_path / "bare.git")
    return tmp_path / "bare.git"
