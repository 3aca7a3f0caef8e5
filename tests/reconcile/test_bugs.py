"""What nobody foresaw is the trouble of the thing it strikes: all others get their due, and the report says where it was."""

from __future__ import annotations

import logging

import pytest

from agent.errors import HostError, LedgerError
from agent.model import Result, Stale
from agent.reconcile.policy import Policy
from tests.reconcile.world import Cycle, Service, Thing, World, desired, resource, service

PLACE = "an unexpected error in trued: KeyError at "
SECRET = "hunter2"


def raising(*names: str, error: BaseException | None = None):
    """Return something that raises for these, and gives for others what it `gives`."""

    def asked(self, name: str, *_: object, **__: object):
        if name in names:
            raise error or KeyError(SECRET)
        return ""

    return asked


def test_a_kind_that_cannot_be_looked_at_is_blocked_alone(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def look(self, probe, wants):
        raise RecursionError(SECRET)

    monkeypatch.setattr(Service, "observe", look)
    outcomes = cycle.run(desired(resource("a"), service("web")))

    assert {"a": Result.CHANGED, "web": Result.BLOCKED} == {k: v.result for k, v in outcomes.items()}
    assert (
        "an unexpected error in trued: RecursionError at agent/reconcile/observe.py:"
        in outcomes["web"].reason
    )
    assert SECRET not in outcomes["web"].reason


def test_the_log_has_the_way_to_it_once(
    cycle: Cycle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class UnheardOfError(Exception):
        pass

    monkeypatch.setattr(Thing, "steps", raising("a", "b", error=UnheardOfError(SECRET)))
    state = desired(resource("a"), resource("b"))
    cycle.run(state)
    cycle.run(state)

    (record,) = [record for record in caplog.records if "UnheardOfError" in record.getMessage()]
    assert logging.ERROR == record.levelno
    assert record.exc_info
    assert record.exc_info[0] is UnheardOfError


@pytest.mark.parametrize("method", ["steps", "health", "first"])
def test_what_a_kind_cannot_decide_is_in_trouble_alone(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    world.values = {"a": "1" if method == "health" else "2"}
    whole = getattr(Thing, method)

    def some(self, name: str, *args: object, **kwargs: object):
        return raising("a")(self, name) or whole(self, name, *args, **kwargs)

    monkeypatch.setattr(Thing, method, some)
    outcomes = cycle.run(desired(resource("a"), resource("b")))

    assert Result.CHANGED is outcomes["b"].result
    assert outcomes["a"].result in {Result.BLOCKED, Result.FAILED}
    assert PLACE in outcomes["a"].reason


def test_what_cannot_be_let_go_stays_ours(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycle.run(desired(resource("a"), resource("b")))
    monkeypatch.setattr(Thing, "leaves", raising("a"))
    outcomes = cycle.run(desired(commit="c2"))

    assert {"a": Result.BLOCKED, "b": Result.CHANGED} == {k: v.result for k, v in outcomes.items()}
    assert {"a": "1"} == world.values


def test_where_a_person_may_have_to_agree_nothing_is_done_without(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Thing, "objection", raising("a"))
    outcomes = cycle.run(desired(resource("a"), resource("b")), policy=Policy())

    assert {"a": Result.HELD, "b": Result.CHANGED} == {k: v.result for k, v in outcomes.items()}


def test_a_step_that_ends_in_a_bug_has_failed_for_its_own_only(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one command is for several: then each is tried by itself."""
    perform = World.perform

    def some(self: World, step, beat=lambda: None) -> None:
        if any(operand.startswith("a=") for operand in step.operands):
            raise KeyError(SECRET)
        perform(self, step, beat)

    monkeypatch.setattr(World, "perform", some)
    outcomes = cycle.run(desired(resource("a"), resource("b"), resource("c", needs=["a"])))

    assert {"a": Result.FAILED, "b": Result.CHANGED, "c": Result.BLOCKED} == {
        k: v.result for k, v in outcomes.items()
    }
    assert PLACE in outcomes["a"].reason
    assert {"b": "1"} == world.values


def test_a_bug_on_the_way_to_decide_late_strikes_those_that_go_together(
    cycle: Cycle, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(self, wants, haves):
        raise KeyError(SECRET)

    monkeypatch.setattr(Service, "prepare", prepare)
    world.services["web"] = "stopped"
    outcomes = cycle.run(desired(resource("a"), service("web")))

    assert {"a": Result.CHANGED, "web": Result.FAILED} == {k: v.result for k, v in outcomes.items()}


def test_what_cannot_be_judged_after_it_was_done_has_failed(
    cycle: Cycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Thing.steps

    def once(self, name: str, want, have, *, stale: Stale):
        if name == "a" and have is not None:
            raise KeyError(SECRET)
        return steps(self, name, want, have, stale=stale)

    monkeypatch.setattr(Thing, "steps", once)
    outcomes = cycle.run(desired(resource("a"), resource("b")))

    assert {"a": Result.FAILED, "b": Result.CHANGED} == {k: v.result for k, v in outcomes.items()}


def test_what_is_remembered_is_nobodys_trouble_alone(cycle: Cycle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thing, "steps", raising("a", error=LedgerError("it is full")))

    with pytest.raises(LedgerError):
        cycle.run(desired(resource("a")))


def test_what_a_host_says_on_purpose_is_said_as_it_is(cycle: Cycle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thing, "steps", raising("a", error=HostError("in the way", hint="move it")))

    assert "in the way; move it" == cycle.run(desired(resource("a")))["a"].reason
