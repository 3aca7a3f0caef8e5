"""What a container engine itself stands on, and what is known of its things while it does not answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, TypeVar

from agent.errors import HostError
from agent.host import Probe
from agent.host.servers import Engine
from agent.kinds._unknown import Unknown
from agent.model import ResourceId

T = TypeVar("T")

# Docker's and Podman's packages, units and settings, by the names that distributions and Docker itself give them.
GROUND: Final = (
    *(
        ResourceId("package", name)
        for name in ("docker.io", "docker-ce", "moby-engine", "docker", "containerd.io", "podman")
    ),
    *(ResourceId("unit", name) for name in ("docker.service", "docker.socket", "podman.socket")),
    ResourceId("file", "/etc/docker/daemon.json"),
)


class Silent(Unknown):
    """No engine answers: nothing is known of what it has."""

    __slots__ = ()


def ground_among(declared: Collection[ResourceId]) -> Iterator[ResourceId]:
    """Yield those of `declared` that the engine of this host may stand on: they come before what it has."""
    return (rid for rid in GROUND if rid in declared)


def asked(probe: Probe, ask: Callable[[Engine], T]) -> T | Silent:
    """Return what the engine answers."""
    try:
        return ask(probe.engine())
    except HostError as error:
        return Silent(reason=str(error), hint=error.hint)
