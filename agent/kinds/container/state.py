"""What there is of a container, as far as it matters to what is declared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from agent.kinds._engine.names import DECLARED
from agent.kinds._service.resources import tuned
from agent.model import Json
from agent.values import dataclass

ENDED: Final = frozenset({"exited", "dead"})


# What of another container it may live in: by the key that declares it, where the engine says it.
SHARED: Final[Mapping[str, str]] = {"network_mode": "NetworkMode", "ipc": "IpcMode", "pid": "PidMode"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How a container is in one network; addresses that nobody asked for are left out."""

    aliases: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()  # names that the engine may give it as aliases, though nobody asked
    ipv4: str = ""
    ipv6: str = ""
    lost: bool = False  # the network has been made anew, and the container does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """
    A container at one moment, and what else of the host decides what becomes of it.

    `status` is State.Status of `docker inspect`; nothing means that there is none of this name.
    """

    status: str = ""
    exit_code: int = 0
    error: str = ""  # why it could not be started
    health: str = ""  # starting, healthy, unhealthy; nothing: nobody asks
    said: str = ""  # why it is not well: what its health check printed, or the end of its log
    label: str | None = None  # what was declared when trued made it; None: trued did not
    reference: str = ""  # what it was made from, as it was written then
    image: str = ""  # id of the image that it was made from
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    tuned: Json = field(default_factory=dict)  # what can be changed in it: as `tunable` has it
    networks: Mapping[str, Link] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)  # other containers, by the key in SHARED
    parted: tuple[str, ...] = ()  # keys in SHARED whose container has been made anew
    restarts: int = 0  # by the engine itself, since somebody started it
    started: str = ""  # when, as RFC 3339 has it
    flaps: bool = False  # it ended a moment ago, and not for the first time
    lacking: Mapping[str, str] = field(
        default_factory=dict
    )  # limits that cannot be had here, with the reason
    api: str = "1.41"  # the version that is spoken with the engine
    called: str = ""  # by which other name it goes now, if somebody has renamed it
    leftovers: bool = False  # a recreation was cut short
    current: str = ""  # id of the image that its reference stands for on this host now; nothing: not here
    newer: str = ""  # what the registry has for its reference, if that is not here yet
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)  # files of the host, by path

    @property
    def there(self) -> bool:
        return bool(self.status)

    @property
    def runs(self) -> bool:
        return self.status in {"running", "paused"}

    @property
    def done(self) -> bool:
        """Whether it has come to a good end."""
        return self.status == "exited" and self.exit_code == 0 and not self.error


def state_of(inspected: Json, networks: Mapping[str, Json]) -> ContainerState:
    """Return what matters of a container as `docker inspect` prints it."""
    state, config = inspected["State"], inspected["Config"]
    health = state.get("Health") or state.get("Healthcheck") or {}
    labels: Mapping[str, str] = config.get("Labels") or {}
    return ContainerState(
        status=str(state["Status"]),
        exit_code=int(state.get("ExitCode") or 0),
        error=" ".join(str(state.get("Error") or "").split()),
        health={"none": ""}.get(health.get("Status", ""), health.get("Status", "")),
        said=_last(health) if health.get("Status") == "unhealthy" else "",
        label=labels.get(DECLARED),
        restarts=int(inspected.get("RestartCount") or 0),
        started=str(state.get("StartedAt") or ""),
        reference=str(config.get("Image", "")),
        image=str(inspected["Image"]),
        environment=dict(one.partition("=")[::2] for one in config.get("Env") or ()),
        tuned=tuned(inspected["HostConfig"]),
        shares=_shares(inspected["HostConfig"]),
        networks={
            name: _link(name, inspected, endpoint or {}, networks.get(name))
            for name, endpoint in (inspected["NetworkSettings"].get("Networks") or {}).items()
        },
    )


def _shares(config: Json) -> Mapping[str, str]:
    modes = {key: str(config.get(said) or "").partition(":") for key, said in SHARED.items()}
    return {key: other for key, (kind, _, other) in modes.items() if kind == "container"}


def _last(health: Mapping[str, Any]) -> str:
    log = health.get("Log") or ()
    return " ".join(str(log[-1].get("Output") or "").split())[:200] if log else ""


def _link(name: str, inspected: Json, endpoint: Mapping[str, Any], network: Json | None) -> Link:
    asked: Mapping[str, Any] = endpoint.get("IPAMConfig") or {}
    own = {str(inspected["Id"])[:12], str(inspected["Config"].get("Hostname", ""))}
    known = str(endpoint.get("NetworkID") or name)  # Podman gives the name there
    return Link(
        aliases=frozenset(endpoint.get("Aliases") or ()),
        own=frozenset(own),
        ipv4=str(asked.get("IPv4Address") or ""),
        ipv6=str(asked.get("IPv6Address") or ""),
        lost=network is not None and known not in {name, network.get("Id")},
    )
