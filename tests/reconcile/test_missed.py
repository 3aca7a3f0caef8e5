"""What has to restart, and cannot be decided when its time comes: it restarts once it can be, and once only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model import Cause, Drift
from agent.reconcile.policy import Policy
from tests.reconcile.world import Cycle, World, desired, resource, service, thing

WEB = service("web", restart_on=[thing("conf")])
RESTART = ("restart", "web")


@pytest.fixture(name="settled")
def _settled(cycle: Cycle, world: World) -> Cycle:
    world.services["web"] = "running"
    cycle.run(desired(resource("conf"), WEB))
    world.performed.clear()
    return cycle


def test_what_could_not_be_read_restarts_when_it_can(settled: Cycle, world: World) -> None:
    """Though nothing that it listens to changes any more, and trued may have been restarted."""
    state = desired(resource("conf", "2"), WEB, commit="c2")
    world.deaf.add("web")
    assert {"conf": "changed", "web": "blocked"} == settled.results(state)
    assert {"web": "blocked"} == settled.results(state)
    settled.crash_and_reopen()
    world.deaf.clear()
    outcomes = settled.run(state)

    assert ("changed", Cause.UNFINISHED) == (outcomes["web"].result, outcomes["web"].cause)
    assert {} == settled.run(state)
    assert 1 == world.performed.count(RESTART)


ONLY_THINGS = Policy(allow={"thing": ("*",)})


def test_what_was_not_allowed_restarts_when_it_is(settled: Cycle, world: World) -> None:
    """Though nothing that it listens to changes any more: it runs with what was there before."""
    state = desired(resource("conf", "2"), WEB, commit="c2")
    assert ["changed", "held"] == [one.result for one in settled.run(state, policy=ONLY_THINGS).values()]
    assert ["held"] == [one.result for one in settled.run(state, policy=ONLY_THINGS).values()]
    assert RESTART not in world.performed
    settled.crash_and_reopen()
    outcomes = settled.run(state, policy=Policy())

    assert ("changed", Cause.UNFINISHED) == (outcomes["web"].result, outcomes["web"].cause)
    assert {} == settled.run(state, policy=Policy())
    assert 1 == world.performed.count(RESTART)


def test_what_is_held_together_with_what_it_listens_to_owes_nothing(settled: Cycle, world: World) -> None:
    """Neither has changed."""
    state = desired(resource("conf", "2"), WEB, commit="c2")
    settled.run(state, policy=Policy(allow={}))
    world.values["conf"] = "2"  # by hand, and somebody has seen to the service
    settled.run(state, policy=Policy())

    assert RESTART not in world.performed


def test_what_needs_something_that_could_not_be_read_restarts_after_it(settled: Cycle, world: World) -> None:
    web = service("web", restart_on=[thing("conf")], needs=[thing("a")])
    settled.run(desired(resource("conf"), resource("a"), web))
    state = desired(resource("conf", "2"), resource("a"), web, commit="c2")
    world.deaf.add("a")
    assert "needs thing:a, which is blocked" == settled.run(state)["web"].reason
    world.deaf.clear()
    settled.run(state)

    assert 1 == world.performed.count(RESTART)


def test_what_only_its_own_drift_asks_for_is_not_owed(settled: Cycle, world: World) -> None:
    """`drift: report` stays a report, also when what it needs could not be read in between."""
    web = replace(service("web", needs=[thing("a")]), drift=Drift.REPORT)
    state = desired(resource("conf"), resource("a"), web, commit="c2")
    settled.run(state)
    world.performed.clear()
    world.services["web"] = "outdated"
    world.deaf.add("a")
    assert "blocked" == settled.results(state)["web"]
    world.deaf.clear()

    assert "held" == settled.results(state)["web"]
    assert [] == world.performed


def test_what_has_restarted_does_not_once_more_because_another_fails(settled: Cycle, world: World) -> None:
    """They are joined: the restarts come before the starts."""
    state = desired(resource("conf"), WEB, service("z-bad"), commit="c2")
    world.services["z-bad"] = "running"
    settled.run(state)
    world.performed.clear()
    world.services["z-bad"] = "stopped"
    world.broken.add("z-bad")
    world.values["conf"] = "hacked"
    results = settled.results(state)

    assert ("changed", "failed") == (results["web"], results["z-bad"])
    assert 1 == world.performed.count(RESTART)


def test_what_was_never_there_has_nothing_to_restart(cycle: Cycle, world: World) -> None:
    world.deaf.add("web")
    state = desired(resource("conf"), WEB)
    cycle.run(state)
    world.deaf.clear()
    world.services["web"] = "stopped"
    cycle.run(state)

    assert RESTART not in world.performed


def test_nothing_is_written_down_twice(settled: Cycle, world: World) -> None:
    state = desired(resource("conf", "2"), WEB, commit="c2")
    world.deaf.add("web")
    settled.run(state)
    before = settled.memory.load()
    settled.run(state)

    assert before is settled.memory.load()
