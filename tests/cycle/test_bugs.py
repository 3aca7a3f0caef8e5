"""What nobody foresaw ends no cycle: the host is kept true to what it holds, and the report says where it was."""

from __future__ import annotations

import pytest

from agent.model import Verdict
from tests.cycle.scene import Placed, Scene
from tests.reconcile.world import resource

WORDS = "an unexpected error in trued: KeyError at agent/cycle.py:"


def test_a_commit_at_which_loading_meets_a_bug_is_not_followed_and_drift_is_repaired(scene: Scene) -> None:
    """The report does not say what the bug quotes. It is tried again, for what was missing may be memory."""
    scene.repository.commit("c1", resource("a"))
    scene.cycle()
    scene.repository.commit("c2")
    scene.repository.states["c2"] = KeyError("hunter2")  # type: ignore[assignment]
    scene.world.values.clear()
    report = scene.cycle()

    assert {"a": "1"} == scene.world.values
    assert (Verdict.INVALID, "c1", 4) == (report.result, report.commit, report.exit_code)
    assert report.error.startswith(f"c2: cannot be loaded: {WORDS}")
    assert "hunter2" not in report.error
    scene.repository.commit("c2", resource("a", "2"))

    assert Verdict.CONVERGED is scene.cycle().result


def test_a_bug_of_what_a_kind_has_to_say_is_itself_a_notice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def notices(self: Placed, probe: object) -> tuple[str, ...]:
        raise KeyError

    monkeypatch.setattr(Placed, "notices", notices)
    scene.repository.commit("c1", resource("a"))
    report = scene.cycle()

    assert Verdict.CONVERGED is report.result
    assert WORDS in report.notices[0]
