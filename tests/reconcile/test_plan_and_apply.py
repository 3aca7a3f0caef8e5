"""Values in, values out: what is planned, what becomes of it, and what is remembered."""

from __future__ import annotations

import pytest

from agent.model import Blocked, Cause, Change, Drift, Ownership, Plan, ResourceId, Result, Verb
from agent.reconcile.ledger import Owned
from tests.reconcile.world import Cycle, PowerCut, World, desired, resource, service, thing


def causes(plan: Plan) -> dict[str, str]:
    return {change.id.name: str(change.cause) for change in plan.changes}


def test_a_second_cycle_finds_nothing_to_do(cycle: Cycle, world: World) -> None:
    state = desired(resource("a"), resource("b"))
    assert {"a": "changed", "b": "changed"} == cycle.results(state)

    world.performed.clear()
    assert {} == cycle.results(state)
    assert [] == world.performed


def test_a_quiet_cycle_writes_nothing(cycle: Cycle) -> None:
    state = desired(resource("a"))
    cycle.run(state)
    before = cycle.memory.load()
    cycle.run(state)

    assert cycle.memory.load() is before


def test_each_comes_after_what_it_needs(cycle: Cycle) -> None:
    """`needs` is a rule; names only settle ties."""
    state = desired(resource("a", needs=["z"]), resource("m"), resource("z"))

    assert ["m", "z", "a"] == [entry.id.name for entry in cycle.plan(state).entries]


