"""What fails again and again is tried ever less often, and says the same meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from agent.cycle import run_cycle
from agent.outfit import Agent
from agent.reconcile.ledger import Memory
from agent.reconcile.patience import SOONEST, WAY_OUT
from tests.cycle.test_cycle import Repository, make_agent
from tests.reconcile.world import World, resource, thing


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(name="repository")
def _repository() -> Repository:
    return Repository()


@pytest.fixture(name="world")
def _world() -> World:
    world = World()
    world.broken = {"bad"}
    return world


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="agent")
def _agent(repository: Repository, world: World, clock: Clock, tmp_path: Path) -> Iterator[Agent]:
    memory = Memory(tmp_path / "ledger.db")
    agent = make_agent(repository, world, memory)
    agent.recall.patience.clock = clock
    yield agent
    memory.close()


def attempts(agent: Agent, world: World, cycles: int) -> int:
    """Return in how many of so many cycles the thing that fails is tried."""
    world.performed.clear()
    for _ in range(cycles):
        run_cycle(agent)
    return world.performed.count(("set", "bad=1"))


def test_each_time_it_waits_twice_as_long(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    """An hour of cycles, each a minute after the one before."""
    repository.commit("c1", resource("bad"))
    tried = []
    for minute in range(60):
        tried += [minute] * attempts(agent, world, 1)
        clock.seconds += 60

    assert [0, 1, 2, 4, 8, 16, 31, 46] == tried


def test_meanwhile_it_is_told_as_before_and_holds_up_those_that_need_it(
    agent: Agent, repository: Repository, world: World
) -> None:
    repository.commit("c1", resource("bad"), resource("next", needs=["bad"]))
    reports = [run_cycle(agent).resources for _ in range(6)]

    assert reports[1] == reports[-1]
    assert ["failed", "blocked"] == [reports[-1][thing(name)].result for name in ("bad", "next")]
    assert 0 == attempts(agent, world, 3)


def test_once_it_works_it_is_done_at_the_next_attempt(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    repository.commit("c1", resource("bad"))
    attempts(agent, world, 9)
    world.broken.clear()
    run_cycle(agent)
    assert {} == world.values
    clock.seconds += 121
    run_cycle(agent)

    assert {"bad": "1"} == world.values


def test_a_new_commit_or_another_change_lets_it_be_tried_at_once(
    agent: Agent, repository: Repository, world: World
) -> None:
    """It may be what it lacked."""
    repository.commit("c1", resource("bad"), resource("good"))
    assert 3 == attempts(agent, world, 9)
    world.values.clear()
    assert 1 == attempts(agent, world, 1)
    repository.commit("c2", resource("bad"), resource("good"))
    assert 1 <= attempts(agent, world, 1)


def drift(agent: Agent, world: World, clock: Clock, cycles: int, seconds: float = 60.0) -> list[int]:
    """Let something be changed by hand before each of so many cycles; return those in which it was put right."""
    mended = []
    for cycle in range(cycles):
        world.values["good"] = "by hand"
        run_cycle(agent)
        mended += [cycle] * (world.values["good"] == "1")
        clock.seconds += seconds
    return mended


def test_what_never_stays_as_it_is_put_is_put_right_ever_less_often_and_told(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    """It does not change by itself, so it is somebody else who wants it otherwise."""
    repository.commit("c1", resource("good"))
    run_cycle(agent)

    assert [0, 1, 2, 4, 8, 16] == drift(agent, world, clock, 20)
    report = run_cycle(agent)
    line = report.resources[thing("good")]
    assert (
        "contested",
        "drift",
        f"is by hand; put right 6 times within 16m, and undone each time; {WAY_OUT}",
    ) == (line.result, line.cause, line.reason)
    assert ["thing:good is contested"] == [
        notice.partition(":")[0] + ":" + notice.split(":")[1] for notice in report.notices
    ]


def test_what_drifts_now_and_then_is_put_right_at_once(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    repository.commit("c1", resource("good"))
    run_cycle(agent)

    assert list(range(20)) == drift(agent, world, clock, 20, seconds=601)


def test_it_says_when_it_is_to_be_tried_again(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    """Who sleeps until then is in time; where nothing is let be, there is nothing to wait for."""
    repository.commit("c1", resource("bad"), resource("next", needs=["bad"]))
    patience, ends = agent.recall.patience, []
    for _ in range(2):
        run_cycle(agent)
        assert math.inf == patience.ends(-math.inf)
    for _ in range(3):
        assert 1 == attempts(agent, world, 1)
        assert 0 == attempts(agent, world, 1)
        ends.append(patience.ends(clock.seconds) - clock.seconds)
        assert frozenset() == patience.over()
        clock.seconds += ends[-1]
        assert {thing("bad")} == patience.over()
    world.broken.clear()
    run_cycle(agent)

    assert [120.0, 240.0, 480.0] == ends
    assert math.inf == patience.ends(-math.inf)


def test_looks_in_between_that_find_nothing_make_no_difference(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    repository.commit("c1", resource("good"))
    run_cycle(agent)
    mended = []
    for _ in range(8):
        world.values["good"] = "by hand"
        run_cycle(agent)
        mended.append(world.values["good"] == "1")
        world.values["good"] = "1"
        for _ in range(2):
            clock.seconds += 5
            run_cycle(agent)

    assert [True, True, True, False] == mended[:4]


def test_what_does_not_stay_ends_the_waiting_of_nothing_else(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    repository.commit("c1", resource("bad"), resource("good"))
    drift(agent, world, clock, 4, seconds=5)
    world.performed.clear()
    drift(agent, world, clock, 4, seconds=5)

    assert 0 == world.performed.count(("set", "bad=1"))


def test_a_fighter_that_never_tires_is_answered_ever_less_often(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    """Three times at once; then each time after twice as long as the last time, up to a quarter of an hour."""
    repository.commit("c1", resource("good"))
    run_cycle(agent)
    mended = drift(agent, world, clock, 4000, seconds=0.5)

    assert [0, 1, 2] == mended[:3]
    waits = [(after - before) * 0.5 for before, after in pairwise(mended[2:])]
    assert [SOONEST * 2.0**at for at in range(len(waits))] == pytest.approx(waits, abs=1.0 * 2 ** len(waits))
    assert len(waits) >= 6


def test_a_fight_holds_up_nothing_else(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    """And what else drifts is no reason to go on with it."""
    repository.commit("c1", resource("good"), resource("other"), resource("next", needs=["good"]))
    run_cycle(agent)
    drift(agent, world, clock, 4, seconds=0.5)
    world.values |= {"good": "by hand", "other": "by hand", "next": "by hand"}
    report = run_cycle(agent)

    assert {"good": "by hand", "other": "1", "next": "1"} == world.values
    assert ["contested", "changed", "changed"] == [
        report.resources[thing(name)].result for name in ("good", "other", "next")
    ]


def test_a_fight_is_over_when_nobody_undoes_it_any_more(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    repository.commit("c1", resource("good"))
    run_cycle(agent)
    drift(agent, world, clock, 4, seconds=0.5)
    clock.seconds += SOONEST
    assert "changed" == run_cycle(agent).resources[thing("good")].result
    report = run_cycle(agent)
    assert ("converged", ()) == (report.result, report.notices)
    clock.seconds += 1000

    assert [0, 1, 2] == drift(agent, world, clock, 4, seconds=0.5)


def test_what_waits_is_not_written_down_again(
    agent: Agent, repository: Repository, world: World, clock: Clock
) -> None:
    """Two looks a second at a fight are no two writes to the disk."""
    repository.commit("c1", resource("good"))
    run_cycle(agent)
    drift(agent, world, clock, 4, seconds=0.5)
    before = agent.memory.load()
    drift(agent, world, clock, 4, seconds=0.5)

    assert before is agent.memory.load()
