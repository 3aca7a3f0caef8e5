"""What hangs on what: whom a change concerns beside the thing that is changed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Self

from agent.model import Resource, ResourceId
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ties:
    """The graph of what is declared, seen from both ends."""

    resources: Mapping[ResourceId, Resource]
    listeners: Mapping[
        ResourceId, tuple[ResourceId, ...]
    ]  # those that restart or reload after a change of it
    followers: Mapping[ResourceId, tuple[ResourceId, ...]]  # those that need it

    @classmethod
    def of(cls, resources: Mapping[ResourceId, Resource]) -> Self:
        listeners: dict[ResourceId, list[ResourceId]] = {}
        followers: dict[ResourceId, list[ResourceId]] = {}
        for rid, resource in resources.items():
            for heard in resource.restart_on | resource.reload_on:
                listeners.setdefault(heard, []).append(rid)
            for need in resource.after:
                # What is in a folder that is only on the way is looked at with the folder, where that matters.
                if need in resources and not resources[need].implied:
                    followers.setdefault(need, []).append(rid)
        return cls(resources=resources, listeners=_frozen(listeners), followers=_frozen(followers))

    def listening(self, ids: Iterable[ResourceId]) -> frozenset[ResourceId]:
        """Return these, and all that listen to them, or to those in turn."""
        return _closed(ids, lambda rid: self.listeners.get(rid, ()))

    def needed(self, ids: Iterable[ResourceId]) -> frozenset[ResourceId]:
        """Return these, and all that they need, or those in turn."""
        return _closed(ids, lambda rid: self.resources[rid].after if rid in self.resources else ())

    def following(self, ids: Iterable[ResourceId]) -> frozenset[ResourceId]:
        """Return those that need one of these."""
        return frozenset(rid for one in ids for rid in self.followers.get(one, ()))


def _frozen(lists: Mapping[ResourceId, list[ResourceId]]) -> Mapping[ResourceId, tuple[ResourceId, ...]]:
    return {rid: tuple(ids) for rid, ids in lists.items()}


def _closed(
    ids: Iterable[ResourceId], onwards: Callable[[ResourceId], Iterable[ResourceId]]
) -> frozenset[ResourceId]:
    found, waiting = set[ResourceId](), list(ids)
    while waiting:
        rid = waiting.pop()
        if rid not in found:
            found.add(rid)
            waiting.extend(onwards(rid))
    return frozenset(found)
