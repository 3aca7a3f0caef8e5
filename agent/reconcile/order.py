"""Decides what comes before what. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from heapq import heappop, heappush

from agent.kinds import AnyKind, Kind, used
from agent.model import DesiredState, ResourceId


def ordered(desired: DesiredState, kinds: Mapping[str, AnyKind]) -> DesiredState:
    """Return the same state, its resources in the order in which they may be brought about."""
    graph = {rid: resource.after for rid, resource in desired.resources.items()}
    return replace(desired, resources={rid: desired.resources[rid] for rid in in_order(graph, kinds)})


def in_order(
    graph: Mapping[ResourceId, Iterable[ResourceId]], kinds: Mapping[str, AnyKind]
) -> Iterator[ResourceId]:
    """
    Yield each id after those it needs; among those that could go next, by rank, by habit, by name.

    What waits for itself comes last: no commit declares a circle, but what is remembered is of several commits.
    """
    followers: dict[ResourceId, list[ResourceId]] = {rid: [] for rid in graph}
    missing = dict.fromkeys(graph, 0)
    for rid, needs in graph.items():
        for need in needs:
            if need in followers:
                followers[need].append(rid)
                missing[rid] += 1
    place = _places(used(kinds, graph))
    ready = sorted((place(rid), rid) for rid, count in missing.items() if not count)
    while ready:
        _, rid = heappop(ready)
        yield rid
        del missing[rid]
        for follower in followers[rid]:
            missing[follower] -= 1
            if not missing[follower]:
                heappush(ready, (place(follower), follower))
    yield from sorted(missing)


def _places(kinds: Mapping[str, AnyKind]) -> Callable[[ResourceId], tuple[int, int]]:
    """Return what says where habit puts an id. Most kinds have none among their own: ten thousand files ask for nothing."""
    ranks = {name: (kind.rank, 0) for name, kind in kinds.items()}
    habits = {name: kind.habit for name, kind in kinds.items() if type(kind).habit is not Kind.habit}

    def place(rid: ResourceId) -> tuple[int, int]:
        if habit := habits.get(rid.kind):
            return kinds[rid.kind].rank, habit(rid.name)
        return ranks.get(rid.kind, (0, 0))

    return place
