"""A host made of a dict, and a ledger on disk, for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reconcile.world import Cycle, World


@pytest.fixture(name="world")
def _world() -> World:
    return World()


@pytest.fixture(name="cycle")
def _cycle(tmp_path: Path, world: World) -> Iterator[Cycle]:
    cycle = Cycle(tmp_path / "ledger.db", world)
    yield cycle
    cycle.memory.close()
