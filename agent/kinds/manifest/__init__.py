"""Objects of Kubernetes, from manifests in Git. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from agent.errors import HostError
from agent.host import Probe
from agent.kinds import Kind
from agent.kinds.manifest.expand import expand
from agent.kinds.manifest.names import checked_name, stands_on
from agent.kinds.manifest.observe import observe, recognized
from agent.kinds.manifest.order import habit
from agent.kinds.manifest.spec import ManifestSpec
from agent.kinds.manifest.state import Have, ObjectState, Silent
from agent.kinds.manifest.steps import (
    START,
    bring_about,
    patience,
    strangers,
    take_away,
    why_it_stays,
)
from agent.model import AwaitCluster, Named, ResourceId, Sources, Stale, Step


class Manifest(Kind[ManifestSpec, Have]):
    """An object of the Kubernetes that this host serves."""

    section: ClassVar[str] = "manifests"
    spec = ManifestSpec
    rank: ClassVar[int] = 70
    shorthand: ClassVar[str] = "source"
    late: ClassVar[bool] = True  # the API may come with this plan, and with a definition its objects
    verbatim: ClassVar[bool] = True

    def name(self, written: str) -> str:
        return checked_name(written)

    def expand(self, name: str, spec: ManifestSpec, tree: Sources) -> Iterable[tuple[str, ManifestSpec]]:
        return expand(spec, tree)

    def origin(self, spec: ManifestSpec) -> str:
        return spec.place

    def keeps(self, spec: ManifestSpec) -> bool:
        return spec.kept

    def habit(self, name: str) -> int:
        return habit(Named.parse(name))

    def fingerprint(self, spec: ManifestSpec) -> object:
        return (spec.digest, spec.adopt)

    def edges(self, name: str, want: ManifestSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        return stands_on(name, declared)

    def observe(
        self, probe: Probe, wants: Mapping[str, ManifestSpec | None]
    ) -> Mapping[str, Have | HostError | None]:
        return observe(probe, wants)

    def recognize(self, probe: Probe) -> Iterable[str]:
        return recognized(probe)

    def exists(self, have: Have) -> bool:
        return isinstance(have, ObjectState) and have.there

    def prepare(
        self, wants: Mapping[str, ManifestSpec | None], haves: Mapping[str, Have | HostError | None]
    ) -> Iterable[Step]:
        """Wait for the API server, where none answers: what starts it has been done just now."""
        if any(isinstance(have, Silent) and have.everything for have in haves.values()):
            yield AwaitCluster(patience=START, why="the API server is ready")

    def steps(
        self, name: str, want: ManifestSpec | None, have: Have | None, *, stale: Stale
    ) -> Iterable[Step]:
        return take_away(name, have) if want is None else bring_about(name, want, have)

    def health(self, name: str, want: ManifestSpec, have: Have) -> str:
        if not isinstance(have, ObjectState) or have.health.state == "current" or not want.wait:
            return ""
        return have.health.reason

    def patience(self, name: str, want: ManifestSpec | None, have: Have) -> float:
        return patience(want, have) if isinstance(have, ObjectState) else 0.0

    def leaves(self, name: str, have: Have) -> str:
        return why_it_stays(name, have) if isinstance(have, ObjectState) else ""

    def objection(
        self, name: str, want: ManifestSpec | None, have: Have | None, going: Collection[str]
    ) -> str:
        return strangers(name, have, going) if want is None and isinstance(have, ObjectState) else ""


KIND = Manifest()
