"""What is to be heard of between two looks, and what of it a look has seen already. Hears nothing by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.kinds import AnyKind
from agent.model import DesiredState, Drift, Resource, ResourceId


class Watch(Protocol):
    """Hears of changes; `agent/host/watch.py` is the real one."""

    @property
    def notices(self) -> tuple[str, ...]:
        """Why not all is heard, for a person."""

    def attend(self, places: Sequence[str]) -> None:
        """Begin a look: hear of what happens at these places from now on. The same value as before costs nothing."""

    def seen(self, places: Collection[str]) -> None:
        """Have these count as quiet until now: they are about to be looked at again."""

    def rest(self, *, well: bool) -> None:
        """End a look, and tell of what was heard meanwhile and not seen."""


@dataclass(slots=True)
class Attention:
    """
    Ties a watch to what is declared.

    Our own work is not news: once something was changed, it is looked at again, and what was heard of its own places
    before that is seen by it. What comes later, or at a place that others are read from as well, is news.
    """

    watch: Watch | None = None  # None: for a verb that looks once
    _desired: DesiredState | None = None
    _places: tuple[str, ...] = ()
    _shared: frozenset[str] = frozenset()

    def begin(self, desired: DesiredState, kinds: Mapping[str, AnyKind]) -> None:
        """A look at all of this begins."""
        if self.watch is None:
            return
        if desired is not self._desired:
            counts = Counter(_all_places(desired.resources.values(), kinds))
            self._desired, self._places = desired, tuple(counts)
            self._shared = frozenset(place for place, count in counts.items() if count > 1)
        self.watch.attend(self._places)

    def again(self, ids: Iterable[ResourceId], kinds: Mapping[str, AnyKind]) -> None:
        """These are about to be looked at again."""
        if self.watch is None or self._desired is None:
            return
        resources = (self._desired.resources[rid] for rid in ids if rid in self._desired.resources)
        self.watch.seen([place for place in _all_places(resources, kinds) if place not in self._shared])

    def end(self, *, well: bool) -> None:
        """The look is over. Not `well`: something that was looked at again was not as it had been made."""
        if self.watch is not None:
            self.watch.rest(well=well)

    @property
    def notices(self) -> tuple[str, ...]:
        return self.watch.notices if self.watch is not None else ()


def _all_places(resources: Iterable[Resource], kinds: Mapping[str, AnyKind]) -> Iterator[str]:
    for resource in resources:
        if resource.id.kind in kinds and resource.drift is not Drift.IGNORE:
            yield from kinds[resource.id.kind].places(resource.id.name, resource.spec)
