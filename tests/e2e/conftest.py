"""A host and its repository, for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox
from tests.servers.repo import bare


@pytest.fixture(name="remote")
def _remote(tmp_path: Path) -> Path:
    """A bare repository that is reached by its path."""
    bare(tmp_path / "fleet.git")
    return tmp_path / "fleet.git"


@pytest.fixture(name="host")
def _host(tmp_path: Path, remote: Path) -> Sandbox:
    """A host that follows `remote`, with one file declared and nothing applied yet."""
    host = Sandbox(tmp_path / "host", remote.as_uri())
    host.push({"base/base.yaml": 'files:\n  /etc/motd: {content: "Welcome to ${site}\\n", mode: "0644"}\n'})
    return host
