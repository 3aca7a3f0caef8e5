"""What is mounted into a container, as the engine is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.mounts import Device, Mount
from agent.kinds._service.values import inner_path, listed
from agent.model import Json

SECRETS: Final = "/run/secrets"
CONFIGS: Final = "/"


def mounts(spec: ServiceKeys) -> dict[str, object]:
    """
    Return `Binds`, `Mounts` and `Tmpfs` of `HostConfig`.

    What can be said as a bind is: only so Docker Engine makes a folder that is not there, and knows SELinux.
    """
    files = [(one.source, one.at(SECRETS)) for one in spec.secrets]
    files += [(one.source, one.at(CONFIGS)) for one in spec.configs]
    given = [
        {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": True}
        for source, target in files
    ]
    said: dict[str, object] = {
        "Binds": [_bind(mount) for mount in spec.volumes if _is_bind(mount)],
        "Mounts": [*(_mount(mount) for mount in spec.volumes if not _is_bind(mount)), *given],
        "Tmpfs": tmpfs(spec),
    }
    return {key: value for key, value in said.items() if value}


def tmpfs(spec: ServiceKeys) -> dict[str, str]:
    """Return the options of each folder in memory, by its path."""
    parts = (one.partition(":") for one in listed(spec.tmpfs))
    return {inner_path(path, "tmpfs"): options for path, _, options in parts}


def _is_bind(mount: Mount) -> bool:
    """Return whether this is said as `source:target:options`."""
    if ":" in mount.source or ":" in mount.target:
        return False
    if mount.type == "bind":
        return mount.about.create_host_path and mount.about.recursive == "enabled"
    plain = mount.volume is None or not (mount.volume.subpath or mount.volume.labels)
    return mount.type == "volume" and bool(mount.source) and plain


def _bind(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    if mount.type == "bind":
        options += [one for one in (mount.about.selinux, mount.about.propagation) if one]
    elif mount.volume and mount.volume.nocopy:
        options.append("nocopy")
    return f"{mount.source}:{mount.target}:{','.join(options)}"


def _mount(mount: Mount) -> Json:
    whole: dict[str, object] = {"Type": mount.type, "Target": mount.target}
    if mount.source:
        whole["Source"] = mount.source
    if mount.read_only:
        whole["ReadOnly"] = True
    return whole | _more(mount)


def _more(mount: Mount) -> dict[str, object]:
    if mount.type == "bind":
        said: dict[str, object] = {
            "Propagation": mount.about.propagation,
            "CreateMountpoint": mount.about.create_host_path,
            "NonRecursive": mount.about.recursive == "disabled",
        }
        return _some("BindOptions", said)
    if mount.volume:
        labels = {name: value or "" for name, value in dict(mount.volume.labels).items()}
        said = {"NoCopy": mount.volume.nocopy, "Labels": labels, "Subpath": mount.volume.subpath}
        return _some("VolumeOptions", said)
    if mount.tmpfs:
        size, mode = mount.tmpfs.size, mount.tmpfs.mode
        return _some("TmpfsOptions", {"SizeBytes": size and int(size), "Mode": mode and int(mode)})
    return {}


def _some(key: str, said: dict[str, object]) -> dict[str, object]:
    given = {name: value for name, value in said.items() if value}
    return {key: given} if given else {}


def devices(every: Iterable[Device]) -> dict[str, object]:
    """Return `Devices` and `DeviceRequests` of `HostConfig`."""
    plain = [
        {
            "PathOnHost": one.source,
            "PathInContainer": one.target or one.source,
            "CgroupPermissions": one.permissions,
        }
        for one in every
        if not one.cdi
    ]
    by_name = [one.source for one in every if one.cdi]
    said: dict[str, object] = {
        "Devices": plain,
        "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": by_name}] if by_name else [],
    }
    return {key: value for key, value in said.items() if value}
