"""
What a container engine is asked for so that a container is as declared: the requests that `docker compose` would send. Pure.

API of Docker Engine 1.41: https://docs.docker.com/reference/api/engine/version/v1.41/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from agent.kinds._service.declared import declared, hidden
from agent.kinds._service.envfiles import variables
from agent.kinds._service.hostconfig import host_config, links, port_bindings
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.networks import Attachment, attachments
from agent.kinds._service.resources import tunable
from agent.kinds._service.spec import ContainerSpec
from agent.kinds._service.values import Mac, texts
from agent.model import Json
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What is asked for, once files of the host have been read."""

    config: Json = field(repr=False)  # POST /containers/create, without NetworkingConfig
    endpoints: Mapping[str, Json]  # EndpointSettings by network, first things first
    declared: Mapping[str, str] = field(repr=False)  # what only a new container can have otherwise
    secret: frozenset[str]  # keys of `declared` of which no value is ever shown
    tunable: Json  # POST /containers/{id}/update, every key in it


def effective(name: str, spec: ContainerSpec, env_files: Mapping[str, str]) -> Effective:
    """
    Return what the engine is asked for. `env_files`: the texts of `asks.env_file_paths` by path, as far as they are there.

    Raises HostError for one that has to be there and is not, or that makes no sense.
    """
    environment, from_files = variables(spec, env_files)
    said = declared(spec, environment, env_files)
    return Effective(
        config=_config(spec, environment, env_files),
        endpoints=endpoints(name, spec),
        declared=said,
        secret=hidden(said, from_files),
        tunable=tunable(spec),
    )


def endpoints(name: str, spec: ServiceKeys) -> dict[str, Json]:
    """Return how it is in each of its networks; in none if it has the network of somebody else."""
    if spec.network_mode:
        return {}
    every = attachments(spec.networks)
    main = next(iter(every))
    return {
        network: _endpoint(
            name, spec, one, (one.mac_address or spec.mac_address) if network == main else one.mac_address
        )
        for network, one in every.items()
    }


def _endpoint(name: str, spec: ServiceKeys, one: Attachment, mac: Mac | None) -> Json:
    names = dict.fromkeys(part for part in (spec.container_name or name, spec.service or name, *one.aliases))
    addresses: dict[str, object] = {
        "IPv4Address": one.ipv4_address,
        "IPv6Address": one.ipv6_address,
        "LinkLocalIPs": list(one.link_local_ips),
    }
    whole: dict[str, object] = {
        "Aliases": list(names),
        "Links": links(spec),
        "IPAMConfig": {key: value for key, value in addresses.items() if value},
        "MacAddress": mac,
        "DriverOpts": texts(one.driver_opts),
    }
    return {key: value for key, value in whole.items() if value}


def _config(spec: ServiceKeys, environment: Mapping[str, str | None], files: Mapping[str, str]) -> Json:
    exposed = [*port_bindings(spec), *(key for one in spec.expose for key in one.keys)]
    whole: dict[str, object] = {
        "Image": spec.image.whole if spec.image else "",
        "Cmd": None if spec.command is None else list(spec.command),
        "Entrypoint": None if spec.entrypoint is None else list(spec.entrypoint),
        "Env": [_variable(key, environment[key]) for key in sorted(environment)] or None,
        "Labels": texts(spec.labels) or None,
        "ExposedPorts": {key: {} for key in sorted(exposed)} or None,
        "User": spec.user or None,
        "WorkingDir": spec.working_dir or None,
        "Hostname": spec.hostname or None,
        "Domainname": spec.domainname or None,
        "MacAddress": _mac(spec),
        "Tty": spec.tty or None,
        "OpenStdin": spec.stdin_open or None,
        "StopSignal": spec.stop_signal,
        "StopTimeout": None if spec.stop_grace_period is None else int(spec.stop_grace_period.seconds),
        "Healthcheck": _healthcheck(spec),
        "HostConfig": host_config(spec, files),
    }
    return {key: value for key, value in whole.items() if value is not None}


def _variable(name: str, value: str | None) -> str:
    """Return a variable; its name alone takes it away from what the image has."""
    return name if value is None else f"{name}={value}"


def _mac(spec: ServiceKeys) -> str | None:
    """Return the address in the first network, where engines before API 1.44 look for it."""
    if spec.network_mode:
        return spec.mac_address
    first = next(iter(attachments(spec.networks).values()))
    return first.mac_address or spec.mac_address


def _healthcheck(spec: ServiceKeys) -> Json | None:
    check = spec.healthcheck
    if check is None:
        return None
    said: dict[str, object] = {
        "Test": list(check.command),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }
    return {key: value if isinstance(value, list) else int(value) for key, value in said.items() if value}  # type: ignore[call-overload]
