"""What there is of a network, as far as it matters; and in what it differs from what is declared. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.kinds._engine.names import DECLARED
from agent.kinds._engine.networks import NetworkSpec
from agent.model import Json, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkState:
    """What the engine says of a network."""

    values: Mapping[str, str]  # by the key that declares it
    pools: tuple[Json, ...]  # IPAMConfig
    label: str | None  # what was declared when trued made it; None: it did not
    strangers: tuple[str, ...] = ()  # containers in it that trued did not make, if it is to go


def state_of(inspected: Json, strangers: tuple[str, ...] = ()) -> NetworkState:
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
    pairs = {
        "driver_opts": inspected.get("Options") or {},
        "ipam.options": ipam.get("Options") or {},
        "labels": labels,
    }
    for key, found in pairs.items():
        values |= {f"{key}.{name}": str(value) for name, value in found.items()}
    return NetworkState(
        values=values,
        pools=tuple(ipam.get("Config") or ()),
        label=labels.get(DECLARED),
        strangers=strangers,
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
    for key, wanted in {**always, **declared}.items():
        found = have.values.get(key)
        if key != "ipam.config" and found != wanted:
            yield (
                f"{key} is not set, wanted {quoted(wanted)}"
                if found is None
                else f"{key} is {_word(found)}, wanted {_word(wanted)}"
            )
    for pool in want.ipam.config:
        if not any(_is_like(found, pool.request) for found in have.pools):
            yield f"it has no subnet {pool.subnet} as declared"


def _truth(value: object) -> str:
    return "true" if value else "false"


def _word(value: str) -> str:
    return value if value.isalnum() else quoted(value)


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
