"""One key of a Compose file at a time, on a real engine: what becomes of its service, and of no other; and what else holds of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.engine import composed
from tests.engine.docker import Docker
from tests.engine.test_containers import assert_quiet, outcomes
from tests.fleet import Fleet

BOX: Mapping[str, Any] = {"image": "trued-test/box:1"}
# Of one that ends at once it is known at once whether it is well; a new one that stays is watched for a second.
SHORT: Mapping[str, Any] = {**BOX, "command": ["true"], "restart": "no"}
Change = tuple[Mapping[str, Any], Mapping[str, Any], str]

# What is said of a service, before and after, and what the reason is to say. Each stands in a service of its own.
ANEW: Mapping[str, Change] = {
    "environment": (
        {"environment": {"LOG": "info"}},
        {"environment": {"LOG": "debug"}},
        "environment.LOG: info -> debug",
    ),
    "command": ({}, {"command": "sh -c true"}, "command"),
    "entrypoint": ({}, {"entrypoint": ["true"]}, "entrypoint"),
    "image": ({}, {"image": "trued-test/box:2"}, "image: trued-test/box:1 -> trued-test/box:2"),
    "ports": ({"ports": ["127.0.0.1:18101:80"]}, {"ports": ["127.0.0.1:18102:80"]}, "ports"),
    "volumes": ({"volumes": ["data:/data"]}, {"volumes": ["data:/data:ro"]}, "volumes./data"),
    "labels": ({"labels": {"team": "ops"}}, {"labels": {"team": "web"}}, "labels.team"),
    "healthcheck": (
        {"command": "sleep 1000", "healthcheck": {"test": ["CMD", "true"], "interval": "100ms"}},
        {"command": "sleep 1000", "healthcheck": {"test": ["CMD", "true"], "interval": "200ms"}},
        "healthcheck",
    ),
    "cap-add": ({"cap_add": ["CHOWN"]}, {"cap_add": ["CHOWN", "KILL"]}, "cap_add"),
    "user": ({"user": "0"}, {"user": "0:0"}, "user"),
    "working-dir": ({"working_dir": "/"}, {"working_dir": "/bin"}, "working_dir"),
    "hostname": ({"hostname": "one"}, {"hostname": "two"}, "hostname"),
    "extra-hosts": (
        {"extra_hosts": ["db:10.0.0.5"]},
        {"extra_hosts": {"db": "10.0.0.6"}},
        "extra_hosts.db",
    ),
    "dns": ({"dns": "127.0.0.1"}, {"dns": "127.0.0.2"}, "dns"),
    "tmpfs": ({"tmpfs": "/tmp"}, {"tmpfs": ["/tmp", "/run:size=1m"]}, "tmpfs./run"),
    "ulimits": ({"ulimits": {"nofile": 4096}}, {"ulimits": {"nofile": 2048}}, "ulimits.nofile"),
    "logging": (
        {"logging": {"driver": "json-file"}},
        {"logging": {"driver": "json-file", "options": {"max-size": "1m"}}},
        "logging.options.max-size",
    ),
    "stop-grace-period": ({"stop_grace_period": "1s"}, {"stop_grace_period": "2s"}, "stop_grace_period"),
    "read-only": ({}, {"read_only": True}, "read_only"),
    "init": ({}, {"init": True}, "init"),
    "sysctls": (
        {"sysctls": {"net.core.somaxconn": 1024}},
        {"sysctls": {"net.core.somaxconn": 2048}},
        "sysctls.net.core.somaxconn",
    ),
    "shm-size": ({"shm_size": "8m"}, {"shm_size": "16m"}, "shm_size"),
    "lifted": ({"mem_limit": "64m"}, {}, "memory limit is no longer declared"),
    "env-file": ({"env_file": "web.env"}, {}, "environment.FROM_FILE"),  # whose content changes
}
IN_PLACE: Mapping[str, Change] = {
    "restart": ({"restart": "always"}, {"restart": "unless-stopped"}, "restart: always -> unless-stopped"),
    "mem-limit": ({"mem_limit": "64m"}, {"mem_limit": "96m"}, "memory limit: "),
    "pids-limit": ({"pids_limit": 100}, {"pids_limit": 200}, "pids limit: 100 -> 200"),
    "cpu-shares": ({"cpu_shares": 512}, {"cpu_shares": 256}, "cpu_shares: 512 -> 256"),
    "aliases": (
        {"networks": {"back": {"aliases": ["one"]}}},
        {"networks": {"back": {"aliases": ["two"]}}},
        "networks.shop_back: aliases differ",
    ),
    "networks": ({"networks": ["back"]}, {"networks": ["back", "default"]}, "networks.shop_default: is not"),
}
# Each listens to a file of the repository whose content changes; its container is restarted.
RESTARTED: Mapping[str, Mapping[str, Any]] = {
    "mounted-file": {"volumes": ["./web.conf:/etc/web.conf:ro"]},
    "secret": {"secrets": ["password"]},
    "config": {"configs": ["settings"]},
}
FILES: Mapping[str, tuple[str, str]] = {
    "web.env": ("FROM_FILE=one\n", "FROM_FILE=two\n"),
    "web.conf": ("one\n", "two\n"),
    "password": ("one\n", "two\n"),
}


def project(services: Mapping[str, Any], settings: str = "one") -> Mapping[str, Any]:
    return {
        "services": {**services, "still": BOX},
        "networks": {"back": {}},
        "volumes": {"data": {}},
        "secrets": {"password": {"file": "password"}},
        "configs": {"settings": {"content": settings}},
    }


def declare(fleet: Fleet, file: Mapping[str, Any], now: int = 0, **entry: object) -> None:
    """Declare a Compose file as the project shop; `now`: which content its files have."""
    said = {"source": "shop/compose.yaml", "directory": str(fleet.path.parent / "shop"), **entry}
    beside = {f"base/shop/{name}": content[now] for name, content in FILES.items()}
    fleet.declare({"compose": {"shop": said}}, {**beside, "base/shop/compose.yaml": composed.written(file)})


def ids(docker: Docker) -> dict[str, str]:
    return {service: one["Id"] for service, one in composed.services(docker, "shop").items()}


@pytest.mark.slow
def test_what_only_a_new_container_can_have_takes_one(fleet: Fleet, docker: Docker) -> None:
    """Of the service alone that says something else, and its key is the reason."""
    before = {name: {**SHORT, **said} for name, (said, _, _) in ANEW.items()}
    after = {name: {**SHORT, **said} for name, (_, said, _) in ANEW.items()}
    after["env-file"] = before["env-file"]
    declare(fleet, project(before))
    fleet.apply()
    made = ids(docker)
    declare(fleet, project(after), now=1)
    changed = outcomes(fleet.apply())

    found = ids(docker)
    assert {*ANEW, "still"} == found.keys()
    assert {"still"} == {name for name, id_ in found.items() if made[name] == id_}
    assert {} == wrong(changed, {name: reason for name, (_, _, reason) in ANEW.items()})
    assert_quiet(fleet)


def test_what_a_live_container_can_be_given_takes_no_new_one(fleet: Fleet, docker: Docker) -> None:
    """Limits, the restart policy, networks and their aliases: all keep their container."""
    declare(fleet, project({name: {**BOX, **said} for name, (said, _, _) in IN_PLACE.items()}))
    fleet.apply()
    made = ids(docker)
    declare(fleet, project({name: {**BOX, **said} for name, (_, said, _) in IN_PLACE.items()}))
    changed = outcomes(fleet.apply())

    assert made == ids(docker)
    assert {} == wrong(changed, {name: reason for name, (_, _, reason) in IN_PLACE.items()})
    assert_quiet(fleet)


def test_a_file_that_is_mounted_and_changes_restarts_its_service_alone(fleet: Fleet, docker: Docker) -> None:
    """From the repository, a secret, a config."""
    services = {name: {**BOX, **said} for name, said in RESTARTED.items()}
    declare(fleet, project(services))
    fleet.apply()
    made = composed.services(docker, "shop")
    declare(fleet, project(services, settings="two"), now=1)
    changed = outcomes(fleet.apply())

    found = composed.services(docker, "shop")
    assert {name: one["Id"] for name, one in made.items()} == {
        name: one["Id"] for name, one in found.items()
    }
    assert {"still"} == {name for name, one in found.items() if started(one) == started(made[name])}
    assert {} == wrong(changed, dict.fromkeys(RESTARTED, "restarted, file:"))
    assert_quiet(fleet)


def test_docker_compose_finds_what_trued_has_made(fleet: Fleet, docker: Docker) -> None:
    """`ps` and `logs` of the project say what they would of containers of its own."""
    declare(fleet, project({"web": {**BOX, "command": ["sh", "-c", "echo hello from web; sleep 1000"]}}))
    fleet.apply()
    folder = fleet.path.parent / "shop"
    folder.mkdir(exist_ok=True)
    (folder / "compose.yaml").write_text(composed.written({"services": {"web": BOX, "still": BOX}}))

    running = composed.docker_compose(
        docker, "shop", folder, "ps", "--services", "--filter", "status=running"
    )
    assert {"web", "still"} == set(running.split())
    assert {one["Id"] for one in composed.services(docker, "shop").values()} == set(
        composed.docker_compose(docker, "shop", folder, "ps", "--quiet").split()
    )
    assert "hello from web" in composed.docker_compose(docker, "shop", folder, "logs", "web")


def test_who_needs_a_project_needs_all_of_it(fleet: Fleet, docker: Docker) -> None:
    """A container that comes after it waits for what it cannot have."""
    after = {"containers": {"after": {**BOX, "needs": ["compose:shop"]}}}
    entry = {"source": "shop/compose.yaml", "directory": str(fleet.path.parent / "shop")}
    bad = {**BOX, "command": ["false"]}

    def declare_both(web: Mapping[str, Any]) -> None:
        file = composed.written({"services": {"web": web, "still": BOX}})
        fleet.declare({"compose": {"shop": entry}, **after}, {"base/shop/compose.yaml": file})

    declare_both(bad)
    blocked = outcomes(fleet.apply(code=3))
    assert ("blocked", "failed") == (blocked["container:after"][0], blocked["container:shop-web"][0])
    declare_both(BOX)
    assert "changed" == outcomes(fleet.apply())["container:after"][0]
    assert docker.api.inspect_container("after")["State"]["Running"]
    assert_quiet(fleet)


def test_drift_of_a_project_is_only_told_where_that_is_said(fleet: Fleet, docker: Docker) -> None:
    declare(fleet, project({"web": BOX}), drift="report")
    fleet.apply()
    docker.api.stop("shop-web", timeout=1)
    held = outcomes(fleet.apply(code=3))

    assert {"container:shop-web": "held"} == {name: one[0] for name, one in held.items()}
    assert not docker.api.inspect_container("shop-web")["State"]["Running"]


def test_a_project_that_is_kept_stays_when_it_is_no_longer_declared(fleet: Fleet, docker: Docker) -> None:
    """Its containers, with the network that they are in, are let go of, as they are."""
    declare(fleet, project({"web": BOX}), keep=True)
    fleet.apply()
    made = ids(docker)
    fleet.declare({"files": {}})
    fleet.apply("--allow-removals")

    assert {"web", "still"} == made.keys()
    assert made == ids(docker)
    assert all(one["State"]["Running"] for one in composed.services(docker, "shop").values())
    assert_quiet(fleet)


def started(one: Any) -> str:
    return str(one["State"]["StartedAt"])


def wrong(changed: Mapping[str, tuple[str, str | None, str]], reasons: Mapping[str, str]) -> dict[str, Any]:
    """Return what became of the containers of services, where it is not that, for these reasons."""
    told = {
        name.removeprefix("container:shop-"): one
        for name, one in changed.items()
        if name.startswith("container:")
    }
    return {
        name: told.get(name)
        for name in {*told, *reasons}
        if name not in told
        or name not in reasons
        or told[name][0] != "changed"
        or reasons[name] not in told[name][2]
    }
