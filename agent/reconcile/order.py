"""Decides what comes before what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from heapq import heappop, heappush

from agent.kinds import AnyKind
from agent.model import DesiredState, ResourceId


def ordered(desired: DesiredState, kinds: Mapping[str, AnyKind]) -> DesiredState:
    """Return the same state, its resources in the order in which they may be brought about."""
    graph = {rid: resource.after for rid, resource in desired.resources.items()}
    return replace(desired, resources={rid: desired.resources[rid] for rid in in_order(graph, kinds)})


def in_order(
    graph: Mapping[ResourceId, Iterable[ResourceId]], kinds: Mapping[str, AnyKind]
) -> Iterator[ResourceId]:
    """
    Yield each id after those it needs; among those that could go next, by rank, then by name.

    What waits for itself comes last: no commit declares a circle, but what is remembered is of several commits.
    """
    followers: dict[ResourceId, list[ResourceId]] = {rid: [] for rid in graph}
    missing = dict.fromkeys(graph, 0)
    for rid, needs in graph.items():
        for need in needs:
            if need in followers:
                followers[need].append(rid)
                missing[rid] += 1
    ready = sorted((rank(rid, kinds), rid) for rid, count in missing.items() if not count)
    while ready:
        _, rid = heappop(ready)
        yield rid
        del missing[rid]
        for follower in followers[rid]:
            missing[follower] -= 1
            if not missing[follower]:
                heappush(ready, (rank(follower, kinds), follower))
    yield from sorted(missing)


def rank(rid: ResourceId, kinds: Mapping[str, AnyKind]) -> int:
    return kinds[rid.kind].rank if rid.kind in kinds else 0