def test_what_is_no_longer_declared_goes_in_reverse(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a", needs=["z"]), resource("m"), resource("z")))
    plan = cycle.plan(desired(commit="c2"))

    assert ["a", "z", "m"] == [entry.id.name for entry in plan.entries]
    assert {Verb.REMOVE} == {change.verb for change in plan.changes}


def test_what_was_there_before_trued_is_let_go_not_removed(cycle: Cycle, world: World) -> None:
    world.values["a"] = "1"
    cycle.run(desired(resource("a"), resource("b")))
    plan = cycle.plan(desired(resource("b"), commit="c2"))

    assert {thing("a")} == plan.released.keys()
    assert {thing("a")} == plan.gone
    cycle.run(desired(resource("b"), commit="c2"))
    assert "1" == world.values["a"]
    assert thing("a") not in cycle.memory.load().owned


def test_the_first_state_of_what_was_there_is_kept_before_it_is_changed(cycle: Cycle, world: World) -> None:
    world.values["a"] = "old"
    cycle.run(desired(resource("a", "new")))

    assert [("keep", "a"), ("set", "a=new")] == world.performed
    assert Ownership.ADOPTED is cycle.memory.load().owned[thing("a")].ownership


def test_only_the_first_state_is_kept(cycle: Cycle, world: World) -> None:
    world.values["a"] = "old"
    cycle.run(desired(resource("a", "new")))
    cycle.run(desired(resource("a", "newer"), commit="c2"))

    assert ({"a": "newer"}, {"a": "old"}) == (world.values, world.kept)


def test_what_was_as_declared_when_it_was_met_is_kept_before_it_is_changed(
    cycle: Cycle, world: World
) -> None:
    world.values["a"] = "theirs"
    cycle.run(desired(resource("a", "theirs")))
    cycle.run(desired(resource("a", "new"), commit="c2"))

    assert ({"a": "new"}, {"a": "theirs"}) == (world.values, world.kept)


def test_what_was_made_by_hand_because_trued_could_not_is_kept_before_it_is_changed(
    cycle: Cycle, world: World
) -> None:
    world.broken.add("a")
    cycle.run(desired(resource("a", "new")))
    world.broken.clear()
    world.values["a"] = "by hand"
    cycle.run(desired(resource("a", "new")))

    assert ({"a": "new"}, {"a": "by hand"}) == (world.values, world.kept)


def test_what_comes_back_although_declared_absent_is_kept_before_it_goes(cycle: Cycle, world: World) -> None:
    want = desired(resource("a", absent=True))
    cycle.run(want)
    world.values["a"] = "theirs"
    cycle.run(want)

    assert ({}, {"a": "theirs"}) == (world.values, world.kept)


def test_keep_leaves_in_place_what_trued_made(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a", keep=True)))
    cycle.run(desired(commit="c2"))

    assert {"a": "1"} == world.values
    assert {} == cycle.memory.load().owned


def test_what_may_not_go_is_let_go_and_said(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a", "data")))
    plan = cycle.plan(desired(commit="c2"))

    assert {thing("a"): "no longer declared, left in place: it holds data"} == plan.released
    assert () == plan.entries


def test_what_is_declared_absent_is_removed_and_never_ours(cycle: Cycle, world: World) -> None:
    """Somebody may make it again once Git has stopped forbidding it: that one is theirs."""
    world.values["a"] = "old"
    outcome = cycle.run(desired(resource("a", absent=True)))["a"]
    assert Verb.REMOVE is outcome.verb
    assert {"a": "old"} == world.kept

    world.values["a"] = "theirs"
    cycle.run(desired(commit="c2"))
    assert {"a": "theirs"} == world.values


def test_a_stray_goes_and_its_first_state_is_kept(cycle: Cycle, world: World) -> None:
    world.values["stray1"] = "x"
    outcomes = cycle.run(desired(resource("a", "exclusive")))

    assert Verb.REMOVE is outcomes["stray1"].verb
    assert Cause.DRIFT is outcomes["stray1"].cause
    assert {"stray1": "x"} == world.kept
    assert {"a": "exclusive"} == world.values
    assert {thing("a")} == cycle.memory.load().owned.keys()


def test_unreadable_is_not_absent(cycle: Cycle, world: World) -> None:
    """It is blocked, with those that need it and have something to do; nothing else is."""
    world.deaf.add("a")
    state = desired(resource("a"), resource("b", needs=["a"]), resource("c"))

    assert ["Blocked", "Blocked", "Change"] == [type(entry).__name__ for entry in cycle.plan(state).entries]
    assert "needs thing:a, which is blocked" == cycle.plan(state).entries[1].reason
    assert {"a": "blocked", "b": "blocked", "c": "changed"} == cycle.results(state)


def test_a_kind_that_can_read_nothing_blocks_all_of_its_things(cycle: Cycle, world: World) -> None:
    """And nothing of another kind."""
    world.deaf.add("things")
    world.services["web"] = "stopped"

    want = desired(resource("a"), resource("b"), service("web"))
    assert {"a": "blocked", "b": "blocked", "web": "changed"} == cycle.results(want)


def test_an_unreadable_thing_stays_owned(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a")))
    world.deaf.add("a")

    assert {"b": "changed", "a": "blocked"} == cycle.results(desired(resource("b"), commit="c2"))
    assert thing("a") in cycle.memory.load().owned


def test_a_failure_stops_only_those_that_need_it(cycle: Cycle, world: World) -> None:
    world.broken.add("a")
    outcomes = cycle.run(desired(resource("a"), resource("b", needs=["a"]), resource("c")))

    assert Result.FAILED is outcomes["a"].result
    assert "a: exit 1" == outcomes["a"].reason
    assert "needs thing:a, which failed" == outcomes["b"].reason
    assert Result.CHANGED is outcomes["c"].result


def test_changed_is_said_only_after_looking_again(cycle: Cycle, world: World) -> None:
    world.sticky.add("a")
    outcome = cycle.run(desired(resource("a")))["a"]

    assert Result.FAILED is outcome.result
    assert "done, and it is still not so: missing" == outcome.reason


def test_what_could_not_go_after_all_stays_ours_until_a_plan_lets_it_go(cycle: Cycle, world: World) -> None:
    """A folder in which somebody put something meanwhile: never "removed" while it stands there."""
    cycle.run(desired(resource("a")))
    world.sticky.add("a")
    outcome = cycle.run(desired(commit="c2"))["a"]

    assert "done, and it is still not so: it holds data" == outcome.reason
    assert thing("a") in cycle.memory.load().owned
    assert {thing("a")} == cycle.plan(desired(commit="c2")).released.keys()


def test_the_same_command_is_run_once_for_all(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a"), resource("b"), resource("c")))

    assert [("set", "a=1", "b=1", "c=1")] == world.performed


def test_one_wrong_name_in_a_joined_call_fails_alone(cycle: Cycle, world: World) -> None:
    world.broken.add("b")

    assert {"a": "changed", "b": "failed", "c": "changed"} == cycle.results(
        desired(resource("a"), resource("b"), resource("c"))
    )


def test_those_that_need_each_other_are_not_joined(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a"), resource("b", needs=["a"])))

    assert [("set", "a=1"), ("set", "b=1")] == world.performed


def test_a_trigger_restarts_and_the_plan_says_so(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("conf"), resource("web", restart_on=["conf"])))
    plan = cycle.plan(desired(resource("conf", "2"), resource("web", restart_on=["conf"]), commit="c2"))

    assert {"conf": "commit", "web": "trigger"} == causes(plan)


def test_a_restart_survives_a_crash_between_the_file_and_the_unit(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("conf"), resource("web", restart_on=["conf"])))
    state = desired(resource("conf", "2"), resource("web", restart_on=["conf"]), commit="c2")
    world.steps_to_live = 1
    with pytest.raises(PowerCut):
        cycle.run(state)
    world.steps_to_live = None
    cycle.crash_and_reopen()

    assert {"web": "unfinished"} == causes(cycle.plan(state))
    cycle.run(state)
    assert ("restart", "web") == world.performed[-1]
    assert {} == cycle.memory.load().unfinished


def test_causes_are_told_apart(cycle: Cycle, world: World) -> None:
    state = desired(resource("a"))
    assert {"a": "commit"} == causes(cycle.plan(state))
    cycle.run(state)
    world.values["a"] = "2"

    assert {"a": "drift"} == causes(cycle.plan(state))
    assert {"a": "commit"} == causes(cycle.plan(desired(resource("a", "3"), commit="c2")))


def test_drift_may_be_reported_only(cycle: Cycle, world: World) -> None:
    state = desired(resource("a", drift=Drift.REPORT), resource("b", needs=["a"]))
    cycle.run(state)
    world.values |= {"a": "2", "b": "2"}
    outcomes = cycle.run(state)

    assert "drift is only reported: is 2" == outcomes["a"].reason
    assert Result.HELD is outcomes["a"].result
    assert {"a": "2", "b": "1"} == world.values  # and it holds up nobody


def test_a_new_declaration_is_carried_out_where_drift_is_only_reported(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("a", drift=Drift.REPORT)))
    cycle.run(desired(resource("a", "2", drift=Drift.REPORT), commit="c2"))

    assert {"a": "2"} == world.values


def test_drift_may_be_ignored(cycle: Cycle, world: World) -> None:
    state = desired(resource("a", drift=Drift.IGNORE))
    cycle.run(state)
    world.values["a"] = "2"

    assert () == cycle.plan(state).entries


def test_what_is_implied_and_there_already_is_nobodys(cycle: Cycle, world: World) -> None:
    world.values["etc"] = "1"
    cycle.run(desired(resource("etc", implied=True), resource("a", needs=["etc"])))

    assert {thing("a")} == cycle.memory.load().owned.keys()


def test_what_is_implied_and_was_made_goes_with_the_last_that_needs_it(cycle: Cycle, world: World) -> None:
    cycle.run(desired(resource("etc", implied=True), resource("a", needs=["etc"])))
    cycle.run(desired(commit="c2"))

    assert {} == world.values


def test_what_was_removed_by_hand_is_made_again_and_stays_adopted(cycle: Cycle, world: World) -> None:
    world.values["a"] = "1"
    state = desired(resource("a"))
    cycle.run(state)
    del world.values["a"]
    cycle.run(state)

    assert Ownership.ADOPTED is cycle.memory.load().owned[thing("a")].ownership


def test_when_asked_to_stop_the_rest_is_skipped_and_done_next_time(cycle: Cycle, world: World) -> None:
    state = desired(resource("a"), resource("b", needs=["a"]), resource("c", needs=["b"]))
    outcomes = cycle.run(state, stop_after=1)

    assert ["changed", "skipped", "skipped"] == [str(outcome.result) for outcome in outcomes.values()]
    assert {"b": "changed", "c": "changed"} == cycle.results(state)


def test_a_kind_that_this_version_does_not_know_is_blocked_and_stays_owned(cycle: Cycle) -> None:
    """A ledger written by a newer trued must not make an older one forget, or remove, anything."""
    unit = ResourceId("unit", "web.service")
    cycle.memory.begin(
        "c1", touched={}, true={unit: Owned(digest="d", ownership=Ownership.CREATED)}, gone=()
    )

    assert {"web.service": "blocked"} == cycle.results(desired(commit="c2"))
    assert unit in cycle.memory.load().owned


@pytest.mark.parametrize("dies_at", range(8))
def test_after_a_crash_at_any_step_the_next_cycle_converges(
    cycle: Cycle, world: World, dies_at: int
) -> None:
    """Creates, updates, an adoption, a trigger and removals, cut off at each step in turn."""
    world.values |= {"adopted": "old"}
    cycle.run(desired(resource("old1"), resource("old2"), resource("b", "1"), resource("web")))
    state = desired(
        resource("a"),
        resource("b", "2", needs=["a"]),
        resource("adopted", "new"),
        resource("web", restart_on=["b"]),
        commit="c2",
    )
    world.steps_to_live = dies_at
    try:
        cycle.run(state)
    except PowerCut:
        cycle.crash_and_reopen()
    world.steps_to_live = None
    cycle.run(state)

    assert {"a": "1", "b": "2", "adopted": "new", "web": "1"} == world.values
    assert {"adopted": "old"} == world.kept
    assert ("restart", "web") in world.performed
    ledger = cycle.memory.load()
    assert {} == ledger.unfinished
    assert Ownership.ADOPTED is ledger.owned[thing("adopted")].ownership
    assert Ownership.CREATED is ledger.owned[thing("a")].ownership
    assert () == cycle.plan(state).entries


def test_a_kind_may_say_that_no_step_leads_there(cycle: Cycle, world: World) -> None:
    world.values["a"] = "in the way"
    entry = cycle.plan(desired(resource("a"))).entries[0]

    assert Blocked(id=thing("a"), reason="something is in the way") == entry


def test_a_change_has_steps() -> None:
    with pytest.raises(ValueError, match="no change"):
        Change(id=thing("a"), verb=Verb.CREATE, cause=Cause.COMMIT, steps=())
