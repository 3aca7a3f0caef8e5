"""The roads to a repository that an agent may only add status branches to."""

from __future__ import annotations

import pytest

from agent.git.address import Access
from tests.git import places
from tests.servers.git import Bare, GitServer


@pytest.fixture(params=["https", "ssh", "file"])
def access(request: pytest.FixtureRequest, git_server: GitServer, guarded: Bare) -> Access:
    return places.access(git_server, guarded, request.param)


@pytest.fixture
def https(git_server: GitServer, guarded: Bare) -> Access:
    return places.access(git_server, guarded, "https")
