"""Networks of the container engine. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.host.servers import Engine
from agent.kinds import Kind
from agent.kinds._engine.declared import changed, digests
from agent.kinds._engine.ground import Silent, asked, ground_among
from agent.kinds._engine.names import DECLARED, DEFAULT_NETWORK, checked_name
from agent.kinds._engine.networks import NetworkSpec
from agent.kinds._engine.users import containers, strangers_among, used_by_strangers
from agent.kinds._words import why_gone
from agent.kinds.network.live import NetworkState, differences, state_of
from agent.model import Json, PutNetwork, RemoveNetwork, ResourceId, Stale, Step, few

Have: TypeAlias = NetworkState | Silent

PREDEFINED: Final = frozenset(("bridge", "host", "none"))


class Network(Kind[NetworkSpec, Have]):
    """A network that containers are in."""

    section: ClassVar[str] = "networks"
    spec = NetworkSpec
    rank: ClassVar[int] = 50
    shorthand: ClassVar[str] = "state"
    late: ClassVar[bool] = True  # the engine may come with this plan, and what it has is known only then

    def name(self, written: str) -> str:
        if written in PREDEFINED:
            raise ValueError(f"the network {written} is the engine's own: it is there, and is not declared")
        return DEFAULT_NETWORK if written == "default" else checked_name(written)

    def implied(self, spec: NetworkSpec) -> bool:
        return spec.implied

    def absent(self, spec: NetworkSpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: NetworkSpec) -> object:
        return (spec.state, spec.external, spec.implied, spec.declared)

    def edges(self, name: str, want: NetworkSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        return ground_among(declared)

    def observe(
        self, probe: Probe, wants: Mapping[str, NetworkSpec | None]
    ) -> Mapping[str, Have | HostError | None]:
        found = asked(probe, lambda engine: dict(_observed(engine, wants)))
        return dict.fromkeys(wants, found) if isinstance(found, Silent) else found

    def exists(self, have: Have) -> bool:
        return isinstance(have, NetworkState)

    def steps(
        self, name: str, want: NetworkSpec | None, have: Have | None, *, stale: Stale
    ) -> Iterable[Step]:
        if isinstance(have, Silent):
            raise have.error
        if want is None or self.absent(want):
            if have is not None and (want is not None or have.label is not None):
                yield RemoveNetwork(name=name, why=why_gone(want))
        elif want.external:
            if have is None:
                raise HostError(
                    f"there is no network {name}, and it is declared to be somebody else's",
                    hint=f"docker network create {name}; or take `external` out, and trued makes it",
                )
        elif have is None:
            yield PutNetwork(name=name, config=request(want), why="network is missing")
        else:
            yield from _corrections(name, want, have)

    def objection(
        self, name: str, want: NetworkSpec | None, have: Have | None, going: Collection[str]
    ) -> str:
        if want is None or not self.absent(want) or not isinstance(have, NetworkState) or not have.strangers:
            return ""
        return f"network {name} is {used_by_strangers(have.strangers)}"

    def leaves(self, name: str, have: Have) -> str:
        if not isinstance(have, NetworkState):
            return ""
        if have.label is None:
            return "trued did not make it"
        return used_by_strangers(have.strangers)

    def clings(self, name: str, have: Have) -> str:
        """Return who of trued's own is in it still: one that could not be changed, or was declared to be kept."""
        guests = have.guests if isinstance(have, NetworkState) else ()
        return f"used by {containers(guests)}" if guests else ""


def _observed(
    engine: Engine, wants: Mapping[str, NetworkSpec | None]
) -> Iterator[tuple[str, NetworkState | None]]:
    networks = engine.networks()
    for name, want in wants.items():
        there = networks.get(name)
        if there is None:
            yield name, None
        else:
            goes = want is None or want.state == "absent"
            guests = [guest["Name"] for guest in (there.get("Containers") or {}).values()] if goes else []
            yield name, state_of(there, guests, strangers_among(engine, guests))


def _corrections(name: str, want: NetworkSpec, have: NetworkState) -> Iterator[Step]:
    keys = changed(have.label, want.declared)
    if keys is None:
        if found := tuple(differences(want, have)):
            raise HostError(
                f"network {name} is not as declared, and trued did not make it: {few(found)}",
                hint=f"remove it, and trued makes it: docker network rm {name}; or declare `external: true`",
            )
    elif keys:
        yield PutNetwork(name=name, config=request(want), why=f"{few(keys)}: declared otherwise")


def request(want: NetworkSpec) -> Json:
    """Return what the engine is asked for: POST /networks/create, but the name."""
    labels: Any = want.labels
    ipam = {
        "Driver": want.ipam.driver,
        "Config": [pool.request for pool in want.ipam.config],
        "Options": dict(want.ipam.options),
    }
    every = {
        "Driver": want.driver,
        "CheckDuplicate": True,  # before API 1.44, an engine else makes a second one of the same name
        "Options": dict(want.driver_opts),
        "Attachable": want.attachable,
        "EnableIPv6": want.enable_ipv6,
        "Internal": want.internal,
        "IPAM": {}
        if want.ipam == type(want.ipam)()
        else {key: value for key, value in ipam.items() if value},
        "Labels": {**labels, DECLARED: digests(want.declared)},
    }
    return {key: value for key, value in every.items() if value}


KIND = Network()
