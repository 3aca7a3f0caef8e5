"""What a kind says of a resource in place of its entry: where it is declared, and that it is kept."""

from __future__ import annotations

from agent.desired.load import load
from agent.model import Resource
from tests.desired.fleet import EDGE, Things, ThingSpec, tree


class Telling(Things):
    """Things that say in their text where they come from, and are kept when they are large."""

    def origin(self, spec: ThingSpec) -> str:
        return spec.text

    def keeps(self, spec: ThingSpec) -> bool:
        return spec.size > 9


def loaded(text: str) -> dict[str, Resource]:
    state = load(tree(base__x=text), "c0ffee", EDGE, {"thing": Telling()})
    return {rid.name: resource for rid, resource in state.resources.items()}


def test_a_kind_may_know_better_where_something_is_declared() -> None:
    """An object in a file of many is found at its own line; what says nothing comes from its entry."""
    things = loaded("things:\n  a: {parts: [shop.yaml:7]}\n  b: present\n")

    assert {"a": "base/x.yaml:2", "a/shop.yaml:7": "shop.yaml:7", "b": "base/x.yaml:3"} == {
        name: thing.origin for name, thing in things.items()
    }


def test_a_kind_may_keep_what_its_entry_does_not() -> None:
    things = loaded("things:\n  a: {size: 10}\n  b: {size: 9}\n  c: {size: 1, keep: true}\n")

    assert {"a": True, "b": False, "c": True} == {name: thing.keep for name, thing in things.items()}


def test_what_only_follows_from_another_is_not_kept_by_that_ones_entry() -> None:
    things = loaded("things:\n  a/b: {above: true, keep: true, size: 10}\n")

    assert {"a": False, "a/b": True} == {name: thing.keep for name, thing in things.items()}
