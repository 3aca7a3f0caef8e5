"""When everything is looked at: in its turn, after a suspend, and when the clock was set back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from agent.daemon.rounds import JUMP, Rounds


@dataclass
class Clocks:
    """A machine that has run for an hour."""

    up: float = 3600.0
    asleep: float = 0.0
    wall: float = 1.8e9
    rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self.rounds = Rounds(lambda: self.up, lambda: self.up + self.asleep, lambda: self.wall)
        self.rounds.jumped()

    def runs(self, seconds: float) -> None:
        self.up += seconds
        self.wall += seconds


@pytest.fixture(name="clocks")
def _clocks() -> Clocks:
    return Clocks()


def test_the_first_time_is_at_once_and_the_next_when_it_is_due(clocks: Clocks) -> None:
    assert clocks.rounds.due()
    clocks.rounds.gone(600.0)
    clocks.runs(599)
    assert not clocks.rounds.due()
    clocks.runs(1)

    assert clocks.rounds.due()


def test_time_that_only_goes_by_is_no_jump(clocks: Clocks) -> None:
    """Nor is what NTP does to it."""
    clocks.runs(86_400)
    clocks.wall += JUMP / 2
    assert "" == clocks.rounds.jumped()
    clocks.wall -= JUMP / 2

    assert "" == clocks.rounds.jumped()


def test_a_suspend_is_told_once(clocks: Clocks) -> None:
    clocks.asleep += 7200
    clocks.wall += 7200

    assert "the machine slept for 7200 s" == clocks.rounds.jumped()
    assert "" == clocks.rounds.jumped()


def test_a_clock_that_was_set_back_is_told_once(clocks: Clocks) -> None:
    clocks.wall -= 3600

    assert "the clock was set back by 3600 s" == clocks.rounds.jumped()
    assert "" == clocks.rounds.jumped()


def test_a_clock_that_is_set_right_is_told_once(clocks: Clocks) -> None:
    """It may be why Git could not be asked."""
    clocks.wall += 86_400

    assert "the clock was set forward by 86400 s" == clocks.rounds.jumped()
    assert "" == clocks.rounds.jumped()


def test_who_only_wonders_takes_nothing_from_who_asks(clocks: Clocks) -> None:
    clocks.asleep += 7200
    clocks.wall += 7200

    assert ["the machine slept for 7200 s"] * 2 == [clocks.rounds.moved(), clocks.rounds.moved()]
    assert "the machine slept for 7200 s" == clocks.rounds.jumped()
    assert "" == clocks.rounds.moved()
