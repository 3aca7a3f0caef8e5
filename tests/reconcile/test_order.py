"""What comes before what."""

from __future__ import annotations

from agent.model import ResourceId
from agent.reconcile.order import in_order
from tests.reconcile.world import KINDS

A, B, C, D = (ResourceId("file", f"/{name}") for name in "abcd")


def test_each_comes_after_what_it_needs_and_otherwise_by_name() -> None:
    graph = {A: [C], D: [], B: [], C: [D]}

    assert [B, D, C, A] == list(in_order(graph, KINDS))


def test_a_need_that_is_not_among_them_holds_up_nothing() -> None:
    assert [A, B] == list(in_order({B: [], A: [D]}, KINDS))


def test_a_circle_comes_last_and_stops_nothing() -> None:
    """The ledger remembers needs of several commits: a needs b of one, and b needs a of the next."""
    graph = {A: [B], B: [A], C: [B], D: []}

    assert [D, A, B, C] == list(in_order(graph, KINDS))
