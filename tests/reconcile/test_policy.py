"""What may not be done, whatever Git says."""

from __future__ import annotations

import pytest

from agent.model import Change, Held, Plan
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy, hold_back
from tests.reconcile.world import Cycle, World, desired, resource


def held(plan: Plan) -> dict[str, str]:
    return {entry.id.name: entry.reason for entry in plan.entries if isinstance(entry, Held)}


def names(count: int) -> list[str]:
    return [f"t{number:03}" for number in range(count)]


@pytest.mark.parametrize(
    ("owned", "removed", "is_held"),
    [
        (100, 10, False),  # not more than the count
        (100, 11, False),  # more than the count, not more than the share
        (40, 11, True),  # more than both
        (12, 11, True),
        (12, 3, False),  # a share of a quarter alone holds nothing
    ],
)
def test_removals_are_held_when_they_are_more_than_count_and_share(
    cycle: Cycle, owned: int, removed: int, is_held: bool
) -> None:
    cycle.run(desired(*map(resource, names(owned))))
    situation = cycle.situation(desired(*map(resource, names(owned)[removed:]), commit="c2"))
    plan = hold_back(make_plan(situation), situation, Policy())

    assert is_held == bool(held(plan))
    assert (removed if is_held else 0) == len(held(plan))


def test_the_way_out_is_said_and_works_once(cycle: Cycle) -> None:
    cycle.run(desired(*map(resource, names(20))))
    situation = cycle.situation(desired(resource("t000"), commit="c2"))
    plan = make_plan(situation)

    reason = held(hold_back(plan, situation, Policy()))["t001"]
    assert reason == (
        "19 removals of 20 owned are more than limits.removals allows (10 and 25%);"
        " to let it through once: trued apply --allow-removals"
    )
    assert {} == held(hold_back(plan, situation, Policy(allow_removals=True)))


def test_an_empty_state_removes_nothing_however_little_it_is(cycle: Cycle) -> None:
    cycle.run(desired(resource("a")))
    situation = cycle.situation(desired(commit="c2"))

    assert {"a"} == held(hold_back(make_plan(situation), situation, Policy())).keys()


def test_strays_count_as_removals(cycle: Cycle, world: World) -> None:
    world.values |= {f"stray{number}": "x" for number in range(11)}
    situation = cycle.situation(desired(resource("a", "exclusive")))
    plan = hold_back(make_plan(situation), situation, Policy())

    assert 11 == len(held(plan))
    assert ["a"] == [change.id.name for change in plan.changes]


def test_what_is_declared_absent_is_no_accident(cycle: Cycle, world: World) -> None:
    world.values |= dict.fromkeys(names(20), "x")
    situation = cycle.situation(desired(*(resource(name, absent=True) for name in names(20))))

    assert {} == held(hold_back(make_plan(situation), situation, Policy(count=1)))


def test_a_host_allows_what_its_own_file_says_and_no_more(cycle: Cycle) -> None:
    situation = cycle.situation(desired(resource("web-1"), resource("db-1")))
    plan = make_plan(situation)

    assert {"db-1": "this host's agent.yaml does not allow it (allow)"} == held(
        hold_back(plan, situation, Policy(allow={"thing": ("web-*",)}))
    )
    assert {"db-1", "web-1"} == held(hold_back(plan, situation, Policy(allow={"other": ("*",)}))).keys()
    assert {"db-1", "web-1"} == {
        entry.id.name
        for entry in hold_back(plan, situation, Policy(allow={"thing": ("*",)})).entries
        if isinstance(entry, Change)
    }
