"""Which networks a container is in, and under which names and addresses. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, TypeAlias

from agent.kinds._engine.names import DEFAULT_NETWORK, checked_name
from agent.kinds._service import refused
from agent.kinds._service.values import Address, Mac, Pairs, Whole
from agent.model import quoted
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """How a container is in one network."""

    aliases: tuple[str, ...] = field(default=(), metadata={"doc": "other names that it has there"})
    ipv4_address: Address | None = field(default=None, metadata={"doc": "its address there"})
    ipv6_address: Address | None = field(default=None, metadata={"doc": "its IPv6 address there"})
    link_local_ips: tuple[Address, ...] = field(
        default=(), metadata={"doc": "link-local addresses that it has, too"}
    )
    mac_address: Mac | None = field(
        default=None, metadata={"doc": "its MAC address there; takes API 1.44 (Docker 25)"}
    )
    driver_opts: Pairs = field(default=(), metadata={"doc": "options of the network's driver"})
    priority: Whole = field(
        default=Whole(0), metadata={"doc": "the highest is connected first; 0 if not given"}
    )

    REFUSED: ClassVar[Mapping[str, str]] = refused.NETWORK

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.ipv4_address and ipaddress.ip_address(self.ipv4_address).version != 4:
            raise ValueError(f"expected an IPv4 address for ipv4_address, got {quoted(self.ipv4_address)}")
        if self.ipv6_address and ipaddress.ip_address(self.ipv6_address).version != 6:
            raise ValueError(f"expected an IPv6 address for ipv6_address, got {quoted(self.ipv6_address)}")


Networks: TypeAlias = tuple[str, ...] | Mapping[str, Attachment | None]


def attachments(networks: Networks) -> dict[str, Attachment]:
    """
    Return the networks by their names on the engine, first things first; none given: the one of trued.

    By priority, and those of one priority by name, as `NetworksByPriority` of compose-go does.
    """
    given = dict.fromkeys(networks) if isinstance(networks, tuple) else networks
    known = {name: one or Attachment() for name, one in (given or {"default": None}).items()}
    order = sorted(known, key=lambda name: (-known[name].priority, name))
    return {DEFAULT_NETWORK if name == "default" else name: known[name] for name in order}


def checked_networks(networks: Networks) -> None:
    """Raise ValueError for a name that no network has, or that is there twice."""
    for name in networks:
        checked_name(name)
    if len(set(networks)) < len(networks):
        raise ValueError("a network is named twice")


@dataclass(frozen=True, slots=True)
class Hosts:
    """An entry of the list form of `extra_hosts`: `name=address` or `name:address`."""

    name: str
    addresses: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Hosts:
        sign = "=" if "=" in text else ":"
        name, found, addresses = text.partition(sign)
        if not found or not name:
            raise ValueError(f'expected "name=address", got {quoted(text)}')
        return cls(name, tuple(addresses.split(",")))


HostList: TypeAlias = Mapping[str, str | tuple[str, ...]] | tuple[Hosts, ...]


def hosts(written: HostList) -> dict[str, tuple[str, ...]]:
    """Return the addresses by name; raises ValueError for what is no name or address."""
    found: dict[str, tuple[str, ...]] = {}
    if isinstance(written, Mapping):
        found = {name: (one,) if isinstance(one, str) else one for name, one in written.items()}
    else:
        for one in written:
            found[one.name] = (*found.get(one.name, ()), *one.addresses)
    return {_host(name): tuple(_plain(address) for address in found[name]) for name in sorted(found)}


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise ValueError(f"expected a host name in extra_hosts, got {quoted(name)}")
    return name


def _plain(address: str) -> str:
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if bare == "host-gateway":
        return bare
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise ValueError(
            f"expected an IP address or host-gateway in extra_hosts, got {quoted(address)}"
        ) from None
