"""A wait for what was done to come to rest keeps nobody waiting who has drifted meanwhile, and a new commit waits it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from agent.kinds import AnyKind
from agent.model import DesiredState, ResourceId, Stale, Step, settle
from agent.reconcile.apply import apply
from agent.reconcile.hands import Hands
from agent.reconcile.ledger import Memory
from agent.reconcile.observe import look_around
from agent.reconcile.order import ordered
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy
from tests.reconcile.world import Service, ServiceSpec, World, service

WAITED = ("sleep", "1")


class Lamp(Service):
    """A service that is waited for after its start."""

    def steps(
        self, name: str, want: ServiceSpec | None, have: str | None, *, stale: Stale
    ) -> Iterable[Step]:
        found = tuple(super().steps(name, want, have, stale=stale))
        return (*found, settle("1")) if found else ()


KINDS: Mapping[str, AnyKind] = {"service": Lamp()}
WANT = ordered(DesiredState(commit="c1", resources={one.id: one for one in (service("a"),)}), KINDS)


class Scene:
    """A host on which one service is to run, and something happens elsewhere, from a moment on."""

    def __init__(self, memory: Memory) -> None:
        self.world, self.memory, self.now = World(), memory, 0.0
        self.world.services = {"a": "stopped"}
        self.asked: list[Sequence[ResourceId]] = []

    def run(self, *, news_at: float, hears: bool = True) -> float:
        """Have it as declared; return the seconds that were waited in between, but by a command."""
        began, self.world.performed = self.now, []

        def elsewhere(ids: Sequence[ResourceId]) -> bool:
            self.asked.append(ids)
            return self.now - began >= news_at

        situation = look_around(WANT, self.memory.load(), KINDS, self.world)
        plan = make_plan(situation)
        begin(plan, situation, self.memory)
        hands = Hands(
            host=self.world,
            memory=self.memory,
            policy=Policy(),
            elsewhere=elsewhere if hears else None,
            clock=lambda: self.now,
            sleep=self._sleep,
        )
        assert ["changed"] == [str(one.result) for one in apply(plan, situation, hands)]
        assert "running" == self.world.services["a"]
        return self.now - began

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Scene:
    return Scene(Memory(tmp_path / "ledger.db"))


def test_a_new_commit_is_waited_for_whatever_happens_elsewhere(scene: Scene) -> None:
    assert 0 == scene.run(news_at=0)
    assert WAITED in scene.world.performed


def test_drift_is_waited_for_until_something_happens_elsewhere(scene: Scene) -> None:
    scene.run(news_at=0)
    scene.world.services["a"] = "stopped"
    assert 0.3 == pytest.approx(scene.run(news_at=0.28))
    assert [ResourceId("service", "a")] == scene.asked[-1]
    scene.world.services["a"] = "stopped"
    assert 1.0 == pytest.approx(scene.run(news_at=9))
    assert WAITED not in scene.world.performed


def test_who_hears_of_nothing_waits_as_ever(scene: Scene) -> None:
    scene.run(news_at=0)
    scene.world.services["a"] = "stopped"
    scene.run(news_at=0, hears=False)
    assert WAITED in scene.world.performed
