"""Which commits are kept readable without Git, and when that is tried again."""

from __future__ import annotations

from agent.errors import SourceError
from tests.cycle.scene import QUIET, Scene
from tests.reconcile.world import resource


def test_what_could_not_be_kept_is_tried_again_when_git_is_asked_and_not_before(settled: Scene) -> None:
    """Writing it takes as long as the commit is large, and something happens on the host all the time."""
    repository = settled.repository
    repository.commit("c2", resource("a"))
    repository.full, before = SourceError("no space left on device"), repository.keeps
    reports = [settled.cycle(), *(settled.cycle(QUIET) for _ in range(3))]
    assert {"no space left on device"} == {report.error for report in reports}
    assert before + 1 == repository.keeps

    repository.full = None

    assert ["", ""] == [settled.cycle().error, settled.cycle(QUIET).error]
    assert before + 3 == repository.keeps  # "c2" is the good one then


def test_the_commit_that_is_followed_is_kept_first(scene: Scene) -> None:
    """The good one may be gone from the server, and is not what the host has to stay on."""
    for commit in ("c9", "c1"):
        scene.repository.commit(commit, resource("a", commit))
        scene.cycle()
        scene.world.broken.add("a")

    assert ("c1", "c9") == scene.agent.recall.kept
