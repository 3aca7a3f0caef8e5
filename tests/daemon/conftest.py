"""Daemons to send signals to, and a socket in the place of the service manager's."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.process import PATIENCE, Child


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Start daemons that work in one folder; they end with the test."""
    children: list[Child] = []

    def starting(cycle: str, interval: str = "60", **environ: str) -> Child:
        (tmp_path / "interval").write_text(interval)
        children.append(Child(cycle, tmp_path, environ))
        return children[-1]

    yield starting
    for child in children:
        child.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What listens where NOTIFY_SOCKET points."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0trued-test-{tmp_path}")
        listener.settimeout(PATIENCE)
        yield listener
