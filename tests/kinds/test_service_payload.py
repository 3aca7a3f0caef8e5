"""What a container engine is asked for, key by key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from agent.errors import HostError
from agent.kinds._service import asks
from agent.kinds._service.payload import effective
from agent.kinds._service.resources import NOT_LIMITED
from tests.kinds.services import made, web


def at(config: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a path with dots, or None."""
    value: Any = config
    for part in path.split("."):
        value = value.get(part) if value else None
    return value


def test_of_an_image_alone_nothing_else_is_asked_for() -> None:
    """What is not declared is as the image and the engine have it; its network and its policy are trued's to say."""
    policy = {"Name": "no", "MaximumRetryCount": 0}

    assert {
        "Image": "web:latest",
        "HostConfig": {"NetworkMode": "trued_default", "RestartPolicy": policy},
    } == made("").config
    assert {"trued_default": {"Aliases": ["web"]}} == made("").endpoints
    assert {"image": "web:latest"} == made("").declared
    assert NOT_LIMITED == made("").tunable


ASKED: Mapping[str, Mapping[str, Any]] = {
    "command: nginx -g 'daemon off;'": {"Cmd": ["nginx", "-g", "daemon off;"], "Entrypoint": None},
    "command: []": {"Cmd": []},
    "entrypoint: ''": {"Entrypoint": [], "Cmd": None},
    "environment: {B: '2', A: ''}": {"Env": ["A=", "B=2"]},
    "environment: [A]": {"Env": ["A"]},
    "labels: [b=c, a]": {"Labels": {"a": "", "b": "c"}},
    "annotations: {a: b}": {"HostConfig.Annotations": {"a": "b"}},
    "working_dir: /srv": {"WorkingDir": "/srv"},
    "user: 1000:1000": {"User": "1000:1000"},
    "group_add: [video, 44]": {"HostConfig.GroupAdd": ["video", "44"]},
    "tty: true\nstdin_open: true": {"Tty": True, "OpenStdin": True},
    "init: false": {"HostConfig.Init": False},
    "init: true": {"HostConfig.Init": True},
    "restart: on-failure:3": {"HostConfig.RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
    "restart: always": {"HostConfig.RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
    "healthcheck: {test: 'wget -q x', interval: 10s, retries: 2, start_period: 1m}": {
        "Healthcheck": {
            "Test": ["CMD-SHELL", "wget -q x"],
            "Interval": 10 * 10**9,
            "Retries": 2,
            "StartPeriod": 60 * 10**9,
        }
    },
    "healthcheck: {test: [CMD, true]}": {"Healthcheck": {"Test": ["CMD", "true"]}},
    "healthcheck: {disable: true}": {"Healthcheck": {"Test": ["NONE"]}},
    "healthcheck: {test: [NONE]}": {"Healthcheck": {"Test": ["NONE"]}},
    "healthcheck: {timeout: 1s}": {"Healthcheck": {"Timeout": 10**9}},
    "stop_signal: QUIT\nstop_grace_period: 1m30s": {"StopSignal": "SIGQUIT", "StopTimeout": 90},
    "stop_grace_period: '0'": {"StopTimeout": 0},
    "logging: {driver: journald, options: {tag: web}}": {
        "HostConfig.LogConfig": {"Type": "journald", "Config": {"tag": "web"}}
    },
    "logging: {options: {max-size: 10m, max-file: 3}}": {
        "HostConfig.LogConfig": {"Config": {"max-size": "10m", "max-file": "3"}}
    },
    "ports: ['8080:80', '127.0.0.1:8081:80', 443/udp]": {
        "ExposedPorts": {"80/tcp": {}, "443/udp": {}},
        "HostConfig.PortBindings": {
            "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "8081"}],
            "443/udp": [{"HostIp": "", "HostPort": ""}],
        },
    },
    "expose: [80, 90-91/udp]": {
        "ExposedPorts": {"80/tcp": {}, "90/udp": {}, "91/udp": {}},
        "HostConfig.PortBindings": None,
    },
    "network_mode: host": {"HostConfig.NetworkMode": "host"},
    "network_mode: service:db": {"HostConfig.NetworkMode": "container:db"},
    "networks: {aa: {}, bb: {priority: 1}}": {"HostConfig.NetworkMode": "bb"},
    "network_mode: bridge\nlinks: [db:database, cache]": {
        "HostConfig.Links": ["db:database", "cache:cache"]
    },
    "links: [db]": {"HostConfig.Links": None},
    "hostname: h1\ndomainname: example.com": {"Hostname": "h1", "Domainname": "example.com"},
    "mac_address: 02-42-AC-11-00-02": {"MacAddress": "02:42:ac:11:00:02"},
    "dns: 10.0.0.1\ndns_search: [a.b]\ndns_opt: [ndots:2]": {
        "HostConfig.Dns": ["10.0.0.1"],
        "HostConfig.DnsSearch": ["a.b"],
        "HostConfig.DnsOptions": ["ndots:2"],
    },
    "extra_hosts: [db=10.0.0.5, 'v6=[::1]']": {"HostConfig.ExtraHosts": ["db:10.0.0.5", "v6:::1"]},
    "volumes: ['data:/data', '/etc/web:/etc/web:ro', '/a:/b:z,rslave', 'cache:/c:nocopy']": {
        "HostConfig.Binds": [
            "data:/data:rw",
            "/etc/web:/etc/web:ro",
            "/a:/b:rw,z,rslave",
            "cache:/c:rw,nocopy",
        ],
        "HostConfig.Mounts": None,
    },
    "volumes: [/anonymous]": {
        "HostConfig.Binds": None,
        "HostConfig.Mounts": [{"Type": "volume", "Target": "/anonymous"}],
    },
    "volumes: [{type: bind, source: /a, target: /b}]": {"HostConfig.Binds": ["/a:/b:rw"]},
    "volumes: [{type: bind, source: /a, target: /b, read_only: true, bind: {create_host_path: false, propagation: shared}}]": {
        "HostConfig.Mounts": [
            {
                "Type": "bind",
                "Target": "/b",
                "Source": "/a",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "shared"},
            }
        ]
    },
    "volumes: [{type: bind, source: '/a:b', target: /b}]": {
        "HostConfig.Mounts": [
            {"Type": "bind", "Target": "/b", "Source": "/a:b", "BindOptions": {"CreateMountpoint": True}}
        ]
    },
    "volumes: [{type: volume, source: data, target: /b, volume: {subpath: x, labels: {a: b}}}]": {
        "HostConfig.Mounts": [
            {
                "Type": "volume",
                "Target": "/b",
                "Source": "data",
                "VolumeOptions": {"Labels": {"a": "b"}, "Subpath": "x"},
            }
        ]
    },
    "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 1777}}]": {
        "HostConfig.Mounts": [
            {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o1777}}
        ]
    },
    "tmpfs: [/run, '/tmp/:size=64m']": {"HostConfig.Tmpfs": {"/run": "", "/tmp": "size=64m"}},
    "secrets: [/etc/key, {source: /etc/k2, target: two}]": {
        "HostConfig.Mounts": [
            {"Type": "bind", "Source": "/etc/key", "Target": "/run/secrets/key", "ReadOnly": True},
            {"Type": "bind", "Source": "/etc/k2", "Target": "/run/secrets/two", "ReadOnly": True},
        ]
    },
    "configs: [/etc/c1, {source: /etc/c2, target: /x/y}]": {
        "HostConfig.Mounts": [
            {"Type": "bind", "Source": "/etc/c1", "Target": "/c1", "ReadOnly": True},
            {"Type": "bind", "Source": "/etc/c2", "Target": "/x/y", "ReadOnly": True},
        ]
    },
    "volumes_from: ['container:db:ro', cache]": {"HostConfig.VolumesFrom": ["db:ro", "cache"]},
    "devices: ['/dev/tty1:/dev/tty:rw', /dev/null, nvidia.com/gpu=all]": {
        "HostConfig.Devices": [
            {"PathOnHost": "/dev/tty1", "PathInContainer": "/dev/tty", "CgroupPermissions": "rw"},
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"},
        ],
        "HostConfig.DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}],
    },
    "device_cgroup_rules: ['c 1:* r']": {"HostConfig.DeviceCgroupRules": ["c 1:* r"]},
    "read_only: true\nprivileged: true": {"HostConfig.ReadonlyRootfs": True, "HostConfig.Privileged": True},
    "shm_size: 128m": {"HostConfig.ShmSize": 128 << 20},
    "storage_opt: {size: 1G}": {"HostConfig.StorageOpt": {"size": "1G"}},
    "cap_add: [NET_ADMIN]\ncap_drop: [ALL]": {
        "HostConfig.CapAdd": ["NET_ADMIN"],
        "HostConfig.CapDrop": ["ALL"],
    },
    "security_opt: ['no-new-privileges:true', 'label:disable', seccomp=/etc/seccomp.json]": {
        "HostConfig.SecurityOpt": [
            "no-new-privileges=true",
            "label=disable",
            'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        ]
    },
    "security_opt: [systempaths=unconfined, no-new-privileges]": {
        "HostConfig.SecurityOpt": ["no-new-privileges"],
        "HostConfig.MaskedPaths": [],
        "HostConfig.ReadonlyPaths": [],
    },
    "userns_mode: host\npid: service:db\nipc: shareable\nuts: host\ncgroup: private\ncgroup_parent: /x\nruntime: runc": {
        "HostConfig.UsernsMode": "host",
        "HostConfig.PidMode": "container:db",
        "HostConfig.IpcMode": "shareable",
        "HostConfig.UTSMode": "host",
        "HostConfig.CgroupnsMode": "private",
        "HostConfig.CgroupParent": "/x",
        "HostConfig.Runtime": "runc",
    },
    "sysctls: {net.core.somaxconn: 1024}": {"HostConfig.Sysctls": {"net.core.somaxconn": "1024"}},
    "ulimits: {nproc: 65, nofile: {soft: 1, hard: 2}}": {
        "HostConfig.Ulimits": [
            {"Name": "nofile", "Soft": 1, "Hard": 2},
            {"Name": "nproc", "Soft": 65, "Hard": 65},
        ]
    },
    "mem_limit: 64m": {"HostConfig.Memory": 64 << 20, "HostConfig.MemorySwap": 128 << 20},
    "mem_limit: 64m\nmemswap_limit: -1": {"HostConfig.MemorySwap": -1},
    "mem_reservation: 32m": {"HostConfig.MemoryReservation": 32 << 20, "HostConfig.Memory": None},
    "deploy: {resources: {limits: {cpus: 0.5, memory: 64m, pids: 9}, reservations: {memory: 32m}}}": {
        "HostConfig.NanoCpus": 5 * 10**8,
        "HostConfig.Memory": 64 << 20,
        "HostConfig.PidsLimit": 9,
        "HostConfig.MemoryReservation": 32 << 20,
    },
    "mem_swappiness: 0\noom_score_adj: -5\noom_kill_disable: true": {
        "HostConfig.MemorySwappiness": 0,
        "HostConfig.OomScoreAdj": -5,
        "HostConfig.OomKillDisable": True,
    },
    "cpu_shares: 512\ncpu_quota: 5000\ncpu_period: 10000\ncpuset: 0-1": {
        "HostConfig.CpuShares": 512,
        "HostConfig.CpuQuota": 5000,
        "HostConfig.CpuPeriod": 10000,
        "HostConfig.CpusetCpus": "0-1",
    },
    "pids_limit: -1": {"HostConfig.PidsLimit": None},
    "blkio_config: {weight: 300, device_write_iops: [{path: /dev/sda, rate: 9}]}": {
        "HostConfig.BlkioWeight": 300,
        "HostConfig.BlkioDeviceWriteIOps": [{"Path": "/dev/sda", "Rate": 9}],
    },
}


@pytest.mark.parametrize("text", ASKED)
def test_each_key_is_asked_for_as_compose_does(text: str) -> None:
    config = made(text).config

    assert ASKED[text] == {path: at(config, path) for path in ASKED[text]}
    json.dumps(config)


def test_in_each_network_it_has_its_names() -> None:
    text = "networks: {back: {aliases: [db, web]}, front: {priority: 1, ipv4_address: 10.0.0.5, link_local_ips: [169.254.1.1]}}"
    found = made(text).endpoints

    assert ["front", "back"] == list(found)
    assert {"Aliases": ["web", "db"]} == found["back"]
    assert {"IPv4Address": "10.0.0.5", "LinkLocalIPs": ["169.254.1.1"]} == found["front"]["IPAMConfig"]


def test_a_mac_address_is_that_of_the_first_network() -> None:
    text = "mac_address: '02:00:00:00:00:01'\nnetworks: {aa: {}, bb: {mac_address: '02:00:00:00:00:02'}}"
    whole = made(text)

    assert "02:00:00:00:00:01" == whole.config["MacAddress"]
    assert ["02:00:00:00:00:01", "02:00:00:00:00:02"] == [
        one["MacAddress"] for one in whole.endpoints.values()
    ]


def test_a_container_with_a_name_of_its_own_has_that_of_its_entry_too() -> None:
    found = made("container_name: shop-web").endpoints

    assert ["shop-web", "web"] == found["trued_default"]["Aliases"]


def test_links_are_names_in_its_networks() -> None:
    assert ["db:database"] == made("links: ['db:database']").endpoints["trued_default"]["Links"]


@pytest.mark.parametrize("mode", ["host", "none", "bridge", "container:db"])
def test_with_the_network_of_somebody_else_it_is_in_none(mode: str) -> None:
    assert {} == made(f"network_mode: {mode}").endpoints
    assert () == asks.network_names(web(f"network_mode: {mode}"))


def test_a_seccomp_profile_has_to_be_there_and_to_be_one() -> None:
    spec = web("security_opt: [seccomp=/p.json]")

    assert ("/p.json",) == asks.env_file_paths(spec)
    with pytest.raises(HostError, match="/p.json is not there"):
        effective("web", spec, {})
    with pytest.raises(HostError, match="in JSON"):
        effective("web", spec, {"/p.json": "no"})
