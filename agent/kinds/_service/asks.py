"""What follows from the declaration of a container for other things: files, volumes, networks, its image, time. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agent.kinds._engine.images import NEVER_AGAIN
from agent.kinds._service.envfiles import env_files
from agent.kinds._service.health import SECONDS_WITHOUT, Dependency, dependencies
from agent.kinds._service.hostconfig import profile_paths
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.modes import other
from agent.kinds._service.networks import attachments


def mounted_files(spec: ServiceKeys) -> tuple[str, ...]:
    """Return the paths of the host that are mounted: binds, secrets, configs."""
    binds = (mount.source for mount in spec.volumes if mount.type == "bind")
    given = (str(one.source) for one in (*spec.secrets, *spec.configs))
    return tuple(dict.fromkeys((*binds, *given)))


def env_file_paths(spec: ServiceKeys) -> tuple[str, ...]:
    """Return the paths of the host whose text `effective` needs: of `env_file`, and of seccomp profiles."""
    return tuple(dict.fromkeys((*(str(one.path) for one in env_files(spec)), *profile_paths(spec))))


def volume_names(spec: ServiceKeys) -> tuple[str, ...]:
    """Return the volumes that it has by name."""
    return tuple(
        dict.fromkeys(mount.source for mount in spec.volumes if mount.type == "volume" and mount.source)
    )


def network_names(spec: ServiceKeys) -> tuple[str, ...]:
    """Return the networks that it is in, by their names on the engine, first things first."""
    return () if spec.network_mode else tuple(attachments(spec.networks))


def image_of(spec: ServiceKeys) -> str:
    """Return the whole reference of its image: with a tag, or a digest."""
    return spec.image.whole if spec.image else ""


def pull_age(spec: ServiceKeys) -> float | None:
    """Return how old the answer of a registry may be, as `ImageSpec.age` has it; a digest is asked for but once."""
    age = spec.pull_policy.age
    return NEVER_AGAIN if age is not None and spec.image and spec.image.pinned else age


def patience(spec: ServiceKeys) -> float:
    """Return the seconds that it may take until it is well."""
    return SECONDS_WITHOUT if spec.healthcheck is None else spec.healthcheck.patience


def depends(spec: ServiceKeys) -> Mapping[str, Dependency]:
    """
    Return the containers that come before it: of `depends_on`, and those that it cannot be made without.

    A container whose network or namespace it lives in takes it along when it restarts, as with Compose.
    """
    shared = (other(mode) for mode in (spec.network_mode, spec.ipc, spec.pid))
    by_nature = {name: Dependency(restart=True) for name in shared if name}
    linked = (one.partition(":")[0] for one in (*spec.links, *spec.external_links))
    volumes = (one.removeprefix("container:").partition(":")[0] for one in spec.volumes_from)
    return {
        **{name: Dependency() for name in (*linked, *volumes)},
        **by_nature,
        **dependencies(spec.depends_on),
    }


def is_older(version: str, other: str) -> bool:
    """Return whether one version of the API is older than another."""
    return [int(one) for one in version.split(".")] < [int(one) for one in other.split(".")]


def api_needed(spec: ServiceKeys) -> Mapping[str, str]:
    """Return the keys that an engine with API 1.41 would silently leave out, and the version from which it does not."""
    check, networks = spec.healthcheck, tuple(attachments(spec.networks).values())
    needed = {
        "annotations": "1.43" if spec.annotations else "",
        "healthcheck.start_interval": "1.44" if check and check.start_interval else "",
        "networks.mac_address": "1.44" if any(one.mac_address for one in networks[1:]) else "",
        "volumes.volume.subpath": "1.45"
        if any(one.volume and one.volume.subpath for one in spec.volumes)
        else "",
    }
    return {key: version for key, version in needed.items() if version}
