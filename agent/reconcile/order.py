"""Decides what comes before what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter
from heapq import heappop, heappush

from agent.kinds import AnyKind
from agent.model import DesiredState, ResourceId


def ordered(desired: DesiredState, kinds: Mapping[str, AnyKind]) -> DesiredState:
    """Return the same state, its resources in the order in which they may be brought about."""
    graph = {rid: resource.needs | resource.restart_on for rid, resource in desired.resources.items()}
    return replace(desired, resources={rid: desired.resources[rid] for rid in in_order(graph, kinds)})


def in_order(
    graph: Mapping[ResourceId, Iterable[ResourceId]], kinds: Mapping[str, AnyKind]
) -> Iterator[ResourceId]:
    """Yield each id after those it needs; among those that could go next, by rank, then by name."""
    sorter = TopologicalSorter(
        {rid: [need for need in needs if need in graph] for rid, needs in graph.items()}
    )
    sorter.prepare()
    ready: list[tuple[int, ResourceId]] = []
    while sorter.is_active():
        for rid in sorter.get_ready():
            heappush(ready, (rank(rid, kinds), rid))
        _, rid = heappop(ready)
        yield rid
        sorter.done(rid)


def rank(rid: ResourceId, kinds: Mapping[str, AnyKind]) -> int:
    return kinds[rid.kind].rank if rid.kind in kinds else 0
