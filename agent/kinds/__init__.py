"""
What trued can manage. One module (or folder) for each kind; its name is the kind's name, `KIND` its instance. What
several kinds know about is in a module whose name begins with an underscore.

A kind never acts: it reads through a `Probe` and answers with steps.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from agent.errors import HostError
from agent.host import Probe
from agent.model import ResourceId, Sources, Stale, Step
from agent.values import dataclass

S = TypeVar("S")
T = TypeVar("T")


class NotYetError(HostError):
    """As the host is now, no step leads there; what this needs may change that, where it changes in the same plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing on a host, as a document would declare it: for `trued adopt`."""

    name: str
    entry: object  # plain data: text, numbers, lists, mappings
    files: Mapping[str, bytes] = field(
        default_factory=dict, repr=False
    )  # what it refers to, by relative path
    skipped: str = ""  # why it is not written, with the way to do it by hand; then there is no entry


class Kind(ABC, Generic[S, T]):
    """How one kind of thing is read, and how it is brought to what Git says."""

    section: ClassVar[str]  # its key in a document: "files"
    spec: type[S]  # the schema of one entry
    rank: ClassVar[int]  # habit of order among what could go next; low goes first
    shorthand: ClassVar[str] = ""  # the field that a bare scalar fills: `nginx: present`
    only: ClassVar[str] = ""  # the one name there is, where the section is the entry: `hostname: edge-01`
    triggers: ClassVar[tuple[str, ...]] = ()  # keys that list what it listens to: restart_on, reload_on
    late: ClassVar[bool] = False  # decided once more right before it is done: what comes before changes it
    verbatim: ClassVar[bool] = False  # `${…}` in an entry stays as it is, unless it says `substitute: true`
    apart: ClassVar[bool] = False
    """Some of it may be looked at without the rest: `observe_some`. Where what is seen of one depends on others, all are."""
    in_places: ClassVar[bool] = False
    """
    All that is seen of it is at its `places`, so that who hears these need not look. Of any other kind an ear has to hear
    as well (a live value, a unit that stops), or it is looked at at each interval.
    """

    def name(self, written: str) -> str:
        """Return the one way to write this name; raises ValueError for what cannot be one."""
        return written

    def expand(self, name: str, spec: S, tree: Sources) -> Iterable[tuple[str | ResourceId, Any]]:
        """
        Yield what this entry stands for; by default, itself. Things of other kinds are yielded by their whole id.

        Raises ValueError or DocumentError. A name that is declared by itself wins over one that is expanded.
        """
        yield name, spec

    def implied(self, spec: S) -> bool:
        """Return whether this only follows from another entry."""
        return False

    def origin(self, spec: S) -> str:
        """Return where this is declared (file:line), if that is elsewhere than its entry; or nothing."""
        return ""

    def keeps(self, spec: S) -> bool:
        """Return whether it is left in place when it is no longer declared, though its entry does not say `keep`."""
        return False

    def habit(self, name: str) -> int:
        """
        Return the habit of order among things of one rank that could go next; low goes first. Pure.

        Where it is not said it is 0. What goes does so in the reverse order.
        """
        return 0

    def absent(self, spec: S) -> bool:
        """Return whether this entry declares that the thing shall not be."""
        return False

    def fingerprint(self, spec: S) -> object:
        """Return plain data that is equal exactly when two declarations are; no content, only digests."""
        return repr(spec)

    def edges(self, name: str, want: S, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield those of `declared` that must come before, by this thing's nature."""
        return ()

    def listens(self, name: str, want: S, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield those of `declared` after a change of which this has to restart, by its nature."""
        return ()

    def reloads(self, name: str, want: S, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield those of `declared` after a change of which this has to reload, by its nature."""
        return ()

    def rivals(self, name: str, want: S, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield those of `declared` that would write the same file: each would undo what the other did."""
        return ()

    def places(self, name: str, want: S) -> Iterable[str]:
        """
        Yield the paths that this is read from: when something happens to one, it has to be looked at. Pure.

        `/etc/sysctl.d/` with a slash at the end stands for whatever is in that folder.
        """
        return ()

    @abstractmethod
    def observe(self, probe: Probe, wants: Mapping[str, S | None]) -> Mapping[str, T | HostError | None]:
        """
        Return the state of all `wants` in one reading. A want of None: trued made it, and it is to go.

        What cannot be read is answered as its HostError; raises HostError where that is so for all of them.
        May answer more names than were asked: strays, which are removed because a want claims all of a place.
        """

    def observe_some(
        self, probe: Probe, names: Collection[str], wants: Mapping[str, S | None]
    ) -> Mapping[str, T | HostError | None]:
        """Return the same of `names`, and strays in what these claim; `wants` are all. Asked of what is `apart`."""
        return self.observe(probe, {name: wants[name] for name in names})

    def recognize(self, probe: Probe) -> Iterable[str]:
        """
        Yield the names of things that bear the mark of this host's trued, which has made them; raises HostError.

        Asked when this kind is declared and the ledger remembers nothing of it: it may be new, or lost. What bears the
        mark is trued's own from then on, declared or not. Where this raises, nothing of this kind is touched.
        """
        return ()

    def exists(self, have: T) -> bool:
        """Return whether there is something; a kind may know more of what is absent than that."""
        return True

    def prepare(
        self, wants: Mapping[str, S | None], haves: Mapping[str, T | HostError | None]
    ) -> Iterable[Step]:
        """
        Yield what must be done before it can be decided what is to be done: an index read anew, a crash mended.

        Asked for a `late` kind, of those that are about to change. After these steps everything is looked at anew.
        """
        return ()

    @abstractmethod
    def steps(self, name: str, want: S | None, have: T | None, *, stale: Stale) -> Iterable[Step]:
        """
        Yield what turns `have` into `want`; nothing when they agree. Pure.

        `want` None: remove. `have` None: absent. `stale`: something that it listens to changes in this plan, or
        did in an attempt that did not finish; what is yielded for that says `unseen`. Raises HostError when no step
        can lead there, with the reason; NotYetError where that may be otherwise once what it needs has changed:
        then a `late` kind is asked as if nothing were there, and decides when its turn has come.
        """

    def health(self, name: str, want: S, have: T) -> str:
        """Return what is wrong with a thing that is as declared, or nothing. Pure."""
        return ""

    def patience(self, name: str, want: S | None, have: T) -> float:
        """
        Return the seconds in which what is not well, or is to go and not gone, may come so by itself. Pure.

        Asked of what has `health` to tell of, and of what is still there after it was removed. 0: it will not, and has
        failed. What needs it is not touched before it is well, nor what it needed before it is gone. The time runs from
        when it is first asked, and on in later cycles while the declaration is the same and it is not well; a new attempt
        has all of it. A kind that does not say this has things that are changed when they are as declared.
        """
        return 0.0

    def objection(self, name: str, want: S | None, have: T | None, going: Collection[str]) -> str:
        """
        Return why a person has to say yes to this change first, or nothing; how to say yes is added to it.

        `going`: names of this kind that are trued's own, and to go in this plan as well.
        """
        return ""

    def first(self, name: str, have: T) -> Iterable[Step]:
        """Yield what keeps the state of something found there before trued changes it."""
        return ()

    def leaves(self, name: str, have: T) -> str:
        """Return why something of ours that Git stopped declaring has to stay, or nothing."""
        return ""

    def clings(self, name: str, have: T) -> str:
        """
        Return why something of ours that is to go has to stay after all, or nothing: something still uses it.

        Asked of a `late` kind only, right before it would go: what was to leave it alone has done so by then.
        """
        return ""

    def claimed(self, have: T) -> bool:
        """Return whether this is a stray: a want claims the place, so it goes, whoever put it there."""
        return False

    def notices(self, probe: Probe) -> Iterable[str]:
        """Yield what a person should know of this host, though nothing follows from it. Asked in each cycle: cheap."""
        return ()

    def survey(self, probe: Probe) -> Iterable[Found]:
        """Yield entries that describe what is on this host, such that a plan for them is empty; raises HostError."""
        return ()


AnyKind: TypeAlias = Kind[Any, Any]


def files_among(declared: Collection[ResourceId], *paths: PurePosixPath | str) -> Iterator[ResourceId]:
    """Yield those of these paths that are declared as files."""
    return (rid for path in paths if (rid := ResourceId("file", str(path))) in declared)


class Library(Mapping[str, AnyKind]):
    """Kinds by their names, in order. One is imported when it is first asked for: a host pays for what it uses."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)
        self._loaded: dict[str, AnyKind] = {}

    def __getitem__(self, name: str) -> AnyKind:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = importlib.import_module(f"{__name__}.{name}").KIND
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def discover() -> Library:
    """Return every kind of this package by its module's name: the module's `KIND`."""
    return Library(module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")


def used(kinds: Mapping[str, AnyKind], *ids: Iterable[ResourceId]) -> Mapping[str, AnyKind]:
    """Return those of the kinds that these ids are of."""
    names = {rid.kind for some in ids for rid in some}
    return {name: kinds[name] for name in sorted(names) if name in kinds}


def of_section(kinds: Mapping[str, AnyKind], section: str) -> tuple[str, AnyKind] | None:
    """Return the kind whose section has this key, and its name. Where the key is no plural of it, all are loaded."""
    likely = (section, section.removesuffix("s"), f"{section.removesuffix('ies')}y")
    names = (*(name for name in likely if name in kinds), *kinds)
    return next(((name, kinds[name]) for name in names if kinds[name].section == section), None)
