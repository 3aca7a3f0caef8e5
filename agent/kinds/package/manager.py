"""
What a package manager is to trued: it is asked through a `Probe`, and answers with values and with commands.

One module for each (apt.py); the rest of the kind knows these protocols only, and no manager's words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import ClassVar, Protocol

from agent.host import Probe
from agent.model import Run
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One package that is on the host, whole or in part."""

    name: str  # without its architecture
    architecture: str
    version: str
    whole: bool  # installed and configured
    trouble: str = ""  # what is the matter with one that is not whole, in the manager's own word
    reinstall: bool = False  # and only installing it once more helps
    residue: bool = False  # only its configuration is left
    held: bool = False
    auto: bool = False  # installed because another one needs it, and not for its own sake
    usual: bool = False  # part of every host of this distribution
    vital: bool = False  # essential: the host does not work without it
    provides: tuple[str, ...] = ()

    @property
    def there(self) -> bool:
        """Whether more of it is there than its configuration."""
        return not self.residue


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """All packages of a host, by name."""

    native: str  # architecture
    packages: Mapping[str, tuple[Installed, ...]] = field(repr=False)
    interrupted: bool = False  # the manager was killed while it wrote: it says no until that is mended
    broken: tuple[str, ...] = ()  # those that are there and not whole, as `called`

    def find(self, name: str) -> Installed | None:
        """Return what an id names: of several architectures the host's own, if none is said."""
        plain, _, said = name.partition(":")
        architecture = said or self.native
        wanted = {architecture, "all"} if architecture == self.native else {architecture}
        found = [one for one in self.packages.get(plain, ()) if one.architecture in wanted]
        return max(found, key=lambda one: one.there, default=None)

    def called(self, one: Installed) -> str:
        """Return the name by which an id names this one."""
        return one.name if one.architecture in {self.native, "all"} else f"{one.name}:{one.architecture}"

    def plain(self, name: str) -> str:
        """Return an id's name without the architecture, where that is the host's own."""
        return name.removesuffix(f":{self.native}")

    def providers(self, name: str) -> tuple[str, ...]:
        """Return the names of those installed that provide a virtual package."""
        every = (one for group in self.packages.values() for one in group)
        return tuple(sorted(self.called(one) for one in every if one.whole and name in one.provides))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Which versions the index has of one package."""

    candidate: str = ""  # the one that the host's own settings prefer; empty: none of them
    versions: tuple[str, ...] = ()  # that a source has, newest first
    order: tuple[str, ...] = ()  # these and the installed one, newest first
    virtual: bool = False  # no source ever had a version: others provide it, or only name it


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """How old the index of packages is."""

    age: float | None  # seconds since it was last read anew; None: it never was, or nobody can tell
    tried: float | None  # seconds since somebody last tried
    outrun: bool  # the settings have changed since


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of the manager for one package, in one transaction with others."""

    name: str
    version: str = ""  # to install; empty with `remove`, or to leave it to the manager
    remove: bool = False
    recommends: bool | None = None
    downgrade: bool = False
    again: bool = False  # though this version is there: only in part


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What the manager would do; names as in ids."""

    words: str = ""  # why it cannot be done at all
    installs: Mapping[str, str] = field(default_factory=dict)  # version by name
    upgrades: Mapping[str, tuple[str, str]] = field(
        default_factory=dict
    )  # version before and after, by name
    removes: tuple[str, ...] = ()

    @property
    def touched(self) -> frozenset[str]:
        return frozenset((*self.installs, *self.upgrades, *self.removes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Commands of one manager that a message names as the way out, between backticks; {} is the package."""

    audit: str  # tells what is not whole
    offers: str  # tells which versions there are, and which one is preferred
    repair: str  # finishes what was begun
    tidy: str  # removes what is needed no more
    unhold: str


class Manager(Protocol):
    """One package manager. What only looks raises HostError; the rest is pure."""

    name: ClassVar[str]
    hints: ClassVar[Hints]
    place: ClassVar[str]  # a path that is there where it is the host's manager
    written: ClassVar[tuple[str, ...]]  # the paths of all that its database is read from
    settings: ClassVar[tuple[str, ...]]  # what is declared below these folders comes before packages

    def database(self, probe: Probe) -> Database: ...

    def offers(self, probe: Probe, names: Collection[str]) -> Mapping[str, Offer]:
        """Return what the index has of these; a name that it does not know is left out."""

    def near(self, probe: Probe, name: str) -> tuple[str, ...]:
        """Return names in the index that resemble one that is not in it."""

    def providers(self, probe: Probe, name: str) -> tuple[str, ...]:
        """Return names in the index of what provides a virtual package."""

    def index(self, probe: Probe) -> Index: ...

    def damage(self, probe: Probe) -> tuple[PurePosixPath, ...]:
        """Return the manager's files that a crash has left torn, and that it makes anew once they are gone."""

    def simulate(self, probe: Probe, orders: Collection[Order]) -> Simulation: ...

    def evidence(self, probe: Probe) -> tuple[str, ...]:
        """Return the paths of all that a simulation follows from: while none changes, neither does what it says."""

    def spare(self, probe: Probe) -> tuple[str, ...]:
        """Return what was installed for others and is needed by nobody any more."""

    def base(self, probe: Probe) -> frozenset[str]:
        """Return names of what every host has: its base system, and what that needs."""

    def vital(self, probe: Probe) -> frozenset[str]:
        """Return names of what this host and trued itself run on, beyond what the database says is essential."""

    def transaction(self, order: Order, why: str) -> Run:
        """Return the call for one order; those with equal options are joined into one."""

    def purge(self, name: str, why: str) -> Run: ...

    def hold(self, name: str, why: str) -> Run: ...

    def unhold(self, name: str, why: str) -> Run: ...

    def keep(self, name: str, why: str) -> Run:
        """Return the call after which a package counts as installed for its own sake."""

    def wait(self, why: str) -> Run:
        """Return the call that ends when nobody else is at work, or fails after a while and says who is."""

    def repair(self, why: str) -> Run:
        """Return the call that finishes what was begun and not ended."""

    def reinstall(self, name: str, why: str) -> Run:
        """Return the call that puts one there anew that was only half installed, and removes nothing for it."""

    def refresh(self, why: str) -> Run:
        """Return the call that reads the index anew."""
