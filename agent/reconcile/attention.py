"""What is to be heard of between two looks, whom it concerns, and what of it a look has seen already. Hears nothing by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import accumulate
from typing import Protocol

from agent.kinds import AnyKind, used
from agent.model import DesiredState, Drift, Resource, ResourceId
from agent.values import dataclass


class Watch(Protocol):
    """Hears of changes at places; `agent/host/watch.py` is the real one."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Why not all is heard, for a person."""

    @property
    def missed(self) -> frozenset[str] | None:
        """The folders of which nothing is heard at this moment ("" is the root); None: nothing is heard at all."""

    def attend(self, places: Collection[str], *, anew: bool) -> frozenset[str] | None:
        """
        Begin a look: hear of what happens at these places from now on. The same value as before costs nothing.

        Returns at which of them something has happened that was not told, None for anywhere. `anew`: make sure of it, since something may have come without an event.
        """

    def seen(self, places: Collection[str]) -> None:
        """Have these count as quiet until now: they are about to be looked at again."""

    def elsewhere(self, places: Collection[str]) -> bool:
        """Say whether something has been heard since the look began, but of these, that was not seen."""

    def rest(self, *, well: bool) -> None:
        """End a look, and tell of what was heard meanwhile and not seen."""


class Ear(Protocol):
    """Hears of what happens to all of some kinds, wherever that is: the engine's events, the cluster's watches."""

    @property
    def hears(self) -> frozenset[str]:
        """The kinds of which nothing has gone unheard since they were looked at last."""

    def others(self, ids: Collection[ResourceId], since: float) -> bool:
        """Say whether something was heard since then (time.monotonic) of others than these, as far as it tells them apart."""


@dataclass(slots=True)
class Attention:
    """
    Ties what is heard to what is declared.

    Our own work is not news: once something was changed, it is looked at again, and what was heard of its own places
    before that is seen by it. What comes later, or at a place that others are read from as well, is news.
    """

    watch: Watch | None = None  # None: for a verb that looks once
    ears: tuple[Ear, ...] = ()
    _resources: Mapping[ResourceId, Resource] = field(default_factory=dict)
    _elsewhere: frozenset[str] = frozenset()  # the kinds of these of which not all is at their places
    _places: Collection[str] = ()
    _ids: dict[str, ResourceId | tuple[ResourceId, ...]] = field(default_factory=dict)  # by place
    _began: float = 0.0  # when the look did (time.monotonic)
    _done: set[ResourceId] = field(default_factory=set)  # what was looked at again since
    _deaf: tuple[frozenset[str] | None, frozenset[ResourceId]] = (None, frozenset())

    def begin(
        self, desired: DesiredState, kinds: Mapping[str, AnyKind], *, whole: bool = True
    ) -> frozenset[str] | None:
        """A look begins; `whole`: at all of this. Return what else was heard just now; None: it may be anything."""
        if self.watch is None:
            return None
        self._began = time.monotonic()
        self._done.clear()
        if desired.resources is not self._resources:
            self._resources, self._ids = desired.resources, _by_place(desired, kinds)
            mine = used(kinds, self._resources)
            self._elsewhere = frozenset(name for name, kind in mine.items() if not kind.in_places)
            self._places, self._deaf = self._ids.keys(), (None, frozenset())
        return self.watch.attend(self._places, anew=whole)

    def concerned(self, heard: Iterable[str]) -> frozenset[ResourceId]:
        """Return all to which what was heard may have happened: a place, what is below it, or all of a kind."""
        found: set[ResourceId] = set()
        for place in heard:
            if not place.startswith("/"):
                found.update(rid for rid in self._resources if rid.kind == place)
            elif place.endswith("/"):
                found.update(self._below(place))
            found.update(_several(self._ids.get(place, ())))
        return frozenset(found)

    def claiming(self, path: str) -> frozenset[ResourceId]:
        """Return those that are read from a folder above a path as a whole."""
        above = accumulate(path.split("/")[:-1], lambda folder, name: f"{folder}/{name}")
        return frozenset(rid for folder in above for rid in _several(self._ids.get(f"{folder}/", ())))

    def unheard(self) -> frozenset[ResourceId]:
        """Return all of which no ear hears everything at this moment: whoever wants to know has to look."""
        missed = None if self.watch is None else self.watch.missed
        if missed is None:
            return frozenset(self._resources)
        heard = frozenset(kind for ear in self.ears for kind in ear.hears)
        deaf = self._elsewhere - heard
        found = {rid for rid in self._resources if rid.kind in deaf} if deaf else set()
        return frozenset(found | self._out_of_earshot(missed))

    def again(self, ids: Iterable[ResourceId], kinds: Mapping[str, AnyKind]) -> None:
        """These are about to be looked at again."""
        if self.watch is None:
            return
        found = tuple(ids)
        self._done.update(found)
        places = self._places_of(found, kinds)
        self.watch.seen([place for place in places if len(_several(self._ids.get(place, ()))) < 2])

    def elsewhere(self, kinds: Mapping[str, AnyKind]) -> Callable[[Sequence[ResourceId]], bool] | None:
        """Return what says whether something has happened since the look began, but to these; None if nobody hears of it."""
        watch = self.watch
        if watch is None:
            return None

        def heard(ids: Sequence[ResourceId]) -> bool:
            return watch.elsewhere(self._places_of(ids, kinds)) or any(
                ear.others([*self._done, *ids], self._began) for ear in self.ears
            )

        return heard

    def _places_of(self, ids: Iterable[ResourceId], kinds: Mapping[str, AnyKind]) -> list[str]:
        resources = (self._resources[rid] for rid in ids if rid in self._resources)
        return [place for resource in resources for place in _places(resource, kinds)]

    def end(self, *, well: bool) -> None:
        """The look is over. Not `well`: something that was looked at again was not as it had been made."""
        if self.watch is not None:
            self.watch.rest(well=well)

    @property
    def notices(self) -> tuple[str, ...]:
        return self.watch.notices if self.watch is not None else ()

    def _below(self, folder: str) -> Iterator[ResourceId]:
        """Yield all that is at or below a folder, with a slash at the end; also what only follows from others."""
        for rid in self._resources:
            if rid.name.startswith(folder) or f"{rid.name}/" == folder:
                yield rid
        for place, ids in self._ids.items():
            if place.startswith(folder):
                yield from _several(ids)

    def _out_of_earshot(self, missed: frozenset[str]) -> frozenset[ResourceId]:
        if not missed:
            return frozenset()
        if self._deaf[0] != missed:
            self._deaf = missed, frozenset(rid for folder in missed for rid in self._below(f"{folder}/"))
        return self._deaf[1]


