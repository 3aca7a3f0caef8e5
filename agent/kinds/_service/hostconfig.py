"""`HostConfig` of a container, as `docker compose` would ask for it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from agent.errors import HostError
from agent.kinds._service.binds import devices, mounts
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.modes import joined
from agent.kinds._service.networks import attachments, hosts
from agent.kinds._service.ports import flat
from agent.kinds._service.resources import blkio, tunable, ulimits
from agent.kinds._service.values import listed, texts
from agent.model import Json

_UNCONFINED: Final = "systempaths=unconfined"
_ZERO_COUNTS: Final = frozenset(("Init", "MemorySwappiness"))


def host_config(spec: ServiceKeys, files: Mapping[str, str]) -> Json:
    """Return `HostConfig`; `files`: the texts of seccomp profiles by path. What is not declared is not in it."""
    whole: dict[str, object] = {
        "NetworkMode": network_mode(spec),
        "PortBindings": port_bindings(spec),
        "ExtraHosts": [f"{name}:{one}" for name, ones in hosts(spec.extra_hosts).items() for one in ones],
        "Dns": [str(one) for one in listed(spec.dns)],
        "DnsSearch": list(listed(spec.dns_search)),
        "DnsOptions": list(spec.dns_opt),
        "Links": links(spec) if spec.network_mode == "bridge" else [],
        "VolumesFrom": [one.removeprefix("container:") for one in spec.volumes_from],
        "ReadonlyRootfs": spec.read_only,
        "ShmSize": spec.shm_size and int(spec.shm_size),
        "StorageOpt": texts(spec.storage_opt),
        "Init": spec.init,
        "LogConfig": _logging(spec),
        "Annotations": texts(spec.annotations),
        **mounts(spec),
        **devices(spec.devices),
        **_rights(spec, files),
        **_spaces(spec),
        **_limits(spec),
    }
    kept = {
        key: value for key, value in whole.items() if value or (key in _ZERO_COUNTS and value is not None)
    }
    unmasked: dict[str, object] = (
        {"MaskedPaths": [], "ReadonlyPaths": []} if _UNCONFINED in spec.security_opt else {}
    )
    return {**kept, **unmasked}


def network_mode(spec: ServiceKeys) -> str:
    """Return whose network it has: that of the host, of another container, or its first one."""
    return joined(spec.network_mode) or next(iter(attachments(spec.networks)))


def links(spec: ServiceKeys) -> list[str]:
    """Return other containers with the names that they have for this one."""
    pairs = (one.partition(":") for one in (*spec.links, *spec.external_links))
    return [f"{name}:{alias or name}" for name, _, alias in pairs]


def port_bindings(spec: ServiceKeys) -> dict[str, list[Mapping[str, str]]]:
    """Return what of the host each port of the container is bound to."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for port in flat(spec.ports):
        found.setdefault(port.key, []).append(port.binding)
    return found


def security(spec: ServiceKeys, files: Mapping[str, str]) -> list[str]:
    """
    Return `SecurityOpt`: with `=`, and the text of a seccomp profile in place of its path, as the docker command sends it.

    Raises HostError for a profile that is not there, or is not JSON.
    """
    parts = [re.split("[=:]", one, maxsplit=1) for one in spec.security_opt if one != _UNCONFINED]
    return [
        f"seccomp={_profile(value[0], files)}" if _is_profile(name, value) else "=".join((name, *value))
        for name, *value in parts
    ]


def profile_paths(spec: ServiceKeys) -> tuple[str, ...]:
    """Return the paths of seccomp profiles."""
    parts = (re.split("[=:]", one, maxsplit=1) for one in spec.security_opt)
    return tuple(value[0] for name, *value in parts if _is_profile(name, value))


def _is_profile(name: str, value: list[str]) -> bool:
    return name == "seccomp" and value[0].startswith("/")


def _profile(path: str, files: Mapping[str, str]) -> str:
    if path not in files:
        raise HostError(f"{path} is not there, and security_opt names it", hint="declare it in `files`")
    try:
        return json.dumps(json.loads(files[path]), separators=(",", ":"))
    except ValueError as error:
        raise HostError(f"{path}: expected a seccomp profile in JSON") from error


def _rights(spec: ServiceKeys, files: Mapping[str, str]) -> dict[str, object]:
    return {
        "CapAdd": list(spec.cap_add),
        "CapDrop": list(spec.cap_drop),
        "SecurityOpt": security(spec, files),
        "Privileged": spec.privileged,
        "GroupAdd": list(spec.group_add),
        "DeviceCgroupRules": list(spec.device_cgroup_rules),
        "Sysctls": texts(spec.sysctls),
    }


def _spaces(spec: ServiceKeys) -> dict[str, object]:
    return {
        "PidMode": joined(spec.pid),
        "IpcMode": joined(spec.ipc),
        "UTSMode": spec.uts,
        "UsernsMode": spec.userns_mode,
        "CgroupnsMode": spec.cgroup,
        "CgroupParent": spec.cgroup_parent,
        "Runtime": spec.runtime,
    }


def _limits(spec: ServiceKeys) -> dict[str, object]:
    return {
        **{key: value for key, value in tunable(spec).items() if value},
        **blkio(spec.blkio_config),
        "Ulimits": ulimits(spec.ulimits),
        "OomKillDisable": spec.oom_kill_disable,
        "OomScoreAdj": int(spec.oom_score_adj),
        "MemorySwappiness": None if spec.mem_swappiness is None else int(spec.mem_swappiness),
    }


def _logging(spec: ServiceKeys) -> dict[str, object]:
    if spec.logging is None:
        return {}
    said: dict[str, object] = {"Type": spec.logging.driver, "Config": texts(spec.logging.options)}
    return {key: value for key, value in said.items() if value}
