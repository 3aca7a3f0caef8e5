"""Which folders have to be watched so that nothing at some paths goes unheard. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import field
from typing import Final

from agent.host.inotify import ATTRIB, CLOSE_WRITE, COMES_AND_GOES, DELETE_SELF, MODIFY, MOVE_SELF
from agent.values import dataclass

OURS: Final = ".trued-"  # how the names of our own temporaries begin


@dataclass(slots=True)
class Folder:
    """What matters in one folder."""

    path: str
    places: Container[str] = field(
        repr=False
    )  # all that are kept, in all folders: one table, and no name a file
    holds: bool = False  # some of these are in it
    ways: set[str] = field(default_factory=set)  # of folders on the way to such things
    whole: bool = False  # every name matters

    @property
    def mask(self) -> int:
        """What to watch for: a folder that is only on the way may be a busy one."""
        more = ATTRIB | MODIFY | CLOSE_WRITE if self.holds else 0
        return COMES_AND_GOES | DELETE_SELF | MOVE_SELF | more

    def keeps(self, name: str) -> bool:
        return f"{self.path}/{name}" in self.places

    def matters(self, name: str) -> bool:
        return (self.whole and not name.startswith(OURS)) or self.keeps(name)


def folders(places: Collection[str]) -> Mapping[str, Folder]:
    """
    Return what matters in each folder, by its path ("" is the root): in those of the places, and in all above them.

    In those above, since a folder may be replaced, or not be there yet. `path/` is a place for all that is in a folder.
    """
    found: dict[str, Folder] = {"": Folder("", places)}
    for place in places:
        path, _, name = place.rpartition("/")
        folder = found.get(path) or _added(found, path, places)
        if name or path:
            folder.holds = True
            folder.whole |= not name
    return found


def _added(found: dict[str, Folder], path: str, places: Collection[str]) -> Folder:
    """Add a folder, and those on the way to it."""
    added = found[path] = Folder(path, places)
    while path:
        path, _, name = path.rpartition("/")
        if path not in found:
            found[path] = Folder(path, places)
        if name in found[path].ways:
            break
        found[path].ways.add(name)
    return added
