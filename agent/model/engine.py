"""
Steps that a container engine is asked for, through the API of Docker Engine (1.41 and newer; Podman 4.3 answers it, too).

`config` and the like are request bodies as that API has them. Doing a step twice does no harm.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeAlias

from agent.model.stale import Stale
from agent.values import dataclass

Json: TypeAlias = Mapping[str, Any]


def successor(name: str) -> str:
    """Return what a container is called that is to take the place of another one, until it does."""
    return f"{name}.trued-new"


def predecessor(name: str) -> str:
    """Return what a container is called whose place another one has taken, until that one has proven well."""
    return f"{name}.trued-old"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullImage:
    """Have what a registry knows by a reference here as well, and take up a tag that points elsewhere now."""

    name: str  # the reference: registry.example.com/web:1.2, or with @sha256:…
    platform: str = ""  # os/arch/variant, or that of the engine
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage:
    """Remove an image by its reference; one that a container uses is left, and that is an error."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutContainer:
    """
    Make a container, or a new one in the place of one that there is, and start it.

    The old one is put back if the new one does not start, or is not well within `patience`.
    """

    name: str
    config: Json = field(repr=False)  # POST /containers/create, without NetworkingConfig
    endpoints: Mapping[str, Json] = field(
        default_factory=dict
    )  # EndpointSettings by network, first things first
    patience: float = 60.0  # seconds until it has to run, and be healthy if it has a health check
    fleeting: bool = False  # it may come to its end by itself, with exit code 0
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneContainer:
    """Change what the engine can change in a container without making it anew; what comes first is done first."""

    name: str
    disconnect: tuple[str, ...] = ()  # networks
    connect: Mapping[str, Json] = field(default_factory=dict)  # EndpointSettings by network
    update: Json = field(default_factory=dict)  # POST /containers/{id}/update
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameContainer:
    """Call a container otherwise."""

    name: str  # what it is called
    to: str
    why: str


class Act(enum.StrEnum):
    """What can be asked of a container that is there."""

    START = enum.auto()
    STOP = enum.auto()
    RESTART = enum.auto()
    SIGNAL = enum.auto()
    UNPAUSE = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveContainer:
    """Start, stop, restart, unpause or signal a container."""

    name: str
    act: Act
    signal: str = ""
    unseen: Stale = Stale.NO  # as in Run
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitContainer:
    """Wait until another container is as far as `until` says; it is an error if it never will be."""

    name: str
    until: str  # service_started, service_healthy, service_completed_successfully
    patience: float = 60.0  # seconds
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer:
    """Stop a container and remove it, with what a recreation that was cut short left of it; volumes stay."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutNetwork:
    """Make a network; one that is there is made anew, and the containers in it are connected again."""

    name: str
    config: Json = field(repr=False)  # POST /networks/create, without Name
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNetwork:
    """Remove a network; containers that are still in it are disconnected first."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutVolume:
    """Make a volume that is not there."""

    name: str
    config: Json = field(repr=False)  # POST /volumes/create, without Name
    why: str


EngineStep: TypeAlias = (
    PullImage
    | RemoveImage
    | PutContainer
    | TuneContainer
    | DriveContainer
    | AwaitContainer
    | RemoveContainer
    | RenameContainer
    | PutNetwork
    | RemoveNetwork
    | PutVolume
)
