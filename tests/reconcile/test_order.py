"""What comes before what."""

from __future__ import annotations

from agent.model import Ownership, ResourceId
from agent.reconcile.ledger import Ledger, Owned
from agent.reconcile.observe import Situation
from agent.reconcile.order import in_order
from agent.reconcile.plan import make_plan
from tests.reconcile.world import KINDS, Thing, desired

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


class Staged(Thing):
    """Things whose names begin with the stage they belong to; and they count how often they are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def habit(self, name: str) -> int:
        self.asked.append(name)
        return int(name[0])


def test_habit_orders_what_has_the_same_rank_before_names_do() -> None:
    kinds = {**KINDS, "thing": Staged()}
    z, y, x = (ResourceId("thing", name) for name in ("0z", "1y", "1x"))

    assert [z, x, y] == list(in_order({x: [], y: [], z: []}, kinds))
    assert [x, z, y] == list(in_order({x: [], y: [z], z: [x]}, kinds)), "a need is a rule, and no habit"


def test_rank_comes_before_habit() -> None:
    kinds = {**KINDS, "thing": Staged()}
    web, late = ResourceId("service", "web"), ResourceId("thing", "9late")

    assert [late, web] == list(in_order({web: [], late: []}, kinds))


def test_what_is_removed_goes_in_the_reverse_of_habit() -> None:
    kinds = {**KINDS, "thing": Staged()}
    first, last = ResourceId("thing", "0first"), ResourceId("thing", "9a")
    owned = Owned(digest="x", ownership=Ownership.CREATED)
    situation = Situation(
        desired=desired(),
        observed={first: "1", last: "1"},
        ledger=Ledger(owned={first: owned, last: owned}),
        kinds=kinds,
    )

    assert [last, first] == [entry.id for entry in make_plan(situation).entries]


def test_habit_is_asked_once_for_each_name() -> None:
    staged = Staged()
    ids = [ResourceId("thing", f"{at % 7}{at}") for at in range(100)]
    list(in_order({rid: ids[:at] for at, rid in enumerate(ids)}, {**KINDS, "thing": staged}))

    assert sorted(rid.name for rid in ids) == sorted(staged.asked)
