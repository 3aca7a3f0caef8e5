"""What comes before it changes what has to be done: such a kind is decided again, and carried out together."""

from __future__ import annotations

import pytest

from agent.errors import HostError
from agent.model import Cause, Change, Ownership, ResourceId, Run, Stale, Step, Verb
from agent.reconcile.joined import in_one
from agent.reconcile.policy import Policy
from tests.reconcile.world import Cycle, PowerCut, Service, World, desired, resource, service, thing

WEB, DB = ResourceId("service", "web"), ResourceId("service", "db")


def test_what_came_along_with_something_else_is_done(cycle: Cycle, world: World) -> None:
    world.brings["package"] = "web"
    outcomes = cycle.run(desired(resource("package"), service("web")))

    assert [("set", "package=1")] == world.performed
    assert ("changed", "is missing") == (str(outcomes["web"].result), outcomes["web"].reason)
    assert {} == cycle.memory.load().unfinished


def test_what_cannot_be_decided_yet_is_decided_when_what_it_needs_has_changed(
    cycle: Cycle, world: World
) -> None:
    world.services = {"web": "unheard of", "db": "unheard of"}
    world.brings["package"] = "web"
    state = desired(resource("package"), service("web", needs=[thing("package")]), service("db"))
    outcomes = cycle.run(state)

    assert ["changed", "blocked"] == [str(outcomes[name].result) for name in ("web", "db")]
    assert "nobody has heard of db" == outcomes["db"].reason


def test_what_cannot_be_made_in_any_case_is_blocked_for_the_first_reason(cycle: Cycle, world: World) -> None:
    """Though what it needs changes: as if nothing were there, no step leads there either."""
    world.services = {"foreign": "unheard of"}
    outcomes = cycle.run(desired(resource("package"), service("foreign", needs=[thing("package")])))

    assert ("blocked", "nobody has heard of foreign") == (
        str(outcomes["foreign"].result),
        outcomes["foreign"].reason,
    )


def made(cycle: Cycle, world: World) -> None:
    """Have a service that trued made, beside a configuration."""
    world.brings["package"] = "web"
    cycle.run(desired(resource("package"), service("web")))
    world.performed.clear()


def test_what_is_still_used_when_its_turn_comes_is_left_and_let_go(cycle: Cycle, world: World) -> None:
    made(cycle, world)
    world.services["web"] = "used"
    outcome = cycle.run(desired(resource("package"), commit="c2"))["web"]

    assert ("unchanged", "no longer declared, left in place: somebody uses it") == (
        str(outcome.result),
        outcome.reason,
    )
    assert [] == world.performed
    assert WEB not in cycle.memory.load().owned


def test_what_is_used_no_longer_when_its_turn_comes_goes(cycle: Cycle, world: World) -> None:
    made(cycle, world)
    world.services["web"] = "used"
    perform = world.perform

    def freeing(step: Step, beat=lambda: None) -> None:
        world.services["web"] = "running"
        perform(step)

    world.perform = freeing  # type: ignore[method-assign]

    assert {"package": "changed", "web": "changed"} == cycle.results(
        desired(resource("package", "2"), commit="c2")
    )
    assert {} == world.services


def test_what_is_still_used_because_something_failed_is_tried_again(cycle: Cycle, world: World) -> None:
    made(cycle, world)
    world.services["web"] = "used"
    world.broken = {"package"}
    state = desired(resource("package", "2"), commit="c2")
    outcomes = cycle.run(state)

    assert ("blocked", "somebody uses it") == (str(outcomes["web"].result), outcomes["web"].reason)
    world.broken = set()
    world.services["web"] = "running"
    assert {"package": "changed", "web": "changed"} == cycle.results(state)
    assert {} == world.services


def test_what_came_along_before_its_configuration_rereads_that(cycle: Cycle, world: World) -> None:
    world.brings["package"] = "web"
    cycle.run(
        desired(resource("package"), resource("web.conf"), service("web", reload_on=[thing("web.conf")]))
    )

    assert ("reload", "web") == world.performed[-1]


def test_what_made_it_restart_is_told(cycle: Cycle, world: World) -> None:
    world.services = {"web": "running"}
    names = ("a", "b", "c", "d", "e")
    listening = service("web", restart_on=list(map(thing, names)))
    outcome = cycle.run(desired(*map(resource, names), listening))["web"]

    assert "what it reads has changed, thing:a, thing:b, thing:c and 2 more changed" == outcome.reason


