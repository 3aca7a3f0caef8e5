"""A server that fails as told, and the door to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.kubernetes import client, look
from agent.host.kubernetes.door import Door
from tests.host.kubernetes.scripted import Scripted, kubeconfig
from tests.servers.tls import Tls, make_tls


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("scripted") / "tls")


@pytest.fixture(scope="session")
def other_tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """Of another cluster."""
    return make_tls(tmp_path_factory.mktemp("scripted") / "other")


@pytest.fixture
def server(tls: Tls) -> Iterator[Scripted]:
    with Scripted(tls) as server:
        yield server


@pytest.fixture
def config(server: Scripted, tls: Tls, tmp_path: Path) -> Path:
    return kubeconfig(tmp_path / "kubeconfig", server.port, tls.ca, token="s3cret-token")


@pytest.fixture
def door(config: Path) -> Iterator[Door]:
    door = Door(owner="edge-01", kubeconfig=config)
    yield door
    door.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for in seconds is waited for in tenths."""
    monkeypatch.setattr(client, "PATIENCE", 0.3)
    monkeypatch.setattr(client, "READINESS", 0.3)
    monkeypatch.setattr(look, "SLOW", 0.2)
