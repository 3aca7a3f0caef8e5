"""What makes no sense in the declaration of a container, though each key by itself does. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Final

from agent.kinds._engine.names import checked_name
from agent.kinds._service.deploy import weighed
from agent.kinds._service.health import dependencies
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.modes import checked_mode
from agent.kinds._service.networks import checked_networks, hosts
from agent.kinds._service.ports import flat
from agent.kinds._service.values import inner_path, listed, texts
from agent.model import quoted

OUR_LABELS: Final = "io.trued."
MODES: Final[Mapping[str, tuple[str, ...]]] = {
    "network_mode": ("host", "none", "bridge"),
    "pid": ("host",),
    "ipc": ("host", "private", "shareable", "none"),
    "uts": ("host",),
    "userns_mode": ("host",),
}
NEVER_NEGATIVE: Final = ("mem_limit", "mem_reservation", "shm_size", "cpu_shares", "cpu_quota", "cpu_period")
# What a container cannot have that lives in the network of another one (daemon/container.go of Docker Engine)
_NOT_IN_ANOTHERS: Final = (
    "ports",
    "expose",
    "hostname",
    "mac_address",
    "dns",
    "extra_hosts",
    "links",
    "external_links",
)
_NOT_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "host": ("ports", "mac_address", "links", "external_links"),
    "none": ("ports", "mac_address", "links", "external_links"),
    "container": _NOT_IN_ANOTHERS,
    "service": _NOT_IN_ANOTHERS,
}


def check(spec: ServiceKeys) -> None:
    """Raise ValueError with the first thing that makes no sense."""
    for problem in _problems(spec):
        raise ValueError(problem)


def differing(spec: object) -> list[str]:
    """Return the fields of a dataclass that are not as by default."""
    return [
        field.name
        for field in fields(spec)  # type: ignore[arg-type]
        if getattr(spec, field.name)
        != (field.default if field.default_factory is MISSING else field.default_factory())
    ]


def _problems(spec: ServiceKeys) -> Iterator[str]:
    if spec.state == "absent":
        given = [name for name in differing(spec) if name not in {"state", "service"}]
        yield from (f"what is absent has no {name!r}" for name in given)
        return
    if spec.image is None:
        yield "key 'image' is missing"
    yield from _of_networks(spec)
    yield from _of_others(spec)
    yield from _of_mounts(spec)
    yield from _of_numbers(spec)
    yield from _of_limits(spec)
    yield from _of_texts(spec)


def _of_networks(spec: ServiceKeys) -> Iterator[str]:
    if spec.network_mode and spec.networks:
        yield "expected one of networks and network_mode, got both"
    checked_networks(spec.networks)
    for key, known in MODES.items():
        if mode := getattr(spec, key):
            checked_mode(key, mode, known)
    for key in _NOT_OF.get(spec.network_mode.partition(":")[0], ()):
        if getattr(spec, key):
            yield f"with network_mode: {spec.network_mode} there can be no {key}"
    if spec.hostname and spec.uts:
        yield "with uts: host there can be no hostname"
    for port, times in Counter(
        (port.host_ip, port.published, port.protocol) for port in flat(spec.ports)
    ).items():
        if times > 1 and port[1] and "-" not in port[1] and port[1] != "0":
            yield f"port {port[1]}/{port[2]} of the host is given out twice"
    hosts(spec.extra_hosts)


def _of_others(spec: ServiceKeys) -> Iterator[str]:
    if spec.container_name:
        checked_name(spec.container_name)
    for name in dependencies(spec.depends_on):
        checked_name(name)
    for link in (*spec.links, *spec.external_links):
        checked_name(link.partition(":")[0])
    for source in spec.volumes_from:
        parts = source.removeprefix("container:").split(":")
        checked_name(parts[0])
        if parts[1:] not in ([], ["ro"], ["rw"]):
            yield f'expected a container, as in db or "db:ro", in volumes_from, got {quoted(source)}'


def _of_mounts(spec: ServiceKeys) -> Iterator[str]:
    targets = [
        *(mount.target for mount in spec.volumes),
        *(inner_path(one.partition(":")[0], "tmpfs") for one in listed(spec.tmpfs)),
        *(secret.at("/run/secrets") for secret in spec.secrets),
        *(config.at("/") for config in spec.configs),
    ]
    twice = next((target for target, times in Counter(targets).items() if times > 1), None)
    if twice is not None:
        yield f"two things are mounted at {quoted(twice)}"
    for rule in spec.device_cgroup_rules:
        if not re.fullmatch(r"[abc] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}", rule):
            yield f'expected a rule, as in "c 188:* rmw", in device_cgroup_rules, got {quoted(rule)}'


def _of_numbers(spec: ServiceKeys) -> Iterator[str]:
    for name in NEVER_NEGATIVE:
        if (getattr(spec, name) or 0) < 0:
            yield f"expected 0 or more for {name}, got {getattr(spec, name)}"
    bounds = {"mem_swappiness": (0, 100), "oom_score_adj": (-1000, 1000), "pids_limit": (-1, 2**31)}
    for name, (least, most) in bounds.items():
        if not least <= (getattr(spec, name) or 0) <= most:
            yield f"expected {least} to {most} for {name}, got {getattr(spec, name)}"
    if (spec.memswap_limit or 0) > 0 and 0 < (spec.mem_limit or 0) > (spec.memswap_limit or 0):
        yield "expected memswap_limit, which is memory and swap together, not to be less than mem_limit"
    if spec.cpus and (spec.cpu_quota or spec.cpu_period):
        yield "expected one of cpus and cpu_quota with cpu_period, got both"
    if spec.cpuset and not re.fullmatch(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", spec.cpuset):
        yield f'expected processors, as in "0-2,4", for cpuset, got {quoted(spec.cpuset)}'
    if spec.blkio_config and spec.blkio_config.weight:
        weighed(spec.blkio_config.weight)


def _of_limits(spec: ServiceKeys) -> Iterator[str]:
    """Yield keys that say one thing twice, and not alike (`checkConsistency` of compose-go)."""
    if spec.deploy is None:
        return
    limits, reservations = spec.deploy.resources.limits, spec.deploy.resources.reservations
    both: Iterable[tuple[str, int | None, str, int | None]] = (
        ("mem_limit", spec.mem_limit, "limits.memory", limits.memory),
        ("mem_reservation", spec.mem_reservation, "reservations.memory", reservations.memory),
        ("cpus", spec.cpus, "limits.cpus", limits.cpus),
        ("pids_limit", spec.pids_limit, "limits.pids", limits.pids),
    )
    for key, one, name, value in both:
        if one is not None and value is not None and one != value:
            yield f"{key} and deploy.resources.{name} say different things"
        if value is not None and value < 0:
            yield f"expected 0 or more for deploy.resources.{name}, got {value}"
    if limits.cpus and (spec.cpu_quota or spec.cpu_period):
        yield "expected one of deploy.resources.limits.cpus and cpu_quota with cpu_period, got both"


def _of_texts(spec: ServiceKeys) -> Iterator[str]:
    if spec.working_dir:
        inner_path(spec.working_dir, "working_dir")
    if spec.platform and not re.fullmatch(r"[a-z0-9]+(/[a-z0-9_]+(/[a-z0-9]+)?)?", spec.platform):
        yield f"expected os/arch or os/arch/variant for platform, got {quoted(spec.platform)}"
    for name in texts(spec.labels):
        if name.startswith(OUR_LABELS):
            yield f"labels that begin with {OUR_LABELS} are trued's own, got {quoted(name)}"
    for option in spec.security_opt:
        if re.match("seccomp[=:]", option) and not re.fullmatch(
            "seccomp[=:](unconfined|builtin|/.*)", option
        ):
            yield f"expected seccomp=unconfined or an absolute path of the host, got {quoted(option)}"
