"""The fixtures of container engines, for every folder of tests. `tests/engine/__init__.py` says what they are for."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.host.engine import wait
from tests.engine import images
from tests.engine.cell import Cell, missing_hierarchy
from tests.engine.docker import Docker
from tests.engine.podman import Podman
from tests.engine.registry import Registry
from tests.fleet import Fleet
from tests.host.machine import slot
from tests.servers.processes import find

TOOLS = (
    "busybox", "containerd", "docker-registry", "dockerd", "git", "htpasswd", "ip", "iptables", "nsenter", "openssl",
    "podman", "runc", "setpriv", "unshare",
)  # fmt: skip
PACKAGES = Path(__file__).parents[1] / "servers/packages.txt"

Engine: TypeAlias = Docker | Podman


def missing() -> str:
    """Return why no engine can be started here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if tools := [tool for tool in TOOLS if not find(tool)]:
        return f"missing: {', '.join(tools)}; the packages are in {PACKAGES}"
    return missing_hierarchy()


@pytest.fixture(scope="session", name="engine_slot")
def _engine_slot() -> Iterator[slot.Slot]:
    """The number of this run, under which its cells stand."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with slot.take() as taken:
        yield taken


@pytest.fixture(scope="session")
def cell(engine_slot: slot.Slot) -> Iterator[Cell]:
    """Where the engines and the registry of this run are."""
    with Cell(engine_slot) as made:
        yield made


@pytest.fixture(scope="session", name="dockerd")
def _dockerd(cell: Cell) -> Docker:
    engine = Docker(cell)
    engine.start()
    engine.load(*images.STOCK)
    return engine


@pytest.fixture(scope="session", name="podman_service")
def _podman_service(cell: Cell) -> Podman:
    engine = Podman(cell)
    engine.start()
    engine.load(*images.STOCK)
    return engine


@pytest.fixture
def docker(dockerd: Docker) -> Iterator[Docker]:
    """A Docker Engine that runs, and has the images of images.STOCK and nothing else."""
    dockerd.clear()
    yield dockerd
    dockerd.clear()


@pytest.fixture
def podman(podman_service: Podman) -> Iterator[Podman]:
    """The same of Podman, by Docker's API."""
    podman_service.clear()
    yield podman_service
    podman_service.clear()


@pytest.fixture(params=("docker", "podman"))
def engine(request: pytest.FixtureRequest, cell: Cell) -> Engine:
    """Both of them, one after the other: the test runs twice."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def box() -> str:
    """The name of an image that every engine here has; it serves port 80."""
    return images.STOCK[0].name


@pytest.fixture(scope="session", name="registry_server")
def _registry_server(cell: Cell) -> Iterator[Registry]:
    with Registry(cell) as server:
        yield server


@pytest.fixture
def registry(registry_server: Registry) -> Registry:
    """An empty registry."""
    registry_server.wipe()
    registry_server.heal()
    return registry_server


@pytest.fixture
def fleet(docker: Docker, tmp_path: Path) -> Fleet:
    """A host that trued keeps true, with a Docker Engine."""
    return Fleet.of(tmp_path, docker)


@pytest.fixture
def fleet_of(tmp_path: Path) -> Callable[[Engine], Fleet]:
    """Make such a host with an engine of one's choice: fleet_of(engine), with further keys of agent.yaml."""

    def make(engine: Engine, /, **more: object) -> Fleet:
        return Fleet.of(tmp_path, engine, **more)

    return make


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have trued see sooner that a container has not ended at once: those of most tests do not."""
    monkeypatch.setattr(wait, "SETTLING", 0.1)
    # The name of the module is that of a function, too.
    monkeypatch.setattr(importlib.import_module("agent.kinds.container.steps"), "SETTLING", "0.1")
