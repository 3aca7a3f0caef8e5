"""In what a container is not as declared, in Compose's words: what takes a new one, and what can be changed in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agent.kinds._engine.declared import changed
from agent.kinds._engine.references import beginning
from agent.kinds._service.payload import Effective
from agent.kinds._service.resources import stuck
from agent.kinds.container.state import ContainerState, Link
from agent.model import Json, few, quoted

# What `docker update` changes, by the key that declares it.
TUNED: Final[Mapping[str, str]] = {
    "RestartPolicy": "restart",
    "Memory": "memory limit",
    "MemoryReservation": "memory reservation",
    "MemorySwap": "memswap_limit",
    "NanoCpus": "cpus",
    "CpuShares": "cpu_shares",
    "CpuPeriod": "cpu_period",
    "CpuQuota": "cpu_quota",
    "CpusetCpus": "cpuset",
    "CpusetMems": "cpuset of memory",
    "PidsLimit": "pids limit",
    "BlkioWeight": "blkio_config.weight",
}
HASH: Final = "labels.com.docker.compose.config-hash"  # follows from other keys, which are told themselves
_ENVIRONMENT: Final = "environment."


def why_anew(want: Effective, have: ContainerState, reference: str) -> str:
    """Return why only a new container is as declared, or nothing."""
    keys = changed(have.label, want.declared)
    if keys is None:
        return "was not made by trued, and is taken over"
    reasons = [_told(key, want, have) for key in keys if key != HASH]
    if have.newer:
        reasons.append(f"{reference} is {beginning(have.newer)} in the registry now")
    elif have.current and have.image != have.current and "image" not in keys:
        reasons.append(
            f"{reference} is another image now: {beginning(have.image)} -> {beginning(have.current)}"
        )
    reasons += [f"{key}: the other container has been made anew" for key in have.parted if key not in keys]
    reasons += [f"{TUNED[key]} is no longer declared" for key in stuck(have.tuned, want.tunable)]
    return few(reasons)


def _told(key: str, want: Effective, have: ContainerState) -> str:
    """Return what is declared otherwise: values, where they may be shown and it is known what they were."""
    new = want.declared.get(key)
    if key == "image":
        return f"image: {have.reference} -> {new}"
    if not key.startswith(_ENVIRONMENT) or key in want.secret:
        return f"{key} {'is no longer declared' if new is None else 'is declared otherwise'}"
    old = have.environment.get(key.removeprefix(_ENVIRONMENT))
    if new is None:
        return f"{key} is no longer declared"
    return f"{key}: {_shown(new)}" if old is None else f"{key}: {_shown(old)} -> {_shown(new)}"


def _shown(value: str) -> str:
    return value if value.isalnum() and len(value) <= 40 else quoted(value)


def tuning(want: Json, have: ContainerState) -> dict[str, Any]:
    """Return what an update has to say; not what the engine would leave out once more."""
    vain = lacking(want, have)
    update = {key: value for key, value in want.items() if value != have.tuned.get(key) and key not in vain}
    # A kernel that does not count swap: the engine says so by -1, and takes no other number.
    if update.keys() == {"MemorySwap"} and have.tuned.get("MemorySwap") == -1:
        return {}
    return update


def lacking(want: Json, have: ContainerState) -> Mapping[str, str]:
    """Return the limits that are declared, and that cannot be had on this host; with the reason."""
    return {key: words for key, words in have.lacking.items() if want.get(key) and not have.tuned.get(key)}


def why_tuned(update: Json, have: ContainerState) -> Iterator[str]:
    for key, value in update.items():
        yield f"{TUNED[key]}: {_word(key, have.tuned.get(key))} -> {_word(key, value)}"


def _word(key: str, value: Any) -> str:
    if key == "RestartPolicy":
        times = value["MaximumRetryCount"]
        return f"{value['Name']}:{times}" if times else str(value["Name"])
    return str(value) if value else "none"


def links(want: Effective, have: ContainerState) -> tuple[dict[str, Json], dict[str, str]]:
    """Return the networks that it has to be connected to (anew), and those that it is in otherwise, each with the reason."""
    if not want.endpoints:
        return {}, {}
    connect, apart = {}, {}
    for name, endpoint in want.endpoints.items():
        there = have.networks.get(name)
        if there is None:
            connect[name] = endpoint
        elif reason := _apart(endpoint, there):
            connect[name], apart[name] = endpoint, reason
    strange = have.networks.keys() - want.endpoints.keys()
    return connect, apart | dict.fromkeys(sorted(strange), "is not declared")


def _apart(endpoint: Json, there: Link) -> str:
    asked: Mapping[str, Any] = endpoint.get("IPAMConfig") or {}
    if there.lost:
        return "was made anew"
    aliases = frozenset(endpoint.get("Aliases") or ())
    if not aliases <= there.aliases <= aliases | there.own:
        return "aliases differ"
    for key, found in (("IPv4Address", there.ipv4), ("IPv6Address", there.ipv6)):
        if str(asked.get(key) or "") != found:
            return f"{'address' if key == 'IPv4Address' else 'IPv6 address'} differs"
    return ""
