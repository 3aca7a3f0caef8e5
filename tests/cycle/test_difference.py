"""What a look at everything decides about: what is otherwise than at the last one, and what hangs on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cycle.scene import WEB, Placed, Scene
from tests.reconcile.world import resource, thing

EVERYTHING = {"a", "b", "c", "web"}


@pytest.fixture(name="decided")
def _decided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the things about which it was decided what is to be done."""
    decided: list[str] = []
    really = Placed.steps

    def steps(self: Placed, name: str, *args: Any, **words: Any) -> Any:
        decided.append(name)
        return really(self, name, *args, **words)

    monkeypatch.setattr(Placed, "steps", steps)
    return decided


def test_only_what_is_otherwise_is_decided_and_all_is_told(settled: Scene, decided: list[str]) -> None:
    whole = settled.cycle()
    decided.clear()
    settled.world.values["b"] = "hacked"
    report = settled.cycle()

    assert EVERYTHING == settled.asked
    assert {"b"} == set(decided)
    assert "1" == settled.world.values["b"]
    assert "changed" == report.resources[thing("b")].result
    assert {**whole.resources, thing("b"): report.resources[thing("b")]} == report.resources
    assert dict(whole.resources) == dict(settled.cycle().resources)


def test_what_listens_to_it_restarts(settled: Scene) -> None:
    settled.world.values["a"] = "hacked"
    report = settled.cycle()

    assert "trigger" == report.resources[WEB].cause
    assert ("restart", "web") in settled.world.performed


def test_what_was_in_trouble_is_decided_again_though_it_is_seen_as_it_was(settled: Scene) -> None:
    settled.world.values["b"] = "hacked"
    settled.world.broken.add("b")
    assert "failed" == settled.cycle().resources[thing("b")].result
    settled.world.broken.clear()
    report = settled.cycle()

    assert ("changed", "converged") == (report.resources[thing("b")].result, report.result)


def test_strays_that_come_and_go_are_told_and_told_no_more(scene: Scene) -> None:
    scene.repository.commit("c1", resource("whole", "exclusive"))
    scene.cycle()
    scene.world.values["stray"] = "x"

    assert "changed" == scene.cycle().resources[thing("stray")].result
    assert {thing("whole")} == set(scene.cycle().resources)
    assert {"whole": "exclusive"} == scene.world.values
