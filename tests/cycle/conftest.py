"""A daemon that has looked at its host, for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.reconcile.attention import Attention
from agent.reconcile.ledger import Memory
from tests.cycle.scene import Hearing, Placed, Scene, Served, Watched
from tests.cycle.test_cycle import Repository, make_agent
from tests.reconcile.world import World, resource, service, thing


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Iterator[Scene]:
    repository, world, memory = Repository(), World(), Memory(tmp_path / "ledger.db")
    watch, ear, things, services = Watched(), Hearing(), Placed(), Served()
    agent = replace(
        make_agent(repository, world, memory),
        kinds={"thing": things, "service": services},
        attention=Attention(watch, (ear,)),  # type: ignore[arg-type]
    )
    yield Scene(agent, world, repository, watch, ear, things, services)
    memory.close()


@pytest.fixture(name="settled")
def _settled(scene: Scene) -> Scene:
    """Three things, and a service that restarts for one of them and needs another."""
    scene.repository.commit(
        "c1",
        resource("a"),
        resource("b"),
        resource("c"),
        service("web", needs=[thing("b")], restart_on=[thing("a")]),
    )
    scene.world.services["web"] = "running"
    scene.cycle()
    scene.cycle()
    scene.world.performed.clear()
    return scene
