"""What has drifted and is left as it is, for now or for a person: nothing restarts for its sake."""

from __future__ import annotations

from dataclasses import replace

from agent.looks import Occasion
from agent.reconcile.policy import Policy
from tests.cycle.scene import QUIET, Scene
from tests.reconcile.world import thing

RESTART = ("restart", "web")


def test_nothing_restarts_while_a_fight_waits(settled: Scene) -> None:
    """Each event would restart it, twice a second, though nothing is written."""
    results = []
    for _ in range(7):
        settled.world.values["a"] = "hacked"
        settled.world.performed.clear()
        results.append(settled.hear("/things/a").resources[thing("a")].result)
        is_put_right = any(step[0] == "set" for step in settled.world.performed)
        assert is_put_right == (RESTART in settled.world.performed)

    assert results[-1] == "contested"


def test_nothing_restarts_for_what_is_held(settled: Scene) -> None:
    """Neither at the look that finds it, nor at those that follow; and it does once it may be put right."""
    free = settled.agent
    settled.agent = replace(free, policy=Policy(allow={"service": ("*",)}))
    settled.world.values["a"] = "hacked"
    for occasion in (Occasion(), QUIET, Occasion()):
        settled.cycle(occasion)
    assert [] == settled.world.performed

    settled.agent = free
    settled.cycle()
    assert 1 == settled.world.performed.count(RESTART)
