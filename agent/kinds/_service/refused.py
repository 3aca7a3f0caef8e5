"""Keys of a Compose service that trued does not have: why, and what to do instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SWARM: Final = "it is for Swarm, and this is one host: leave it away"
_WINDOWS: Final = "it is for Windows: leave it away"
_HOOK: Final = "trued runs nothing inside of a container: let the image's entrypoint do it"

SERVICE: Final[Mapping[str, str]] = {
    "attach": "nobody is attached to a container of trued: leave it away, and read `docker logs`",
    "build": "trued builds no images: build it elsewhere, push it to a registry, and name it in image",
    "cpu_count": _WINDOWS,
    "cpu_percent": _WINDOWS,
    "credential_spec": _WINDOWS,
    "develop": "it is for development: leave it away",
    "extends": "what several hosts have in common goes into a layer; a later layer changes it key by key",
    "gpus": "name the devices by CDI, in devices: nvidia.com/gpu=all",
    "isolation": _WINDOWS,
    "label_file": "say labels",
    "models": "trued runs no models: run the server as a container of its own, and say its address in environment",
    "post_start": _HOOK,
    "pre_start": _HOOK,
    "pre_stop": _HOOK,
    "profiles": "what only some hosts have goes into a layer of its own, with when in fleet.yaml",
    "provider": "trued runs containers only: declare what it would provide by itself",
    "pull_refresh_after": "say pull_policy: every_12h",
    "scale": "an entry is one container: write one for each",
    "use_api_socket": "say volumes: [/var/run/docker.sock:/var/run/docker.sock], if it really has to rule the engine",
    "volume_driver": "say the driver where the volume is declared, in `volumes`",
    "cpu_rt_runtime": "real-time groups are not in cgroup v2: say cpu_shares, or ulimits with rtprio",
    "cpu_rt_period": "real-time groups are not in cgroup v2: say cpu_shares, or ulimits with rtprio",
    "log_driver": "say logging: {driver: …}",
    "log_opt": "say logging: {options: …}",
    "net": "say network_mode",
    "dockerfile": "trued builds no images: build it elsewhere, push it to a registry, and name it in image",
}

DEPLOY: Final[Mapping[str, str]] = {
    "endpoint_mode": _SWARM,
    "labels": "say labels beside deploy: there is no service to put them on",
    "mode": _SWARM,
    "placement": "where it runs follows from the layers in fleet.yaml",
    "replicas": "an entry is one container: write one for each",
    "restart_policy": "say restart beside deploy: no, always, on-failure:3 or unless-stopped",
    "rollback_config": "trued puts the old container back by itself",
    "update_config": "trued makes the new container before it stops the old one, by itself",
}

RESERVATIONS: Final[Mapping[str, str]] = {
    "devices": "name the devices by CDI, in devices: nvidia.com/gpu=all",
    "generic_resources": _SWARM,
}

NETWORK: Final[Mapping[str, str]] = {
    "gw_priority": "it takes API 1.48, and trued speaks 1.45: the network with the highest priority comes first",
    "interface_name": "it takes API 1.49, and trued speaks 1.45: leave it away",
}
