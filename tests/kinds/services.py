"""Entries with the keys of a Compose service, for tests: one of each key, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.kinds._service.payload import Effective, effective
from agent.kinds._service.spec import ContainerSpec


def read(text: str) -> ContainerSpec:
    node = parse(text.encode(), "f.yaml")
    assert node is not None
    return decode(node, ContainerSpec)


def web(text: str) -> ContainerSpec:
    """Return what a container says that has an image, and this."""
    return read(f"image: web\n{text}")


FILES: Mapping[str, str] = {
    "/etc/web/env": "LOG=debug\nDB_URL=postgres://u:hunter2@db/x\n",
    "/etc/web/more": "RAW='as it is'\n",
    "/etc/seccomp.json": '{\n "defaultAction": "SCMP_ACT_ALLOW"\n}',
}


def made(text: str, name: str = "web") -> Effective:
    return effective(name, web(text), FILES)


ONE_OF_EACH: Mapping[str, str] = {
    "adopt": "true",
    "reload_signal": "HUP",
    "pull_policy": "daily",
    "platform": "linux/arm64/v8",
    "container_name": "shop-web",
    "command": "nginx -g 'daemon off;'",
    "entrypoint": "[sh, -c]",
    "working_dir": "/srv",
    "user": "1000:1000",
    "group_add": "[video, 44]",
    "environment": "{LOG: info, N: 1.10, B: true}",
    "env_file": "[/etc/web/env, {path: /etc/web/more, required: false, format: raw}]",
    "labels": "[a=b, c]",
    "annotations": "{a: b}",
    "tty": "true",
    "stdin_open": "true",
    "init": "false",
    "restart": "on-failure:3",
    "healthcheck": "{test: [CMD, wget, -q, 'http://localhost/'], interval: 10s, retries: '5'}",
    "depends_on": "{db: {condition: service_healthy, restart: true, required: false}}",
    "stop_signal": "SIGQUIT",
    "stop_grace_period": "1m30s",
    "logging": "{driver: journald, options: {tag: web}}",
    "ports": "['8080:80', 443, {target: 81, published: 8081, host_ip: '::1', protocol: udp, mode: host}]",
    "expose": "[80, 90-91/udp]",
    "networks": "{front: {aliases: [www], ipv4_address: 10.0.0.5, priority: 10}, back: {}}",
    "network_mode": "service:proxy",
    "links": "[db:database]",
    "external_links": "[cache]",
    "hostname": "web",
    "domainname": "example.com",
    "mac_address": "02:42:ac:11:00:02",
    "dns": "10.0.0.1",
    "dns_search": "[a.example, b.example]",
    "dns_opt": "[ndots:2]",
    "extra_hosts": "[db=10.0.0.5, 'v6=[::1]', 'gw:host-gateway']",
    "volumes": "[data:/data, '/etc/web:/etc/web:ro', /anonymous, {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 1777}}]",
    "volumes_from": "['container:db:ro']",
    "tmpfs": "/run:size=64m",
    "secrets": "[/etc/web/key, {source: /etc/web/other, target: there}]",
    "configs": "[/etc/web/web.conf]",
    "devices": "['/dev/ttyUSB0:/dev/tty:rw', nvidia.com/gpu=all, {source: /dev/null}]",
    "device_cgroup_rules": "['c 188:* rmw']",
    "read_only": "true",
    "shm_size": "128m",
    "storage_opt": "{size: 1G}",
    "cap_add": "[NET_ADMIN]",
    "cap_drop": "[ALL]",
    "security_opt": "['no-new-privileges:true', seccomp=/etc/seccomp.json]",
    "privileged": "true",
    "userns_mode": "host",
    "pid": "host",
    "ipc": "container:db",
    "uts": "host",
    "cgroup": "private",
    "cgroup_parent": "/web",
    "sysctls": "[net.core.somaxconn=1024]",
    "ulimits": "{nproc: 65, nofile: {soft: 100, hard: 200}}",
    "runtime": "runc",
    "deploy": "{resources: {limits: {cpus: '0.5', memory: 64m, pids: 9}, reservations: {memory: 32m, cpus: 0.1}}}",
    "mem_limit": "64m",
    "mem_reservation": "32m",
    "memswap_limit": "-1",
    "mem_swappiness": "0",
    "oom_kill_disable": "true",
    "oom_score_adj": "-500",
    "cpus": "1.5",
    "cpu_shares": "'512'",
    "cpu_quota": "50000",
    "cpu_period": "100000",
    "cpuset": "0-2,4",
    "pids_limit": "-1",
    "blkio_config": "{weight: 300, device_read_bps: [{path: /dev/sda, rate: 1mb}]}",
}
