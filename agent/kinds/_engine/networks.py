"""A network as it is declared; or as it follows from a container that names none. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Final, Literal, TypeAlias

from agent.kinds._engine.pairs import Pairs, labels_of
from agent.model import Json, quoted
from agent.values import dataclass

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

DRIVER: Final = "bridge"
IPAM_DRIVER: Final = "default"
NAMED_BY_ENTRY: Final = "the name of the entry is the name on the host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Addresses of a network."""

    subnet: str = field(metadata={"doc": "the addresses of the network, as in 172.28.0.0/16"})
    ip_range: str = field(
        default="", metadata={"doc": "the part of them that containers get, as in 172.28.5.0/24"}
    )
    gateway: str = field(default="", metadata={"doc": "the address of the host in it, as in 172.28.0.1"})
    aux_addresses: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"doc": "addresses that no container gets, by the name of who has them"},
    )

    def __post_init__(self) -> None:
        """Raise ValueError for what Docker Engine would not take."""
        subnet = _network(self.subnet, "subnet")
        if self.ip_range and not _within(_network(self.ip_range, "ip_range"), subnet):
            raise ValueError(f"ip_range: {self.ip_range} is not within {subnet}")
        for key, address in {
            "gateway": self.gateway,
            **{f"aux_addresses.{name}": address for name, address in self.aux_addresses.items()},
        }.items():
            if address and _address(address, key) not in subnet:
                raise ValueError(f"{key}: {address} is not within {subnet}")

    @property
    def request(self) -> Json:
        """This as the API of Docker Engine has it: IPAMConfig."""
        every = {
            "Subnet": str(_network(self.subnet, "")),
            "IPRange": str(_network(self.ip_range, "")) if self.ip_range else "",
            "Gateway": str(_address(self.gateway, "")) if self.gateway else "",
            "AuxiliaryAddresses": {
                name: str(_address(address, "")) for name, address in sorted(self.aux_addresses.items())
            },
        }
        return {key: value for key, value in every.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipam:
    """How addresses are given in a network."""

    driver: str = field(default=IPAM_DRIVER, metadata={"doc": "who gives addresses"})
    config: tuple[Pool, ...] = field(
        default=(), metadata={"doc": "the addresses there are; else the engine chooses"}
    )
    options: Mapping[str, str] = field(default_factory=dict, metadata={"doc": "options of that driver"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """The keys of a network of the Compose specification (06-networks.md)."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "name": NAMED_BY_ENTRY,
        "enable_ipv4": "engines before Docker 28 know no network without IPv4",
    }

    state: Literal["present", "absent"] = field(
        default="present", metadata={"doc": "whether the network is to be there: present or absent"}
    )
    driver: str = field(default=DRIVER, metadata={"doc": "what the network is made by: bridge, macvlan, …"})
    driver_opts: Mapping[str, str] = field(default_factory=dict, metadata={"doc": "options of the driver"})
    attachable: bool = field(
        default=False, metadata={"doc": "whether containers may join it that no service started (overlay)"}
    )
    enable_ipv6: bool = field(default=False, metadata={"doc": "whether it has IPv6 addresses, too"})
    internal: bool = field(default=False, metadata={"doc": "whether there is no way out of it"})
    ipam: Ipam = field(default_factory=Ipam, metadata={"doc": "which addresses it has"})
    labels: Pairs = field(
        default_factory=dict, metadata={"doc": "labels: a mapping, or a list of KEY=VALUE"}
    )
    external: bool = field(
        default=False, metadata={"doc": "whether somebody else makes it: trued only wants it there"}
    )
    implied: bool = field(default=False, metadata={"hidden": True})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        object.__setattr__(self, "labels", labels_of(self.labels))
        if self.state == "absent" and (self.external or self.declared):
            raise ValueError("a network that is absent has no other keys")
        if self.external and self.declared:
            raise ValueError(
                f"an external network is somebody else's: it has no {next(iter(self.declared))}"
            )
        if not self.driver or not self.ipam.driver:
            raise ValueError("driver: expected a name, as in bridge")

    @property
    def declared(self) -> Mapping[str, str]:
        """What is declared, key by key, and no defaults: as it is remembered in the label of the network."""
        return dict(self._declared())

    def _declared(self) -> Iterator[tuple[str, str]]:
        words = {"driver": (self.driver, DRIVER), "ipam.driver": (self.ipam.driver, IPAM_DRIVER)}
        yield from ((key, given) for key, (given, usual) in words.items() if given != usual)
        for key in ("attachable", "enable_ipv6", "internal"):
            if getattr(self, key):
                yield key, "true"
        if self.ipam.config:
            yield "ipam.config", json.dumps([pool.request for pool in self.ipam.config], sort_keys=True)
        for key, pairs in self._pairs().items():
            yield from ((f"{key}.{name}", value) for name, value in pairs.items())

    def _pairs(self) -> Mapping[str, Mapping[str, str]]:
        labels: Any = self.labels  # a mapping by now
        return {"driver_opts": self.driver_opts, "ipam.options": self.ipam.options, "labels": labels}


def _network(text: str, key: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{key}: expected a network, as in 172.28.0.0/16, got {quoted(text)}") from error


def _address(text: str, key: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"{key}: expected an address, as in 172.28.0.1, got {quoted(text)}") from error


def _within(part: Network, whole: Network) -> bool:
    if isinstance(part, ipaddress.IPv4Network) and isinstance(whole, ipaddress.IPv4Network):
        return part.subnet_of(whole)
    if isinstance(part, ipaddress.IPv6Network) and isinstance(whole, ipaddress.IPv6Network):
        return part.subnet_of(whole)
    return False