def _by_place(
    desired: DesiredState, kinds: Mapping[str, AnyKind]
) -> dict[str, ResourceId | tuple[ResourceId, ...]]:
    """Return who is read from which place: of most places it is one, and ten thousand tuples are not for nothing."""
    shared: dict[str, list[ResourceId]] = {}
    single: dict[str, ResourceId] = {}
    for resource in desired.resources.values():
        for place in _places(resource, kinds):
            if place in shared:
                shared[place].append(resource.id)
            elif place in single:
                shared[place] = [single.pop(place), resource.id]
            else:
                single[place] = resource.id
    known: dict[str, ResourceId | tuple[ResourceId, ...]] = {**single}
    known |= {place: tuple(ids) for place, ids in shared.items()}
    return known | dict(_claimed(desired, known))


def _claimed(
    desired: DesiredState, known: Mapping[str, ResourceId | tuple[ResourceId, ...]]
) -> Iterator[tuple[str, ResourceId | tuple[ResourceId, ...]]]:
    """Yield the folders that only follow from what is in them, below one that is claimed as a whole: so are they."""
    for rid, resource in desired.resources.items():
        above = rid.name.rpartition("/")[0] if resource.implied else ""
        while above and (holder := desired.resources.get(ResourceId(rid.kind, above))) and holder.implied:
            above = above.rpartition("/")[0]
        if above and f"{above}/" in known and f"{rid.name}/" not in known:
            yield f"{rid.name}/", known[f"{above}/"]


def _places(resource: Resource, kinds: Mapping[str, AnyKind]) -> Iterable[str]:
    if resource.id.kind not in kinds or resource.drift is Drift.IGNORE:
        return ()
    return kinds[resource.id.kind].places(resource.id.name, resource.spec)


def _several(ids: ResourceId | tuple[ResourceId, ...]) -> tuple[ResourceId, ...]:
    return (ids,) if isinstance(ids, ResourceId) else ids
