"""A host made of a dict, or one on which things take time, and a ledger on disk, for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reconcile import cluster as slow
from tests.reconcile.world import Cycle, World


@pytest.fixture(name="world")
def _world() -> World:
    return World()


@pytest.fixture(name="cycle")
def _cycle(tmp_path: Path, world: World) -> Iterator[Cycle]:
    cycle = Cycle(tmp_path / "ledger.db", world)
    yield cycle
    cycle.memory.close()


@pytest.fixture(name="cluster")
def _cluster() -> slow.Cluster:
    return slow.Cluster()


@pytest.fixture(name="slowly")
def _slowly(tmp_path: Path, cluster: slow.Cluster) -> Iterator[slow.Cycle]:
    cycle = slow.Cycle(tmp_path / "slow.db", cluster)
    yield cycle
    cycle.memory.close()