def test_what_became_so_by_itself_is_unchanged(cycle: Cycle, world: World) -> None:
    world.services = {"web": "stopped"}
    state = desired(service("web"))
    situation_of = cycle.situation

    def started_meanwhile(want):
        situation = situation_of(want)
        world.services["web"] = "running"
        return situation

    cycle.situation = started_meanwhile  # type: ignore[method-assign]

    assert {"web": "unchanged"} == cycle.results(state)
    assert [] == world.performed


def test_several_are_done_with_each_command_once(cycle: Cycle, world: World) -> None:
    world.services = {"web": "stopped", "db": "stopped"}
    cycle.run(desired(service("web"), service("db")))

    assert [("reread",), ("start", "db", "web")] == world.performed


def test_one_that_fails_does_so_alone(cycle: Cycle, world: World) -> None:
    world.services = {"web": "stopped", "db": "stopped"}
    world.broken = {"db"}
    results = cycle.run(desired(service("web"), service("db")))

    assert {"db": "failed", "web": "changed"} == {name: str(one.result) for name, one in results.items()}
    assert "db: exit 1" == results["db"].reason


def test_what_is_in_the_way_of_all_fails_once_for_all(cycle: Cycle, world: World) -> None:
    """Or a lock that is held would be waited for once more for each of them."""
    world.services = {"web": "busy", "db": "busy"}
    results = cycle.run(desired(service("web"), service("db")))

    assert [("wait",)] == world.performed
    assert {"failed: somebody is still at work"} == {
        f"{one.result}: {one.reason}" for one in results.values()
    }


def complain(world: World, words: str) -> None:
    """Have each step that has a reason be done, and end in an error all the same."""
    perform = world.perform

    def complaining(step: Step, beat=lambda: None) -> None:
        perform(step)
        if step.why:
            raise HostError(words)

    world.perform = complaining  # type: ignore[method-assign]


def test_one_that_is_as_declared_after_a_failure_has_not_failed(cycle: Cycle, world: World) -> None:
    """The command may have failed for another's sake."""
    world.services = {"web": "stopped"}
    complain(world, "exit 100: something else is broken")
    kept = cycle.run(desired(service("web"), resource("conf")))

    assert ("changed", "is stopped") == (str(kept["web"].result), kept["web"].reason)
    assert "failed" == str(kept["conf"].result)


