"""What a cycle looks at, when it was told what has happened: that, and what hangs on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.looks import Occasion
from agent.model import Drift
from agent.reconcile.ledger import Memory
from tests.cycle.scene import QUIET, WEB, Scene
from tests.reconcile.world import resource, service, thing


class Seconds:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_only_what_was_heard_of_is_looked_at(settled: Scene) -> None:
    settled.world.values |= {"b": "hacked", "c": "hacked"}
    report = settled.hear("/things/b")

    assert {"b"} == set(settled.things.asked)
    assert ("changed", "drift", "is hacked") == (
        report.resources[thing("b")].result,
        report.resources[thing("b")].cause,
        report.resources[thing("b")].reason,
    )
    assert "unchanged" == report.resources[thing("c")].result
    assert {"a": "1", "b": "1", "c": "hacked"} == settled.world.values


def test_the_report_tells_of_everything_whatever_was_looked_at(settled: Scene) -> None:
    whole = settled.cycle()
    settled.world.values["b"] = "hacked"
    report = settled.hear("/things/b")

    assert set(whole.resources) == set(report.resources)
    assert thing("b") == next(iter(report.resources))
    assert dict(whole.resources) == dict(settled.hear("/things/c").resources)


def test_what_is_heard_of_as_the_look_begins_is_looked_at_too(settled: Scene) -> None:
    settled.watch.untold = frozenset({"/things/c"})
    settled.hear("/things/b")
    assert {"b", "c"} == settled.asked

    settled.watch.untold = None
    settled.hear("/things/b")

    assert {"a", "b", "c", "web"} == settled.asked


def test_what_listens_restarts(settled: Scene) -> None:
    settled.world.values["a"] = "hacked"
    report = settled.hear("/things/a")

    assert "trigger" == report.resources[WEB].cause
    assert ("restart", "web") in settled.world.performed


def test_nothing_is_looked_at_when_nothing_was_heard_and_all_is_in_earshot(settled: Scene) -> None:
    report = settled.cycle(QUIET)

    assert set() == settled.asked
    assert "converged" == report.result


def test_what_no_ear_hears_is_looked_at_when_it_is_due(settled: Scene) -> None:
    settled.ear.hears = frozenset()
    settled.world.services["web"] = "stopped"
    report = settled.cycle(QUIET)

    assert {"web"} == settled.asked
    assert "changed" == report.resources[WEB].result


def test_folders_that_are_not_watched_are_looked_at_when_due(settled: Scene) -> None:
    settled.watch.missed = frozenset({"/things"})
    settled.cycle(QUIET)
    assert {"a", "b", "c"} == settled.asked

    settled.watch.missed = None
    settled.cycle(QUIET)

    assert {"a", "b", "c", "web"} == settled.asked


def test_a_kind_that_is_heard_of_is_looked_at_as_a_whole(settled: Scene) -> None:
    settled.world.services["web"] = "stopped"
    report = settled.hear("service")

    assert ({"web"}, "changed") == (settled.asked, report.resources[WEB].result)


def test_a_folder_stands_for_all_below_it(settled: Scene) -> None:
    settled.hear("/things/")

    assert {"a", "b", "c"} == settled.asked


def test_what_was_done_is_looked_at_once_more_and_whoever_needs_it(settled: Scene) -> None:
    settled.world.values["b"] = "hacked"
    settled.hear("/things/b")
    settled.cycle(QUIET)
    assert {"b", "web"} == settled.asked

    settled.cycle(QUIET)

    assert set() == settled.asked


AGAIN = Occasion(poll=False, whole=False, again=True)


def test_what_was_let_be_is_looked_at_when_that_is_over_and_who_needs_it(settled: Scene) -> None:
    """And nothing else is, nor is it for any other event."""
    clock = Seconds()
    settled.agent.recall.patience.clock = clock
    for _ in range(4):
        settled.world.values["b"] = "hacked"
        report = settled.hear("/things/b")
    assert "contested" == report.resources[thing("b")].result
    end = settled.agent.recall.patience.ends(clock.seconds)
    clock.seconds = end - 0.01
    settled.cycle(AGAIN)
    assert set() == settled.asked
    clock.seconds = end
    settled.hear("/things/c")
    assert {"c"} == settled.asked
    report = settled.cycle(AGAIN)

    assert {"b", "web"} == settled.asked
    assert ("changed", "1") == (report.resources[thing("b")].result, settled.world.values["b"])


def test_what_fails_is_tried_again_when_due_and_not_for_each_event(settled: Scene) -> None:
    """And it stays in the report meanwhile, and in its verdict."""
    settled.world.broken.add("b")
    settled.world.values |= {"b": "hacked", "c": "hacked"}
    settled.hear("/things/b")
    report = settled.hear("/things/c")

    assert {"c"} == settled.asked
    assert ("failed", 3, "failed", "changed") == (
        report.result,
        report.exit_code,
        report.resources[thing("b")].result,
        report.resources[thing("c")].result,
    )
    settled.world.broken.clear()
    report = settled.cycle(QUIET)
    assert {"b", "c"} <= settled.asked
    assert ("converged", "changed") == (report.result, report.resources[thing("b")].result)


def test_a_commit_is_not_good_while_something_is_in_trouble(scene: Scene) -> None:
    scene.repository.commit("c1", resource("a"), resource("b"))
    scene.world.broken.add("b")
    scene.cycle()
    scene.world.values["a"] = "hacked"

    assert None is scene.hear("/things/a").good
    scene.world.broken.clear()
    assert "c1" == scene.cycle(QUIET).good


def test_what_was_in_trouble_is_looked_at_when_something_needs_it(settled: Scene) -> None:
    """What is to be put right waits for it, as it would after a look at everything."""
    settled.world.deaf.add("b")
    settled.hear("/things/b")
    settled.world.services["web"] = "stopped"
    report = settled.hear("service")

    assert {"b", "web"} == settled.asked
    assert "needs thing:b, which is blocked" == report.resources[WEB].reason


def test_what_nobody_hears_is_looked_at_when_something_that_changes_needs_it(scene: Scene) -> None:
    scene.ear.hears = frozenset()
    scene.world.services["web"] = "running"
    scene.repository.commit("c1", replace(resource("a"), needs=frozenset({WEB})), service("web"))
    scene.cycle()
    scene.world.services["web"] = "stopped"
    scene.world.values["a"] = "hacked"
    scene.world.performed.clear()
    scene.hear("/things/a")

    assert ["start", "set"] == [argv[0] for argv in scene.world.performed if argv[0] in {"start", "set"}]


def test_strays_are_found_and_gone(scene: Scene) -> None:
    """Nothing that is declared counts as one because it was not looked at."""
    scene.repository.commit("c1", resource("whole", "exclusive"), resource("stray1", "1"))
    scene.cycle()
    scene.world.values["stray2"] = "x"
    report = scene.hear("/things/")
    assert "changed" == report.resources[thing("stray2")].result
    report = scene.cycle(QUIET)

    assert {"whole": "exclusive", "stray1": "1"} == scene.world.values
    assert {thing("whole"), thing("stray1")} == set(report.resources)


def test_another_commit_is_a_reason_to_look_at_everything(settled: Scene) -> None:
    settled.repository.commit("c2", resource("a"), resource("b", "2"))
    report = settled.cycle(replace(QUIET, poll=True))

    assert {"a", "b", "web", "c"} == settled.asked
    assert "c2" == report.good


def test_so_is_a_ledger_that_somebody_else_has_written(settled: Scene, tmp_path: Path) -> None:
    other = Memory(tmp_path / "ledger.db")
    other.judge("c1")
    other.close()
    settled.cycle(QUIET)

    assert {"a", "b", "c", "web"} == settled.asked


def test_a_look_that_broke_off_is_not_built_upon(settled: Scene) -> None:
    def fails(*args: object, **more: object) -> None:
        raise OSError("the disk is gone")

    settled.watch.attend = fails  # type: ignore[method-assign, assignment]
    with pytest.raises(OSError, match="gone"):
        settled.hear("/things/a")
    del settled.watch.attend  # type: ignore[misc]
    settled.cycle(QUIET)

    assert {"a", "b", "c", "web"} == settled.asked


def test_a_kind_that_cannot_be_read_is_blocked_as_a_whole_and_found_again(settled: Scene) -> None:
    settled.world.deaf.add("things")
    report = settled.hear("/things/a", "/things/b")
    assert {"blocked"} == {report.resources[thing(name)].result for name in "ab"}
    settled.world.deaf.clear()

    assert "converged" == settled.cycle(QUIET).result


def test_git_that_is_away_is_said_without_a_look(settled: Scene) -> None:
    settled.repository.down = True
    report = settled.cycle(replace(QUIET, poll=True))

    assert set() == settled.asked
    assert "no route to host" == report.error
    assert "unchanged" == report.resources[thing("a")].result


def test_an_error_of_one_is_not_one_of_all(settled: Scene) -> None:
    assert isinstance(settled.world.value("a"), str)
    settled.world.deaf.add("a")
    assert isinstance(settled.world.value("a"), HostError)
    report = settled.hear("/things/a")

    assert ("blocked", "unchanged") == tuple(report.resources[thing(name)].result for name in "ab")


def test_drift_that_is_only_to_be_reported_is_reported_at_once(scene: Scene) -> None:
    """By an event as by a look at everything; and what is to be ignored is not even listened for."""
    scene.repository.commit("c1", resource("a", drift=Drift.REPORT), resource("b", drift=Drift.IGNORE))
    scene.cycle()
    scene.world.values |= {"a": "hacked", "b": "hacked"}
    report = scene.hear("/things/a", "/things/b")

    assert ("held", "drift", "drift is only reported: is hacked") == (
        report.resources[thing("a")].result,
        report.resources[thing("a")].cause,
        report.resources[thing("a")].reason,
    )
    assert {"a"} == scene.asked
    assert {"a": "hacked", "b": "hacked"} == scene.world.values
