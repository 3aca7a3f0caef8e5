"""
What was declared of a container that only a new one can have otherwise: key by key, as canonical text. Pure.

Without its networks, its restart policy and its limits, which can be changed while it runs, and without what is no part of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent.kinds._service.binds import CONFIGS, SECRETS, devices, tmpfs
from agent.kinds._service.hostconfig import links, security
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.modes import joined
from agent.kinds._service.mounts import Mount
from agent.kinds._service.networks import hosts
from agent.kinds._service.ports import flat
from agent.kinds._service.resources import blkio, ulimits
from agent.kinds._service.spec import plain
from agent.kinds._service.values import listed, texts

UNSET: Final = "(unset)"  # of a variable that the image may have, and the container shall not
SECRET_NAME: Final = re.compile(
    "pass|pwd|secret|token|key|credential|auth|private|cookie|salt|session|dsn", re.IGNORECASE
)
SECRET_ADDRESS: Final = re.compile(r"://[^/\s@]*:[^/\s@]+@")  # user:password@host
SECRET_TEXT: Final = re.compile(
    r"(?:pass|pwd|secret|token|key|credential|auth)[\w-]*[=: \"',]+\S|bearer\s|private key", re.IGNORECASE
)
_WRITTEN_FREELY: Final = ("command", "entrypoint", "healthcheck", "environment.", "labels.")
_NAMED: Final = ("environment.", "labels.", "annotations.", "logging.options.", "storage_opt.", "sysctls.")
_AS_IT_IS: Final = (
    "working_dir",
    "user",
    "stop_signal",
    "hostname",
    "domainname",
    "mac_address",
    "read_only",
    "tty",
    "stdin_open",
    "init",
    "privileged",
    "userns_mode",
    "uts",
    "cgroup",
    "cgroup_parent",
    "runtime",
    "platform",
    "shm_size",
    "mem_swappiness",
    "oom_kill_disable",
    "oom_score_adj",
    "dns_opt",
    "group_add",
    "cap_add",
    "cap_drop",
    "device_cgroup_rules",
)


def declared(
    spec: ServiceKeys, environment: Mapping[str, str | None], files: Mapping[str, str]
) -> dict[str, str]:
    """Return the text of each key that says something; `environment`: with what comes from files."""
    found = dict(_simple(spec))
    found |= {
        f"environment.{name}": UNSET if value is None else value for name, value in environment.items()
    }
    found |= dict(_maps(spec))
    found |= dict(_mounted(spec))
    found |= dict(_lists(spec, files))
    return {key: found[key] for key in sorted(found)}


def hidden(found: Mapping[str, str], from_files: frozenset[str]) -> frozenset[str]:
    """Return the keys of which no value is ever to be shown."""
    return frozenset(
        key
        for key, text in found.items()
        if key.removeprefix("environment.") in from_files
        or (key.startswith(_NAMED) and SECRET_NAME.search(key.split(".", 1)[1]))
        or (key.startswith(_WRITTEN_FREELY) and SECRET_TEXT.search(text))
        or SECRET_ADDRESS.search(text)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _simple(spec: ServiceKeys) -> Iterator[tuple[str, str]]:
    yield "image", spec.image.whole if spec.image else ""
    for key in _AS_IT_IS:
        value = getattr(spec, key)
        if value or (value is not None and key in {"init", "mem_swappiness"}):
            yield key, _text(plain(value))
    if spec.stop_grace_period is not None:
        yield "stop_grace_period", f"{int(spec.stop_grace_period.seconds)}s"
    for key in ("network_mode", "pid", "ipc"):
        if mode := getattr(spec, key):
            yield key, joined(mode)
    for key in ("command", "entrypoint"):
        if (words := getattr(spec, key)) is not None:
            yield key, _text(list(words))
    if spec.healthcheck is not None:
        yield "healthcheck", _text({**_plain_map(spec.healthcheck), "test": list(spec.healthcheck.command)})


def _plain_map(value: object) -> dict[str, object]:
    made = plain(value)
    return {key: one for key, one in made.items() if key != "disable"} if isinstance(made, dict) else {}


def _maps(spec: ServiceKeys) -> Iterator[tuple[str, str]]:
    for key in ("labels", "annotations", "storage_opt", "sysctls"):
        yield from ((f"{key}.{name}", text) for name, text in texts(getattr(spec, key)).items())
    yield from ((f"extra_hosts.{name}", ", ".join(ones)) for name, ones in hosts(spec.extra_hosts).items())
    for limit in ulimits(spec.ulimits):
        yield f"ulimits.{limit['Name']}", f"{limit['Soft']}:{limit['Hard']}"
    if spec.logging is not None:
        yield "logging.driver", spec.logging.driver
        yield from ((f"logging.options.{name}", text) for name, text in texts(spec.logging.options).items())


def _mounted(spec: ServiceKeys) -> Iterator[tuple[str, str]]:
    yield from ((f"volumes.{mount.target}", _mount(mount)) for mount in spec.volumes)
    yield from ((f"tmpfs.{path}", options) for path, options in tmpfs(spec).items())
    yield from ((f"secrets.{one.at(SECRETS)}", str(one.source)) for one in spec.secrets)
    yield from ((f"configs.{one.at(CONFIGS)}", str(one.source)) for one in spec.configs)


def _mount(mount: Mount) -> str:
    """Return what is mounted, as the short form begins; more than that only where it is not as by default."""
    more = {
        "propagation": mount.about.propagation or "",
        "selinux": mount.about.selinux or "",
        "create_host_path": "" if mount.about.create_host_path else "false",
        "recursive": "" if mount.about.recursive == "enabled" else "disabled",
        "nocopy": "true" if mount.volume and mount.volume.nocopy else "",
        "subpath": mount.volume.subpath if mount.volume else "",
        "labels": _text(texts(mount.volume.labels)) if mount.volume and mount.volume.labels else "",
        "size": str(mount.tmpfs.size) if mount.tmpfs and mount.tmpfs.size else "",
        "mode": oct(mount.tmpfs.mode) if mount.tmpfs and mount.tmpfs.mode else "",
    }
    said = "".join(f", {name} {text}" for name, text in more.items() if text)
    return f"{mount.source or mount.type}{' (ro)' if mount.read_only else ''}{said}"


def _lists(spec: ServiceKeys, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    said: dict[str, list[str]] = {
        "ports": sorted({str(port) for port in flat(spec.ports)}),
        "expose": sorted(key for one in spec.expose for key in one.keys),
        "dns": [str(one) for one in listed(spec.dns)],
        "dns_search": list(listed(spec.dns_search)),
        "links": links(spec) if spec.network_mode == "bridge" else [],
        "volumes_from": [one.removeprefix("container:") for one in spec.volumes_from],
        "security_opt": security(spec, files),
    }
    yield from ((key, ", ".join(parts)) for key, parts in said.items() if parts)
    if spec.devices:
        yield "devices", _text(devices(spec.devices))
    if per_device := blkio(spec.blkio_config):
        yield "blkio_config", _text(per_device)