def test_one_that_is_as_declared_after_a_failure_and_not_well_has_failed(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the step met with is known to its kind now, and said in its words; and it is not tried again for that."""
    world.services = {"web": "stopped"}
    complain(world, "left out what there is not")
    monkeypatch.setattr(Service, "health", lambda *_: "has no more than can be had")
    first = cycle.run(desired(service("web")))["web"]
    world.performed.clear()
    then = cycle.run(desired(service("web")))["web"]

    assert {("failed", "has no more than can be had")} == {
        (str(one.result), one.reason) for one in (first, then)
    }
    assert [] == world.performed


def test_one_that_needs_another_waits_for_it(cycle: Cycle, world: World) -> None:
    world.services = {"web": "stopped", "db": "stopped"}
    world.broken = {"db"}
    results = cycle.run(desired(service("web", needs=[DB]), service("db")))

    assert "needs service:db, which failed" == results["web"].reason
    assert "stopped" == world.services["web"]


def test_what_is_in_the_way_of_deciding_is_cleared_first(cycle: Cycle, world: World) -> None:
    world.services = {"web": "locked", "db": "stopped"}
    results = cycle.run(desired(service("web"), service("db")))

    assert [("unlock",), ("reread",), ("start", "db", "web")] == world.performed
    assert ["is stopped; done first: somebody left it locked", "is stopped"] == [
        results[name].reason for name in ("db", "web")
    ]


def test_what_cannot_be_read_any_more_is_blocked_and_the_others_go_on(cycle: Cycle, world: World) -> None:
    world.services = {"web": "stopped", "db": "stopped"}
    state = desired(resource("conf"), service("web"), service("db"))
    perform = world.perform

    def deafening(step: Step, beat=lambda: None) -> None:
        world.deaf.add("web")
        perform(step)

    world.perform = deafening  # type: ignore[method-assign]
    results = cycle.run(state)

    assert ("blocked", "web does not answer") == (str(results["web"].result), results["web"].reason)
    assert "changed" == str(results["db"].result)


def test_what_has_to_restart_does_so_until_it_succeeds(cycle: Cycle, world: World) -> None:
    world.services = {"web": "running"}
    cycle.run(desired(resource("conf"), service("web", restart_on=[thing("conf")])))
    state = desired(resource("conf", "2"), service("web", restart_on=[thing("conf")]), commit="c2")
    world.steps_to_live = 1
    with pytest.raises(PowerCut):
        cycle.run(state)
    cycle.crash_and_reopen()
    world.steps_to_live = None
    assert {WEB: Stale.RESTART} == cycle.memory.load().unfinished
    world.performed.clear()
    cycle.run(state)

    assert [("restart", "web")] == world.performed
    assert {} == cycle.memory.load().unfinished


def test_a_reload_that_was_cut_short_is_no_reason_to_restart(cycle: Cycle, world: World) -> None:
    world.services = {"web": "running"}
    cycle.run(desired(resource("conf"), service("web", reload_on=[thing("conf")])))
    state = desired(resource("conf", "2"), service("web", reload_on=[thing("conf")]), commit="c2")
    world.steps_to_live = 1
    with pytest.raises(PowerCut):
        cycle.run(state)
    cycle.crash_and_reopen()
    world.steps_to_live = None
    world.performed.clear()
    cycle.run(state)

    assert [("reload", "web")] == world.performed


def test_an_attempt_that_failed_otherwise_restarts_nothing(cycle: Cycle, world: World) -> None:
    """Or a service would be restarted each minute, because something else about it fails."""
    world.services = {"web": "stopped"}
    world.sticky = {"web"}
    state = desired(service("web"))
    assert {"web": "failed"} == cycle.results(state)
    world.services = {"web": "running"}
    world.performed.clear()

    assert {} == cycle.results(state)
    assert [] == world.performed


def test_what_turns_out_to_have_more_to_do_is_remembered_before_it_is_done(
    cycle: Cycle, world: World
) -> None:
    world.services = {"web": "stopped"}
    world.steps_to_live = 1
    perform = world.perform

    def starting(step: Step, beat=lambda: None) -> None:
        perform(step)
        world.services["web"] = "outdated"

    world.perform = starting  # type: ignore[method-assign]
    with pytest.raises(PowerCut):
        cycle.run(desired(resource("conf"), service("web")))
    cycle.crash_and_reopen()

    assert {WEB: Stale.RESTART} == cycle.memory.load().unfinished


def test_what_a_person_has_to_agree_to_is_held(cycle: Cycle, world: World) -> None:
    world.services = {"web": "precious"}

    held = cycle.run(desired(service("web")), policy=Policy())
    reason = "web is precious; to let it through once: trued apply --allow-removals"
    assert ("held", reason) == (str(held["web"].result), held["web"].reason)
    assert [] == world.performed
    allowed = cycle.run(desired(service("web")), policy=Policy(allow_removals=True))
    assert "changed" == str(allowed["web"].result)


def test_what_became_questionable_meanwhile_is_held(cycle: Cycle, world: World) -> None:
    world.services = {"web": "stopped"}
    perform = world.perform

    def spoiling(step: Step, beat=lambda: None) -> None:
        world.services["web"] = "precious"
        perform(step)

    world.perform = spoiling  # type: ignore[method-assign]

    assert {"conf": "changed", "web": "held"} == cycle.results(desired(resource("conf"), service("web")))


def test_what_is_known_and_not_there_was_created(cycle: Cycle, world: World) -> None:
    world.brings["package"] = "web"
    cycle.run(desired(resource("package"), service("web")))

    assert Ownership.CREATED is cycle.memory.load().owned[WEB].ownership
    cycle.run(desired(resource("package"), commit="c2"))
    assert {} == world.services


def run(*argv: str, operands: tuple[str, ...] = ()) -> Run:
    return Run(argv=argv, operands=operands, why="")


def steps_of(*changes: tuple[Run, ...]) -> list[tuple[str, ...]] | None:
    made = [
        Change(id=thing(str(at)), verb=Verb.UPDATE, cause=Cause.COMMIT, steps=steps)
        for at, steps in enumerate(changes)
    ]
    joined = in_one(made)
    return None if joined is None else [(*step.argv, *step.operands) for step in joined]  # type: ignore[union-attr]


def test_steps_keep_the_order_of_each() -> None:
    one = (run("reread"), run("start", operands=("a",)))
    other = (run("unlock"), run("reread"), run("start", operands=("b",)))

    assert [("unlock",), ("reread",), ("start", "a", "b")] == steps_of(one, other)


def test_steps_that_contradict_each_other_are_not_joined() -> None:
    one = (run("stop", operands=("a",)), run("start", operands=("a",)))
    other = (run("start", operands=("b",)), run("stop", operands=("b",)))

    assert steps_of(one, other) is None
