"""Which folders have to be watched so that nothing at some paths goes unheard. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from agent.host.inotify import ATTRIB, CLOSE_WRITE, COMES_AND_GOES, DELETE_SELF, MODIFY, MOVE_SELF
from agent.values import dataclass

OURS: Final = ".trued-"  # how the names of our own temporaries begin


@dataclass(slots=True)
class Folder:
    """What matters in one folder."""

    names: set[str] = field(default_factory=set)  # of things that are kept
    ways: set[str] = field(default_factory=set)  # of folders on the way to such things
    whole: bool = False  # every name matters

    @property
    def holds(self) -> bool:
        return self.whole or bool(self.names)

    @property
    def mask(self) -> int:
        """What to watch for: a folder that is only on the way may be a busy one."""
        more = ATTRIB | MODIFY | CLOSE_WRITE if self.holds else 0
        return COMES_AND_GOES | DELETE_SELF | MOVE_SELF | more

    def matters(self, name: str) -> bool:
        return name in self.names or (self.whole and not name.startswith(OURS))


def folders(places: Iterable[str]) -> Mapping[str, Folder]:
    """
    Return what matters in each folder, by its path ("" is the root): in those of the places, and in all above them.

    In those above, since a folder may be replaced, or not be there yet. `path/` is a place for all that is in a folder.
    """
    found: dict[str, Folder] = {"": Folder()}
    for place in places:
        folder, _, name = place.rpartition("/")
        if folder not in found:
            _add(found, folder)
        if name:
            found[folder].names.add(name)
        elif folder:
            found[folder].whole = True
    return found


def _add(found: dict[str, Folder], folder: str) -> None:
    found[folder] = Folder()
    while folder:
        folder, _, name = folder.rpartition("/")
        known = found.setdefault(folder, Folder())
        if name in known.ways:
            return
        known.ways.add(name)
