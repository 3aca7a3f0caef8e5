"""What `docker inspect` prints of a container, a network, a volume, an image: filled up from the little that matters."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from agent.model import Json

Body: TypeAlias = dict[str, Any]

NOON: Final = "2026-01-31T12:00:00Z"
NEVER: Final = "0001-01-01T00:00:00Z"

# As Docker Engine 20.10 prints them where nothing was asked for; what is missing here, it leaves out then.
CONFIG: Final[Body] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "Tty": False,
    "OpenStdin": False,
    "Env": [],
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "Labels": {},
}
HOST_CONFIG: Final[Body] = {
    "Binds": None,
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "default",
    "PortBindings": None,
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "private",
    "Dns": None,
    "DnsOptions": None,
    "DnsSearch": None,
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "private",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 67108864,
    "Runtime": "runc",
    "CpuShares": 0,
    "Memory": 0,
    "NanoCpus": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "Devices": None,
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "MemoryReservation": 0,
    "MemorySwap": 0,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": None,
}
FROM_THE_IMAGE: Final = ("Cmd", "Entrypoint", "User", "WorkingDir", "Healthcheck", "StopSignal")


def number(*words: str) -> str:
    """Return an id that is the same for the same words."""
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def image(digest: str, *, id_: str = "", tags: tuple[str, ...] = (), **config: Any) -> Body:
    """Return an image; `config` is what containers get from it."""
    return {
        "Id": id_ or f"sha256:{number('image', digest)}",
        "RepoTags": list(tags),
        "RepoDigests": [],
        "Created": NOON,
        "Os": "linux",
        "Architecture": "amd64",
        "Config": copy.deepcopy(CONFIG) | config,
    }


def container(name: str, config: Json, *, made_from: Json) -> Body:
    """Return a new container that was not started yet; `config` is the body of POST /containers/create."""
    asked = {key: value for key, value in copy.deepcopy(dict(config)).items() if key != "HostConfig"}
    there, id_ = made_from["Config"], number("container", name, repr(sorted(map(str, config.items()))))
    whole = copy.deepcopy(CONFIG) | {"Hostname": id_[:12]} | asked
    for key in FROM_THE_IMAGE:
        # A new entry point takes the image's command away: it was meant for the other one.
        if there.get(key) and not whole.get(key) and not (key == "Cmd" and asked.get("Entrypoint")):
            whole[key] = copy.deepcopy(there[key])
    given = {pair.partition("=")[0] for pair in whole["Env"] or ()}
    whole["Env"] = [
        *(whole["Env"] or ()),
        *(pair for pair in there["Env"] if pair.partition("=")[0] not in given),
    ]
    whole["Labels"] = {**there["Labels"], **(whole["Labels"] or {})}
    for key in ("ExposedPorts", "Volumes"):
        if both := {**(there.get(key) or {}), **(whole.get(key) or {})}:
            whole[key] = both
    return {
        "Id": id_,
        "Name": f"/{name}",
        "Created": NOON,
        "Image": made_from["Id"],
        "RestartCount": 0,
        "State": {
            "Status": "created",
            "Running": False,
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": 0,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": NOON,
            "FinishedAt": NEVER,
        },
        "Config": whole,
        "HostConfig": host_config(config.get("HostConfig") or {}),
        "NetworkSettings": {"Networks": {}},
        "Mounts": mounts(config.get("HostConfig") or {}),
    }


def host_config(asked: Json) -> Body:
    """Return what a container may do of its host."""
    whole = copy.deepcopy(HOST_CONFIG) | copy.deepcopy(dict(asked))
    whole["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0} | (asked.get("RestartPolicy") or {})
    return whole


def mounts(config: Json) -> list[Body]:
    """Return what is mounted in a container: what was asked for by `Mounts` and by `Binds`."""
    said = [dict(mount) for mount in config.get("Mounts") or ()]
    for bind in config.get("Binds") or ():
        source, target, *options = bind.split(":")
        said.append(
            {
                "Type": "bind" if source.startswith("/") else "volume",
                "Source": source,
                "Target": target,
                "ReadOnly": "ro" in ",".join(options).split(","),
            }
        )
    return [_mount(mount) for mount in said if mount["Type"] != "tmpfs"]


def _mount(said: Mapping[str, Any]) -> Body:
    whole = {
        "Type": said["Type"],
        "Source": said.get("Source", ""),
        "Destination": said["Target"],
        "Mode": "",
    }
    if said["Type"] == "volume":
        name = said.get("Source") or number("volume", said["Target"])
        whole |= {"Name": name, "Source": f"/var/lib/docker/volumes/{name}/_data", "Driver": "local"}
    return whole | {"RW": not said.get("ReadOnly", False), "Propagation": ""}


def endpoint(found: Json, net: str, settings: Json) -> Body:
    """Return how a container is in a network; the engine adds its id to the aliases."""
    aliases = [*(settings.get("Aliases") or ()), found["Id"][:12]]
    return {
        "IPAMConfig": settings.get("IPAMConfig"),
        "Links": settings.get("Links"),
        "Aliases": aliases,
        "MacAddress": settings.get("MacAddress", "02:42:ac:12:00:02"),
        "DriverOpts": settings.get("DriverOpts"),
        "NetworkID": net,
        "EndpointID": number(found["Id"], net),
        "Gateway": "172.18.0.1",
        "IPAddress": (settings.get("IPAMConfig") or {}).get("IPv4Address", "172.18.0.2"),
        "IPPrefixLen": 16,
        "GlobalIPv6Address": "",
    }


def network(name: str, *, driver: str = "bridge", **config: Any) -> Body:
    """Return a network; `config` is the body of POST /networks/create."""
    asked = config.get("IPAM") or {}
    pools = [dict(pool) for pool in asked.get("Config") or ()]
    if not any("." in pool.get("Subnet", "") for pool in pools):
        pools.append({"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"})
    return {
        "Name": name,
        "Id": number("network", name, repr(sorted(map(str, config.items())))),
        "Created": NOON,
        "Scope": "local",
        "Driver": config.get("Driver", driver),
        "EnableIPv6": config.get("EnableIPv6", False),
        "IPAM": {
            "Driver": asked.get("Driver", "default"),
            "Options": asked.get("Options"),
            "Config": pools,
        },
        "Internal": config.get("Internal", False),
        "Attachable": config.get("Attachable", False),
        "Ingress": False,
        "ConfigOnly": False,
        "Options": dict(config.get("Options") or {}),
        "Labels": dict(config.get("Labels") or {}),
    }


def volume(name: str, **config: Any) -> Body:
    """Return a volume; `config` is the body of POST /volumes/create."""
    return {
        "Name": name,
        "CreatedAt": NOON,
        "Driver": config.get("Driver", "local"),
        "Labels": dict(config["Labels"]) if config.get("Labels") else None,
        "Options": dict(config["DriverOpts"]) if config.get("DriverOpts") else None,
        "Mountpoint": f"/var/lib/docker/volumes/{name}/_data",
        "Scope": "local",
    }
