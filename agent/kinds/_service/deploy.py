"""What a container may use of its host: `deploy`, `ulimits`, `blkio_config`, `logging`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from agent.kinds._service import refused
from agent.kinds._service.values import Cpus, Pairs, Size, Whole
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that it may use."""

    cpus: Cpus | None = field(default=None, metadata={"doc": "processors: 0.5"})
    memory: Size | None = field(default=None, metadata={"doc": "memory: 64m"})
    pids: Whole | None = field(default=None, metadata={"doc": "processes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations:
    """What it is meant to get."""

    cpus: Cpus | None = field(default=None, metadata={"doc": "processors; without effect, as with Compose"})
    memory: Size | None = field(default=None, metadata={"doc": "memory that it gets when it is scarce: 32m"})

    REFUSED: ClassVar[Mapping[str, str]] = refused.RESERVATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What it may use of its host."""

    limits: Limits = field(default_factory=Limits, metadata={"doc": "the most that it may use"})
    reservations: Reservations = field(
        default_factory=Reservations, metadata={"doc": "what it is meant to get"}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """The part of `deploy` that means something on one host."""

    resources: Resources = field(default_factory=Resources, metadata={"doc": "what it may use of its host"})

    REFUSED: ClassVar[Mapping[str, str]] = refused.DEPLOY


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A limit of each of its processes, see getrlimit(2)."""

    soft: Whole = field(metadata={"doc": "what holds, until it is raised"})
    hard: Whole = field(metadata={"doc": "up to what it may be raised"})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if min(self.soft, self.hard) < -1 or (self.hard != -1 and not -1 < self.soft <= self.hard):
            raise ValueError(
                f"expected soft up to hard, or -1 for no limit, got {self.soft} and {self.hard}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Where its output goes."""

    driver: str = field(
        default="", metadata={"doc": "json-file, local, journald, syslog, none …; as the engine has it"}
    )
    options: Pairs = field(default=(), metadata={"doc": "options of that driver: {max-size: 10m}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """A rate of one device."""

    path: str = field(metadata={"doc": "the device: /dev/sda"})
    rate: Size = field(metadata={"doc": "bytes or operations in a second"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceWeight:
    """A weight on one device."""

    path: str = field(metadata={"doc": "the device: /dev/sda"})
    weight: Whole = field(metadata={"doc": "from 10 to 1000"})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        weighed(self.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blkio:
    """What it may do with block devices."""

    weight: Whole | None = field(default=None, metadata={"doc": "beside other containers, from 10 to 1000"})
    weight_device: tuple[DeviceWeight, ...] = field(default=(), metadata={"doc": "likewise, on one device"})
    device_read_bps: tuple[Throttle, ...] = field(default=(), metadata={"doc": "bytes to read in a second"})
    device_read_iops: tuple[Throttle, ...] = field(default=(), metadata={"doc": "reads in a second"})
    device_write_bps: tuple[Throttle, ...] = field(
        default=(), metadata={"doc": "bytes to write in a second"}
    )
    device_write_iops: tuple[Throttle, ...] = field(default=(), metadata={"doc": "writes in a second"})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.weight is not None:
            weighed(self.weight)


def weighed(weight: int) -> None:
    """Raise ValueError for a weight that the engine would not take."""
    if not 10 <= weight <= 1000 and weight != 0:
        raise ValueError(f"expected a weight from 10 to 1000, got {weight}")
