"""
The keys of one container: those of a service of the Compose specification, and trued's own. Pure.

https://github.com/compose-spec/compose-spec/blob/main/05-services.md
"""

# `key` is `field`, said shortly for many

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Literal, TypeVar

from agent.kinds._service import refused
from agent.kinds._service.deploy import Blkio, Deploy, Logging, Ulimit
from agent.kinds._service.health import Dependency, Healthcheck
from agent.kinds._service.images import PullPolicy, Reference
from agent.kinds._service.modes import EnvFile, Restart
from agent.kinds._service.mounts import Device, Given, Mount, ShortDevice, ShortGiven, ShortMount
from agent.kinds._service.networks import HostList, Networks
from agent.kinds._service.ports import Exposed, Port, ShortPort
from agent.kinds._service.values import (
    Address,
    Cpus,
    HostPath,
    Listed,
    Mac,
    Pairs,
    Signal,
    Size,
    Span,
    Whole,
    Words,
)
from agent.values import dataclass

T = TypeVar("T")


def key(doc: str, default: T, *, shown: bool = True) -> T:
    """Return a field of a document, with what it is for; one that is not `shown` may hold secrets."""
    made: T = field(default=default, repr=shown, metadata={"doc": doc})
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKeys:
    """One container, as declared."""

    state: Literal["present", "absent"] = key(
        "present, or absent: stopped and removed; its volumes stay", "present"
    )
    adopt: bool = key("whether one of this name that trued did not make is taken over", False)
    reload_signal: Signal | None = key(
        "what it is sent to read its files anew; if not given, it restarts", None
    )

    image: Reference | None = key(
        "what it is made of: registry.example.com/web:1.2, or with @sha256:…", None
    )
    pull_policy: PullPolicy = key("missing, always, never, daily, weekly or every_12h", PullPolicy())
    platform: str = key("os/arch/variant of the image, if not that of the engine", "")
    container_name: str = key("the container's name, if not that of the entry", "")
    command: Words | tuple[str, ...] | None = key(
        "what it runs instead of the image's command", None, shown=False
    )
    entrypoint: Words | tuple[str, ...] | None = key("what it runs instead of the image's entrypoint", None)
    working_dir: str = key("the folder that it starts in", "")
    user: str = key("who it runs as: name or uid, :group", "")
    group_add: tuple[str, ...] = key("more groups that it is in", ())
    environment: Pairs = key(
        "environment variables; one without a value takes away what the image has", (), shown=False
    )
    env_file: HostPath | tuple[HostPath | EnvFile, ...] = key(
        "files of the host with environment variables", ()
    )
    labels: Pairs = key("labels of the container", (), shown=False)
    annotations: Pairs = key("annotations for the OCI runtime; takes API 1.43 (Docker 24)", ())
    tty: bool = key("whether it has a terminal", False)
    stdin_open: bool = key("whether its input stays open", False)
    init: bool | None = key("whether a small init comes first; as the engine is set up if not given", None)

    restart: Restart | None = key("no, always, unless-stopped or on-failure[:times]", None)
    healthcheck: Healthcheck | None = key("how it is known whether it is well", None)
    depends_on: tuple[str, ...] | Mapping[str, Dependency | None] = key("containers that come before it", ())
    stop_signal: Signal | None = key("what it is sent to stop; SIGTERM if the image says nothing", None)
    stop_grace_period: Span | None = key("how long it may take to stop; 10s if not given", None)
    logging: Logging | None = key("where its output goes", None)

    ports: tuple[ShortPort | Port, ...] = key('ports of the host: "8080:80"', ())
    expose: tuple[Exposed, ...] = key("ports that it has for other containers; for people", ())
    networks: Networks = key("networks that it is in; if none are given, one for all such containers", ())
    network_mode: str = key("host, none, bridge, container:NAME or service:NAME instead of networks", "")
    links: tuple[str, ...] = key("other names for other containers: db:database", ())
    external_links: tuple[str, ...] = key("as links", ())
    hostname: str = key("its host name", "")
    domainname: str = key("its domain", "")
    mac_address: Mac | None = key("its MAC address in its first network", None)
    dns: Address | tuple[Address, ...] = key("name servers", ())
    dns_search: Listed = key("domains to look in", ())
    dns_opt: tuple[str, ...] = key("options of resolv.conf(5)", ())
    extra_hosts: HostList = key('lines of /etc/hosts: "db=10.0.0.5"', ())

    volumes: tuple[ShortMount | Mount, ...] = key(
        '"data:/data", "/etc/web:/etc/web:ro", or the long form', ()
    )
    volumes_from: tuple[str, ...] = key("containers whose volumes it has, too", ())
    tmpfs: Listed = key("folders in memory: /run, or /tmp:size=64m", ())
    secrets: tuple[ShortGiven | Given, ...] = key("files of the host, below /run/secrets", ())
    configs: tuple[ShortGiven | Given, ...] = key("files of the host, below /", ())
    devices: tuple[ShortDevice | Device, ...] = key("/dev/ttyUSB0, or the CDI name of a device", ())
    device_cgroup_rules: tuple[str, ...] = key("devices that it may use: c 188:* rmw", ())
    read_only: bool = key("whether its own files cannot be written to", False)
    shm_size: Size | None = key("size of /dev/shm; 64m if not given", None)
    storage_opt: Pairs = key("options of the storage driver: {size: 1G}", ())

    cap_add: tuple[str, ...] = key("capabilities that it gets: NET_ADMIN", ())
    cap_drop: tuple[str, ...] = key("capabilities that it loses: ALL", ())
    security_opt: tuple[str, ...] = key("no-new-privileges:true, apparmor=…, seccomp=/a/file, label=…", ())
    privileged: bool = key("whether it may do all that the host may", False)
    userns_mode: str = key("host: not in the engine's user namespace", "")
    pid: str = key("host, container:NAME or service:NAME: whose processes it sees", "")
    ipc: str = key("host, private, shareable, none, container:NAME or service:NAME", "")
    uts: str = key("host: it has the host's name", "")
    cgroup: Literal["host", "private"] | None = key("host or private: which cgroup namespace it is in", None)
    cgroup_parent: str = key("the cgroup above its own", "")
    sysctls: Pairs = key("kernel parameters of its namespaces", ())
    ulimits: Mapping[str, Whole | Ulimit] = field(
        default_factory=dict, metadata={"doc": "limits of its processes: {nofile: 65536}"}
    )
    runtime: str = key("the OCI runtime, if not that of the engine", "")

    deploy: Deploy | None = key("limits and reservations, below resources", None)
    mem_limit: Size | None = key("the most memory that it may use", None)
    mem_reservation: Size | None = key("memory that it gets when it is scarce", None)
    memswap_limit: Size | None = key("memory and swap together; -1: no limit of swap", None)
    mem_swappiness: Whole | None = key("how readily it is swapped out, from 0 to 100", None)
    oom_kill_disable: bool = key("whether it is not killed when memory runs out; cgroup v1 only", False)
    oom_score_adj: Whole = key("how likely it is killed when memory runs out, from -1000 to 1000", Whole())
    cpus: Cpus | None = key("how many processors it may use: 0.5", None)
    cpu_shares: Whole | None = key("its weight beside other containers; 1024 is usual", None)
    cpu_quota: Whole | None = key("microseconds of processor time in each cpu_period", None)
    cpu_period: Whole | None = key("microseconds", None)
    cpuset: str = key("the processors that it may use: 0-2,4", "")
    pids_limit: Whole | None = key("how many processes it may have; -1: any number", None)
    blkio_config: Blkio | None = key("what it may do with block devices", None)

    service: str = field(
        default="", metadata={"hidden": True}
    )  # the entry's name, where the container has another one

    REFUSED: ClassVar[Mapping[str, str]] = refused.SERVICE
