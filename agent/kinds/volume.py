"""Volumes of the container engine: made where they are missing, and never removed. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Final, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.kinds import Kind
from agent.kinds._engine.declared import changed, digests
from agent.kinds._engine.ground import Silent, asked, ground_among
from agent.kinds._engine.names import DECLARED, checked_name
from agent.kinds._engine.networks import NAMED_BY_ENTRY
from agent.kinds._engine.pairs import Pairs, labels_of
from agent.model import Json, PutVolume, ResourceId, Stale, Step, few
from agent.values import dataclass

DRIVER: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """The keys of a volume of the Compose specification (07-volumes.md)."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "name": NAMED_BY_ENTRY,
        "state": "a volume may hold data, and trued removes none; by hand: docker volume rm NAME",
    }

    driver: str = field(default=DRIVER, metadata={"doc": "what the volume is made by: local, or a plugin"})
    driver_opts: Mapping[str, str] = field(
        default_factory=dict, repr=False, metadata={"doc": "options of the driver", "secret": True}
    )
    labels: Pairs = field(
        default_factory=dict, metadata={"doc": "labels: a mapping, or a list of KEY=VALUE"}
    )
    external: bool = field(
        default=False, metadata={"doc": "whether somebody else makes it: trued only wants it there"}
    )

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        object.__setattr__(self, "labels", labels_of(self.labels))
        if self.external and (self.declared or self.labels):
            raise ValueError(f"an external volume is somebody else's: it has no {next(iter(self._every()))}")
        if not self.driver:
            raise ValueError("driver: expected a name, as in local")

    @property
    def declared(self) -> Mapping[str, str]:
        """What is declared, key by key, and no defaults; but labels, which a volume gets only when it is made."""
        driver = {} if self.driver == DRIVER else {"driver": self.driver}
        return driver | {f"driver_opts.{key}": value for key, value in self.driver_opts.items()}

    def _every(self) -> Iterator[str]:
        yield from self.declared
        yield "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeState:
    """What the engine says of a volume."""

    driver: str
    options: Mapping[str, str] = field(repr=False)
    label: str | None  # what was declared when trued made it; None: it did not


Have: TypeAlias = VolumeState | Silent


class Volume(Kind[VolumeSpec, Have]):
    """A place for data that outlives containers."""

    section: ClassVar[str] = "volumes"
    spec = VolumeSpec
    rank: ClassVar[int] = 51
    late: ClassVar[bool] = True  # the engine may come with this plan, and what it has is known only then

    def name(self, written: str) -> str:
        return checked_name(written)

    def fingerprint(self, spec: VolumeSpec) -> object:
        labels: Any = spec.labels
        return (digests(spec.declared), labels, spec.external)

    def edges(self, name: str, want: VolumeSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        return ground_among(declared)

    def observe(
        self, probe: Probe, wants: Mapping[str, VolumeSpec | None]
    ) -> Mapping[str, Have | HostError | None]:
        found = asked(probe, lambda engine: engine.volumes())
        if isinstance(found, Silent):
            return dict.fromkeys(wants, found)
        return {name: _state(found[name]) if name in found else None for name in wants}

    def exists(self, have: Have) -> bool:
        return isinstance(have, VolumeState)

    def steps(
        self, name: str, want: VolumeSpec | None, have: Have | None, *, stale: Stale
    ) -> Iterable[Step]:
        if want is None:
            return
        if isinstance(have, Silent):
            raise have.error
        if have is None and want.external:
            raise HostError(
                f"there is no volume {name}, and it is declared to be somebody else's",
                hint=f"docker volume create {name}; or take `external` out, and trued makes it",
            )
        if have is None:
            yield PutVolume(name=name, config=_request(want), why="volume is missing")
        elif not want.external and (keys := _differences(want, have)):
            raise HostError(
                f"volume {name} is not as declared, and cannot be changed without losing what is in it: {few(keys)}",
                hint=f"save its data and remove it, and trued makes it anew: docker volume rm {name};"
                " or declare what it is, or another one",
            )

    def leaves(self, name: str, have: Have) -> str:
        return f"a volume may hold data; by hand: docker volume rm {name}"


def _state(inspected: Json) -> VolumeState:
    return VolumeState(
        driver=str(inspected.get("Driver", "")),
        options={key: str(value) for key, value in (inspected.get("Options") or {}).items()},
        label=(inspected.get("Labels") or {}).get(DECLARED),
    )


def _differences(want: VolumeSpec, have: VolumeState) -> tuple[str, ...]:
    """Return the keys that are otherwise: than when trued made it, or, of somebody else's, than what is declared."""
    keys = changed(have.label, want.declared)
    if keys is not None:
        return keys
    options = {key for key, value in want.driver_opts.items() if have.options.get(key) != value}
    driver = () if have.driver == want.driver else ("driver",)
    return (*driver, *sorted(f"driver_opts.{key}" for key in options))


def _request(want: VolumeSpec) -> Json:
    """Return what the engine is asked for: POST /volumes/create, but the name."""
    labels: Any = want.labels
    every = {
        "Driver": want.driver,
        "DriverOpts": dict(want.driver_opts),
        "Labels": {**labels, DECLARED: digests(want.declared)},
    }
    return {key: value for key, value in every.items() if value}


KIND = Volume()
