"""Containers of Docker Engine or Podman, with the keys of a Compose service. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.kinds import Kind
from agent.kinds._engine.ground import Silent, ground_among
from agent.kinds._engine.images import ImageSpec
from agent.kinds._engine.names import DEFAULT_NETWORK, checked_name
from agent.kinds._engine.networks import NetworkSpec
from agent.kinds._service.asks import (
    depends,
    env_file_paths,
    image_of,
    mounted_files,
    network_names,
    pull_age,
    volume_names,
)
from agent.kinds._service.spec import ContainerSpec
from agent.kinds.container.observe import observe
from agent.kinds.container.state import ContainerState
from agent.kinds.container.steps import first, illness, removal, steps
from agent.model import ResourceId, Sources, Stale, Step

Have: TypeAlias = ContainerState | Silent


class Container(Kind[ContainerSpec, Have]):
    """A container, as a service of the Compose specification declares it."""

    section: ClassVar[str] = "containers"
    spec = ContainerSpec
    rank: ClassVar[int] = 60
    shorthand: ClassVar[str] = "state"
    triggers: ClassVar[tuple[str, ...]] = ("restart_on", "reload_on")
    late: ClassVar[bool] = True

    def name(self, written: str) -> str:
        return checked_name(written)

    def expand(
        self, name: str, spec: ContainerSpec, tree: Sources
    ) -> Iterable[tuple[str | ResourceId, Any]]:
        """Yield the container, and what follows from it: its image, and a network if it names none."""
        if spec.container_name not in {"", name}:
            raise ValueError(
                f"container_name: the name of the entry is the name of the container: call the entry {spec.container_name}"
            )
        if spec.state == "present":
            image = ImageSpec(implied=True, age=pull_age(spec), platform=spec.platform)
            yield ResourceId("image", image_of(spec)), image
            if DEFAULT_NETWORK in network_names(spec):
                yield ResourceId("network", DEFAULT_NETWORK), NetworkSpec(implied=True)
        yield name, spec

    def absent(self, spec: ContainerSpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: ContainerSpec) -> object:
        return spec.fingerprint()

    def edges(
        self, name: str, want: ContainerSpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        near = (
            ResourceId("image", image_of(want)),
            *(ResourceId("network", network) for network in network_names(want)),
            *(ResourceId("volume", volume) for volume in volume_names(want)),
            *(ResourceId("container", other) for other in depends(want)),
            *(ResourceId("file", path) for path in mounted_files(want)),
        )
        yield from dict.fromkeys(rid for rid in near if rid in declared)
        yield from ground_among(declared)

    def listens(
        self, name: str, want: ContainerSpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        """
        Yield the files that are mounted one by one, those with variables, and the containers that take it along.

        A mounted file that is written anew is another one: only a restart shows it to the container.
        """
        for path in (*mounted_files(want), *env_file_paths(want)):
            if (rid := ResourceId("file", path)) in declared and not _is_folder(rid, declared):
                yield rid
        for other, dependency in depends(want).items():
            if dependency.restart and (rid := ResourceId("container", other)) in declared:
                yield rid

    def reloads(
        self, name: str, want: ContainerSpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        """Yield the files below the folders that are mounted: their changes are there at once, and have to be read."""
        for folder in mounted_files(want):
            yield from _below(folder, declared)

    def observe(
        self, probe: Probe, wants: Mapping[str, ContainerSpec | None]
    ) -> Mapping[str, Have | HostError | None]:
        return observe(probe, wants)

    def exists(self, have: Have) -> bool:
        return isinstance(have, ContainerState) and (have.there or have.leftovers)

    def steps(
        self, name: str, want: ContainerSpec | None, have: Have | None, *, stale: Stale
    ) -> Iterable[Step]:
        if isinstance(have, Silent):
            raise have.error
        if want is None or want.state == "absent":
            return removal(name, want, have) if have is not None and self.exists(have) else ()
        return first(name) if have is None else steps(name, want, have, stale)

    def health(self, name: str, want: ContainerSpec, have: Have) -> str:
        return illness(want, have) if isinstance(have, ContainerState) else ""

    def leaves(self, name: str, have: Have) -> str:
        if isinstance(have, ContainerState) and have.there and have.label is None:
            return "it is not the one that trued made"
        return ""


def _is_folder(rid: ResourceId, declared: Collection[ResourceId]) -> bool:
    return next(_below(rid.name, declared), None) is not None


def _below(folder: str, declared: Collection[ResourceId]) -> Iterator[ResourceId]:
    above = f"{folder.rstrip('/')}/"
    return (rid for rid in declared if rid.kind == "file" and rid.name.startswith(above))


KIND = Container()
