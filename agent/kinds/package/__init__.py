"""Packages, by their name in the host's package manager. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds import Found, Kind
from agent.kinds.package import survey
from agent.kinds.package.dpkg import MARKS, STATUS
from agent.kinds.package.managers import MANAGERS
from agent.kinds.package.names import checked_name
from agent.kinds.package.observe import observe
from agent.kinds.package.spec import PackageSpec
from agent.kinds.package.state import State
from agent.kinds.package.steps import leaves, objection, prepare, steps
from agent.model import ResourceId, Stale, Step

_SETTINGS: Final = tuple(place for manager in MANAGERS.values() for place in manager.settings)


class Package(Kind[PackageSpec, State]):
    """One package, in one architecture."""

    section: ClassVar[str] = "packages"
    spec = PackageSpec
    rank: ClassVar[int] = 10
    shorthand: ClassVar[str] = "version"
    late: ClassVar[bool] = True
    in_places: ClassVar[bool] = True

    def name(self, written: str) -> str:
        return checked_name(written)

    def absent(self, spec: PackageSpec) -> bool:
        return spec.absent

    def fingerprint(self, spec: PackageSpec) -> object:
        return spec.fingerprint()

    def edges(self, name: str, want: PackageSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield the sources that it may come from, and the files that say how it is installed."""
        if want.absent:
            return
        for rid in declared:
            if rid.kind == "repository" or (rid.kind == "file" and rid.name.startswith(_SETTINGS)):
                yield rid

    def places(self, name: str, want: PackageSpec) -> Iterable[str]:
        """Yield what dpkg and apt write anew, and rename into place, whenever something is installed or removed."""
        return (STATUS, MARKS)

    def observe(
        self, probe: Probe, wants: Mapping[str, PackageSpec | None]
    ) -> Mapping[str, State | HostError | None]:
        return observe(probe, wants)

    def exists(self, have: State) -> bool:
        return have.there

    def prepare(
        self, wants: Mapping[str, PackageSpec | None], haves: Mapping[str, State | HostError | None]
    ) -> Iterable[Step]:
        return prepare(wants, haves)

    def steps(
        self, name: str, want: PackageSpec | None, have: State | None, *, stale: Stale
    ) -> Iterable[Step]:
        return steps(name, want, have)

    def objection(
        self, name: str, want: PackageSpec | None, have: State | None, going: Collection[str]
    ) -> str:
        return objection(have, going)

    def leaves(self, name: str, have: State) -> str:
        return leaves(have)

    def notices(self, probe: Probe) -> Iterable[str]:
        return survey.notices(probe)

    def survey(self, probe: Probe) -> Iterable[Found]:
        return survey.survey(probe)


KIND = Package()
