"""
What trued can manage. One module (or folder) for each kind; its name is the kind's name, `KIND` its instance.

A kind never acts: it reads through a `Probe` and answers with steps.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from agent.errors import HostError
from agent.host import Probe
from agent.model import ResourceId, Sources, Step

S = TypeVar("S")
T = TypeVar("T")


class Kind(ABC, Generic[S, T]):
    """How one kind of thing is read, and how it is brought to what Git says."""

    section: ClassVar[str]  # its key in a document: "files"
    spec: type[S]  # the schema of one entry
    rank: ClassVar[int]  # habit of order among what could go next; low goes first
    shorthand: ClassVar[str] = ""  # the field that a bare scalar fills: `nginx: present`
    triggers: ClassVar[tuple[str, ...]] = ()  # keys that list what it listens to: restart_on, reload_on
    verbatim: ClassVar[bool] = False  # `${…}` in an entry stays as it is, unless it says `substitute: true`

    def name(self, written: str) -> str:
        """Return the one way to write this name; raises ValueError for what cannot be one."""
        return written

    def expand(self, name: str, spec: S, tree: Sources) -> Iterable[tuple[str, S]]:
        """
        Yield what this entry stands for; by default, itself.

        Raises ValueError or DocumentError. A name that is declared by itself wins over one that is expanded.
        """
        yield name, spec

    def implied(self, spec: S) -> bool:
        """Return whether this only follows from another entry."""
        return False

    def absent(self, spec: S) -> bool:
        """Return whether this entry declares that the thing shall not be."""
        return False

    def fingerprint(self, spec: S) -> object:
        """Return plain data that is equal exactly when two declarations are; no content, only digests."""
        return repr(spec)

    def edges(self, name: str, want: S, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield those of `declared` that must come before, by this thing's nature."""
        return ()

    @abstractmethod
    def observe(self, probe: Probe, wants: Mapping[str, S | None]) -> Mapping[str, T | HostError | None]:
        """
        Return the state of all `wants` in one reading. A want of None: trued made it, and it is to go.

        May answer more names than were asked: strays, which are removed because a want claims all of a place.
        """

    @abstractmethod
    def steps(self, name: str, want: S | None, have: T | None, *, stale: bool) -> Iterable[Step]:
        """
        Yield what turns `have` into `want`; nothing when they agree. Pure.

        `want` None: remove. `have` None: absent. `stale`: something in restart_on changes, or an earlier
        attempt did not finish. Raises HostError when no step can lead there, with the reason.
        """

    def first(self, name: str, have: T) -> Iterable[Step]:
        """Yield what keeps the state of something found there before trued changes it."""
        return ()

    def leaves(self, name: str, have: T) -> str:
        """Return why something of ours that Git stopped declaring has to stay, or nothing."""
        return ""

    def claimed(self, have: T) -> bool:
        """Return whether this is a stray: a want claims the place, so it goes, whoever put it there."""
        return False


AnyKind: TypeAlias = Kind[Any, Any]


def discover() -> Mapping[str, AnyKind]:
    """Import every module of this package and return its `KIND`, by the module's name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").KIND for name in names}
