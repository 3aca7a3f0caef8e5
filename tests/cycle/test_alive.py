"""A cycle shows life while it waits for Git."""

from __future__ import annotations

from agent.cycle import run_cycle
from agent.outfit import Quiet
from tests.cycle.scene import Scene


class Counting(Quiet):
    def __init__(self) -> None:
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1


def test_each_cycle_lends_its_own_sign_of_life_to_the_source(settled: Scene) -> None:
    """The pulse of a cycle that is over is nobody's."""
    pulses = Counting(), Counting()
    before = []
    for pulse in pulses:
        run_cycle(settled.agent, pulse)
        before.append(pulse.beats)
        settled.repository.beat()

    assert [beats + 1 for beats in before] == [pulse.beats for pulse in pulses]
