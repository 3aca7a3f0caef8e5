"""The Compose files of tests/compose, which together say all that a service can: they load, and don't disturb each other."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from agent.desired.load import load
from agent.documents.nodes import Map, to_plain
from agent.documents.parse import parse
from agent.kinds import discover
from agent.model import ResourceId
from tests.compose_section.shop import HOST, KINDS, tree

FOLDER = Path(__file__).parents[1] / "compose"
FILES = sorted(FOLDER.rglob("*.yaml"))
BESIDE = {
    f"c/{path.relative_to(FOLDER)}": path.read_bytes()
    for path in FOLDER.rglob("*")
    if path.is_file() and path.suffix != ".yaml"
}
KEYS = [
    "image",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "ports",
    "volumes",
    "networks",
    "network_mode",
    "depends_on",
    "healthcheck",
    "labels",
    "logging",
    "ulimits",
    "cap_add",
    "cap_drop",
    "devices",
    "device_cgroup_rules",
    "security_opt",
    "read_only",
    "tmpfs",
    "sysctls",
    "shm_size",
    "user",
    "group_add",
    "working_dir",
    "hostname",
    "domainname",
    "extra_hosts",
    "dns",
    "dns_search",
    "dns_opt",
    "init",
    "privileged",
    "pid",
    "ipc",
    "uts",
    "userns_mode",
    "cgroup_parent",
    "mac_address",
    "stop_signal",
    "stop_grace_period",
    "restart",
    "platform",
    "pull_policy",
    "secrets",
    "configs",
    "deploy",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "cpus",
    "cpu_shares",
    "cpuset",
    "pids_limit",
    "oom_score_adj",
    "runtime",
    "annotations",
    "tty",
    "stdin_open",
    "container_name",
    "expose",
    "volumes_from",
    "links",
]


def services(path: Path) -> dict[str, dict[str, object]]:
    node = parse(path.read_bytes(), path.name)
    assert isinstance(node, Map)
    found = to_plain(node.entries["services"])
    assert isinstance(found, dict)
    return found  # type: ignore[return-value] # services are mappings


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_loads(path: Path) -> None:
    """With the kinds that there are, and with those that take anything."""
    name = path.relative_to(FOLDER)
    commit = tree(
        document=f"compose: {{{path.stem}: c/{name}}}", files={**BESIDE, f"c/{name}": path.read_bytes()}
    )
    wanted = {key for key, keys in services(path).items() if "profiles" not in keys}

    load(commit, "c0ffee", HOST, discover())
    state = load(commit, "c0ffee", HOST, KINDS)
    names = {ResourceId("container", f"{path.stem}-{key}") for key in wanted}
    assert len(names) == sum(id_.kind == "container" for id_ in state.resources)


def test_together_they_say_all_that_a_service_can() -> None:
    said = {key for path in FILES for keys in services(path).values() for key in keys}

    assert set() == set(KEYS) - said


def test_no_port_of_the_host_is_in_two_of_them() -> None:
    """Nor is one open to others than this machine."""
    ports = Counter(
        port
        for path in FILES
        for port in set(re.findall(r"\b18[0-9]{3}\b", re.sub("#.*", "", path.read_text("utf-8"))))
    )
    published = [
        str(port) for path in FILES for keys in services(path).values() for port in keys.get("ports", ())
    ]  # type: ignore[attr-defined] # a list

    assert {} == {port: times for port, times in ports.items() if times > 1}
    assert all("127.0.0.1" in port for port in published)
