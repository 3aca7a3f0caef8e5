"""What there is of a network, as far as it matters; and in what it differs from what is declared. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from agent.kinds._engine.names import DECLARED
from agent.kinds._engine.networks import NetworkSpec
from agent.model import Json
from agent.values import dataclass

OPTIONAL: Final = ("driver_opts.", "ipam.options.", "labels.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkState:
    """What the engine says of a network."""

    values: Mapping[str, str]  # by the key that declares it
    pools: tuple[Json, ...]  # IPAMConfig
    label: str | None  # what was declared when trued made it; None: it did not
    guests: tuple[str, ...] = ()  # containers that run in it; only looked at if it is to go
    strangers: tuple[str, ...] = ()  # those of them that trued did not make


def state_of(inspected: Json, guests: Iterable[str] = (), strangers: Iterable[str] = ()) -> NetworkState:
    """Return what matters of a network as `docker network inspect` prints it."""
    ipam: Mapping[str, Any] = inspected.get("IPAM") or {}
    labels: Mapping[str, str] = inspected.get("Labels") or {}
    values = {
        "driver": str(inspected.get("Driver", "")),
        "attachable": _truth(inspected.get("Attachable")),
        "enable_ipv6": _truth(inspected.get("EnableIPv6")),
        "internal": _truth(inspected.get("Internal")),
        "ipam.driver": str(ipam.get("Driver") or "default"),
    }
    pairs = {"driver_opts": inspected.get("Options"), "ipam.options": ipam.get("Options"), "labels": labels}
    for key, found in pairs.items():
        values |= {f"{key}.{name}": str(value) for name, value in (found or {}).items()}
    return NetworkState(
        values=values,
        pools=tuple(ipam.get("Config") or ()),
        label=labels.get(DECLARED),
        guests=tuple(sorted(guests)),
        strangers=tuple(sorted(strangers)),
    )


def differences(want: NetworkSpec, have: NetworkState) -> Iterator[str]:
    """
    Yield in what a network is not as declared.

    The engine fills in what was left out, such as a subnet, and adds options of its own: none of that is a difference.
    """
    declared = want.declared
    always = {
        "driver": want.driver,
        "enable_ipv6": _truth(want.enable_ipv6),
        "internal": _truth(want.internal),
    }
    # Podman keeps no `attachable`, and without swarm nothing follows from it.
    beside = {"ipam.config"} if want.driver == "overlay" else {"ipam.config", "attachable"}
    for key, wanted in {**always, **declared}.items():
        found = have.values.get(key)
        if key not in beside and found != wanted:
            yield _difference(key, wanted, found)
    for pool in want.ipam.config:
        if not any(_is_like(found, pool.request) for found in have.pools):
            yield f"it has no subnet {pool.subnet} as declared"


def _difference(key: str, wanted: str, found: str | None) -> str:
    """Tell of one key; never a value of an option or a label: it may be a secret."""
    if found is None:
        return f"{key} is not set"
    return f"{key} is another one" if key.startswith(OPTIONAL) else f"{key} is {found}, wanted {wanted}"


def _truth(value: object) -> str:
    return "true" if value else "false"


def _is_like(found: Json, wanted: Json) -> bool:
    return all(_same(found.get(key), value) for key, value in wanted.items())


def _same(found: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_same(found.get(key), wanted[key]) for key in wanted)
    return _address(str(found), str(wanted)) == wanted


def _address(found: str, wanted: str) -> str:
    """Return an address or network as it is usually written; the length of a gateway's network is left out."""
    try:
        if "/" in wanted:
            return str(ipaddress.ip_network(found, strict=False))
        return str(ipaddress.ip_interface(found).ip)
    except ValueError:
        return found
