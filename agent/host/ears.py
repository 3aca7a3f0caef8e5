"""The ears that hear of places, as one: files, and units by the places of their files. Hears nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection

from agent.host.bus.ear import UnitEar
from agent.host.watch import Watcher


class Ears:
    """Both are told the same, and each takes what it hears of. What is missed is missed of files."""

    def __init__(self, files: Watcher, units: UnitEar) -> None:
        self._files, self._units = files, units

    @property
    def notices(self) -> tuple[str, ...]:
        return (*self._files.notices, *self._units.notices)

    @property
    def missed(self) -> frozenset[str] | None:
        return self._files.missed

    def listen(self, wake: Callable[[frozenset[str]], None]) -> None:
        self._files.listen(wake)
        self._units.listen(wake)

    def attend(self, places: Collection[str], *, anew: bool) -> frozenset[str] | None:
        of_units = self._units.attend(places)
        of_files = self._files.attend(places, anew=anew)
        return None if of_files is None else of_files | of_units

    def seen(self, places: Collection[str]) -> None:
        self._files.seen(places)
        self._units.seen(places)

    def elsewhere(self, places: Collection[str]) -> bool:
        """Of files; of units, their own ear is asked."""
        return self._files.elsewhere(places)

    def rest(self, *, well: bool) -> None:
        self._files.rest(well=well)
        self._units.rest(well=well)

    def close(self) -> None:
        self._files.close()
        self._units.close()
