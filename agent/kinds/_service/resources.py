"""What a container may use, as the engine's numbers: what can be changed while it runs, and what cannot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from agent.kinds._service.deploy import Blkio, Limits, Reservations, Throttle, Ulimit
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.modes import Restart
from agent.model import Json

NOT_LIMITED: Final[Json] = {
    "RestartPolicy": Restart("no").policy,
    "Memory": 0,
    "MemoryReservation": 0,
    "MemorySwap": 0,
    "NanoCpus": 0,
    "CpuShares": 0,
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "PidsLimit": 0,
    "BlkioWeight": 0,
}
_LIFTED_LIVE: Final = frozenset(("RestartPolicy", "PidsLimit"))


def tunable(spec: ServiceKeys) -> Json:
    """
    Return the body of `POST /containers/{id}/update`, every key in it; 0 or nothing: not limited.

    Memory and swap together are twice the memory where nothing is said, as the engine has it by itself for a new
    container; but not for one that is there, which would refuse the memory alone.
    """
    limits = spec.deploy.resources.limits if spec.deploy else Limits()
    reserved = spec.deploy.resources.reservations if spec.deploy else Reservations()
    pids = first(spec.pids_limit, limits.pids)
    memory = first(spec.mem_limit, limits.memory)
    return {
        **NOT_LIMITED,
        "RestartPolicy": (spec.restart or Restart("no")).policy,
        "Memory": memory,
        "MemoryReservation": first(spec.mem_reservation, reserved.memory),
        "MemorySwap": first(spec.memswap_limit) or 2 * memory,
        "NanoCpus": first(spec.cpus, limits.cpus),
        "CpuShares": first(spec.cpu_shares),
        "CpuPeriod": first(spec.cpu_period),
        "CpuQuota": first(spec.cpu_quota),
        "CpusetCpus": spec.cpuset,
        "PidsLimit": max(pids, 0),
        "BlkioWeight": first(spec.blkio_config.weight if spec.blkio_config else None),
    }


def tuned(host_config: Json) -> Json:
    """Return what a container has of `tunable`, from its `HostConfig` as the engine tells it."""
    policy = host_config.get("RestartPolicy") or {}
    found = {key: host_config.get(key) or nothing for key, nothing in NOT_LIMITED.items()}
    return {
        **found,
        "RestartPolicy": {
            "Name": policy.get("Name") or "no",
            "MaximumRetryCount": policy.get("MaximumRetryCount") or 0,
        },
        "PidsLimit": max(found["PidsLimit"], 0),
    }


def stuck(have: Json, want: Json) -> tuple[str, ...]:
    """
    Return the keys of `tunable` that an update would leave as they are: the engine takes 0 there for "as before".

    Only a new container gets rid of these (`UpdateContainer` in daemon/container_operations of Docker Engine).
    """
    return tuple(
        key for key, value in want.items() if not value and have.get(key) and key not in _LIFTED_LIVE
    )


def first(*numbers: int | None) -> int:
    """Return the first number that is given, or 0."""
    return int(next((number for number in numbers if number is not None), 0))


def ulimits(limits: Mapping[str, int | Ulimit]) -> list[Json]:
    """Return `HostConfig.Ulimits`."""
    return [{"Name": name, **_soft_and_hard(limits[name])} for name in sorted(limits)]


def _soft_and_hard(limit: int | Ulimit) -> dict[str, int]:
    if isinstance(limit, Ulimit):
        return {"Soft": int(limit.soft), "Hard": int(limit.hard)}
    return {"Soft": int(limit), "Hard": int(limit)}


def blkio(config: Blkio | None) -> dict[str, object]:
    """Return what `HostConfig` says of single block devices."""
    if config is None:
        return {}
    weights = [{"Path": one.path, "Weight": int(one.weight)} for one in config.weight_device]
    said: dict[str, object] = {
        "BlkioWeightDevice": weights,
        "BlkioDeviceReadBps": _rates(config.device_read_bps),
        "BlkioDeviceReadIOps": _rates(config.device_read_iops),
        "BlkioDeviceWriteBps": _rates(config.device_write_bps),
        "BlkioDeviceWriteIOps": _rates(config.device_write_iops),
    }
    return {key: value for key, value in said.items() if value}


def _rates(throttles: Iterable[Throttle]) -> list[Json]:
    return [{"Path": one.path, "Rate": int(one.rate)} for one in throttles]
