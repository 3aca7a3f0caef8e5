"""A daemon beside which another process has applied something: it goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cycle import run_cycle
from agent.model import Report
from agent.reconcile.ledger import Memory
from tests.cycle.scene import QUIET, Scene
from tests.cycle.test_cycle import make_agent
from tests.reconcile.world import resource, thing

Apply = Callable[..., Report]


@pytest.fixture(name="apply")
def _apply(settled: Scene, tmp_path: Path) -> Iterator[Apply]:
    """What a `trued apply` on the same host does."""
    memory = Memory(tmp_path / "ledger.db")
    agent = replace(make_agent(settled.repository, settled.world, memory), kinds=settled.agent.kinds)

    def apply(*, allow_rewrite: bool = False) -> Report:
        return run_cycle(agent, allow_rewrite=allow_rewrite)

    yield apply
    memory.close()


def newer(settled: Scene) -> None:
    """Declare another value of one, and one more, and no service."""
    settled.repository.commit("c2", resource("a", "2"), resource("b"), resource("c"), resource("d"))


def test_what_was_applied_by_hand_is_not_undone(settled: Scene, apply: Apply) -> None:
    """The daemon has not asked Git since, and only an event wakes it."""
    newer(settled)
    apply()
    report = settled.hear("/things/a")

    assert {"a": "2", "b": "1", "c": "1", "d": "1"} == settled.world.values
    assert ("c2", "c2", "converged") == (report.commit, settled.agent.memory.load().held, report.result)


def test_so_it_is_while_git_cannot_be_reached(settled: Scene, apply: Apply) -> None:
    newer(settled)
    apply()
    settled.repository.down = True
    report = settled.hear("/things/a")

    assert {"a": "2", "b": "1", "c": "1", "d": "1"} == settled.world.values
    assert ("c2", "c2") == (report.commit, settled.agent.memory.load().held)


def test_a_rewrite_that_was_allowed_by_hand_is_not_undone(settled: Scene, apply: Apply) -> None:
    """What the daemon has held until then is no longer in the history that it follows."""
    newer(settled)
    settled.repository.rewritten = True
    apply(allow_rewrite=True)
    report = settled.hear("/things/a")

    assert {"a": "2", "b": "1", "c": "1", "d": "1"} == settled.world.values
    assert ("c2", "c2") == (report.commit, settled.agent.memory.load().held)


def test_what_was_applied_by_hand_is_kept_true(settled: Scene, apply: Apply) -> None:
    newer(settled)
    apply()
    settled.cycle(QUIET)
    settled.world.values["d"] = "hacked"
    report = settled.hear("/things/d")

    assert ("changed", "drift") == (
        report.resources[thing("d")].result,
        report.resources[thing("d")].cause,
    )
    assert "1" == settled.world.values["d"]


def test_git_is_not_asked_for_each_event_while_nobody_else_applies(settled: Scene) -> None:
    polls = settled.repository.polls
    settled.hear("/things/a")
    settled.cycle(QUIET)

    assert polls == settled.repository.polls


def test_nor_while_no_commit_can_be_used_at_all(settled: Scene) -> None:
    """A remote that does not answer would hold up each look."""
    settled.repository.down, settled.repository.kept, settled.agent.recall.loaded = True, frozenset(), None
    assert None is settled.cycle().commit
    polls = settled.repository.polls
    settled.hear("/things/a")

    assert polls == settled.repository.polls
