"""A real machine in a temporary folder."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.host.files import Sight
from agent.host.local import Local


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The host's own `/`."""
    (tmp_path / "root" / "etc").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def local(root: Path, tmp_path: Path) -> Local:
    return Local(root, tmp_path / "state")


@pytest.fixture
def later(root: Path, tmp_path: Path) -> Local:
    """The same, to which everything on disk is ten seconds old: old enough to be remembered."""
    return Local(root, tmp_path / "state", sight=Sight(clock=lambda: time.time_ns() + 10 * 10**9))
