"""Containers as they are declared, on real engines: made, kept true, changed, put back, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.fleet import Fleet
from tests.waiting import until

FleetOf = Callable[[Engine], Fleet]


def outcomes(report: Any) -> dict[str, tuple[str, str | None, str]]:
    """Return result, cause and reason of what was not as declared, by id."""
    return {
        name: (one["result"], one["cause"], one["reason"])
        for name, one in report["resources"].items()
        if one["result"] != "unchanged"
    }


def inspect(engine: Engine, name: str = "web") -> Any:
    return engine.api.inspect_container(name)


def names(engine: Engine) -> set[str]:
    return {one["Names"][0].removeprefix("/") for one in engine.api.containers(all=True)}


def assert_quiet(fleet: Fleet) -> None:
    """A second cycle changes nothing, and nothing is planned."""
    assert {} == outcomes(fleet.apply())
    assert [] == fleet.plan(code=0)["entries"]


@pytest.fixture
def host(fleet_of: FleetOf, engine: Engine) -> Fleet:
    return fleet_of(engine)


def test_a_container_with_all_that_it_needs_comes_in_one_cycle(
    host: Fleet, engine: Engine, box: str, tmp_path: Path
) -> None:
    """Files, a volume, a network, an image that is here: each is there before what needs it."""
    conf, env = tmp_path / "web.conf", tmp_path / "web.env"
    host.declare(
        {
            "files": {str(conf): {"content": "one\n"}, str(env): {"content": "FROM_FILE=yes\n"}},
            "networks": {"front": {"labels": {"site": "berlin"}}},
            "volumes": {"web-data": {}},
            "containers": {
                "web": {
                    "image": box,
                    "environment": {"LOG": "info"},
                    "env_file": str(env),
                    "volumes": ["web-data:/data", f"{conf}:/etc/web.conf:ro"],
                    "networks": {"front": {"aliases": ["www"]}},
                    "restart": "unless-stopped",
                    "labels": {"team": "ops"},
                },
                "db": {"image": box, "networks": ["front"]},
            },
        }
    )
    changed = outcomes(host.apply())

    assert {"container:web", "container:db", "network:front", "volume:web-data"} <= changed.keys()
    found = inspect(engine)
    assert {"LOG=info", "FROM_FILE=yes"} <= set(found["Config"]["Env"])
    assert {"/data", "/etc/web.conf"} == {mount["Destination"] for mount in found["Mounts"]}
    assert "ops" == found["Config"]["Labels"]["team"]
    assert found["State"]["Running"]
    assert_quiet(host)


def test_containers_without_a_network_find_each_other_by_name(host: Fleet, engine: Engine, box: str) -> None:
    """As in a Compose project: one network for all that name none."""
    asks = ["sh", "-c", "wget -q -O /dev/null http://web/ && sleep 1000"]
    host.declare(
        {
            "containers": {
                "web": {"image": box},
                "asker": {"image": box, "command": asks, "depends_on": ["web"]},
            }
        }
    )
    host.apply()

    assert {"trued_default"} == inspect(engine, "asker")["NetworkSettings"]["Networks"].keys()
    assert inspect(engine, "asker")["State"]["Running"]
    assert_quiet(host)


def test_a_changed_key_is_the_reason_and_the_only_one(host: Fleet, engine: Engine, box: str) -> None:
    host.declare(
        {"containers": {"web": {"image": box, "environment": {"LOG": "info"}}, "db": {"image": box}}}
    )
    host.apply()
    before = inspect(engine)["Id"], inspect(engine, "db")["Id"]
    host.declare(
        {"containers": {"web": {"image": box, "environment": {"LOG": "debug"}}, "db": {"image": box}}}
    )
    changed = outcomes(host.apply())

    assert {"container:web": ("changed", "commit", "environment.LOG: info -> debug")} == changed
    assert before[0] != inspect(engine)["Id"]
    assert before[1] == inspect(engine, "db")["Id"]
    assert {"web", "db"} == names(engine)
    assert_quiet(host)


DRIFTS: dict[str, tuple[Callable[[Engine], object], str]] = {
    "removed": (lambda engine: engine.api.remove_container("web", force=True), "is missing"),
    "stopped": (lambda engine: engine.api.stop("web", timeout=1), "does not run"),
    "renamed": (lambda engine: engine.api.rename("web", "other"), "is called other"),
    "paused": (lambda engine: engine.api.pause("web"), "is paused"),
    "disconnected": (
        lambda engine: engine.api.disconnect_container_from_network("web", "front"),
        "networks.front: is not connected",
    ),
    "connected elsewhere": (
        lambda engine: engine.api.connect_container_to_network("web", "back"),
        "networks.back: is not declared",
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_repaired_and_nothing_else_is_touched(
    host: Fleet, engine: Engine, box: str, drift: str
) -> None:
    web = {"image": box, "networks": ["front"], "restart": "always"}
    host.declare({"networks": {"front": {}, "back": {}}, "containers": {"web": web, "db": {"image": box}}})
    host.apply()
    before = inspect(engine, "db")["Id"]
    act, words = DRIFTS[drift]
    act(engine)
    changed = outcomes(host.apply())

    assert ["container:web"] == list(changed)
    assert ("changed", "drift") == changed["container:web"][:2]
    assert words in changed["container:web"][2]
    assert before == inspect(engine, "db")["Id"]
    assert_quiet(host)


def test_limits_and_the_restart_policy_are_changed_in_place(fleet: Fleet, docker: Docker, box: str) -> None:
    """What the engine can change in a running container takes no new one; also when somebody else changed it."""
    fleet.declare({"containers": {"web": {"image": box, "mem_limit": "64m", "restart": "always"}}})
    fleet.apply()
    before = inspect(docker)["Id"]
    fleet.declare({"containers": {"web": {"image": box, "mem_limit": "96m", "restart": "unless-stopped"}}})
    changed = outcomes(fleet.apply())

    assert "restart: always -> unless-stopped" in changed["container:web"][2]
    found = inspect(docker)
    assert (before, 96 << 20, "unless-stopped") == (
        found["Id"],
        found["HostConfig"]["Memory"],
        found["HostConfig"]["RestartPolicy"]["Name"],
    )
    docker.api.update_container("web", mem_limit=32 << 20, memswap_limit=64 << 20)
    assert "drift" == outcomes(fleet.apply())["container:web"][1]
    assert before == inspect(docker)["Id"]
    assert_quiet(fleet)


def test_a_container_that_is_stopped_by_hand_stays_stopped_where_drift_is_only_reported(
    host: Fleet, engine: Engine, box: str
) -> None:
    host.declare({"containers": {"web": {"image": box, "restart": "always", "drift": "report"}}})
    host.apply()
    engine.api.stop("web", timeout=1)
    held = outcomes(host.apply(code=3))

    assert "held" == held["container:web"][0]
    assert not inspect(engine)["State"]["Running"]


def test_a_new_one_that_does_not_start_gives_way_to_the_one_before(
    host: Fleet, engine: Engine, box: str
) -> None:
    """It fails with the end of its log; the old one runs again, and nothing is left over."""
    host.declare({"containers": {"web": {"image": box}}})
    host.apply()
    before = inspect(engine)["Id"]
    bad = ["sh", "-c", "echo no such table: lamps; exit 7"]
    host.declare({"containers": {"web": {"image": box, "command": bad}}})
    failed = outcomes(host.apply(code=3))["container:web"]

    assert "failed" == failed[0]
    assert "exit code 7" in failed[2]
    assert "the one before is back" in failed[2]
    found = inspect(engine)
    assert (before, True) == (found["Id"], found["State"]["Running"])
    assert {"web"} == names(engine)
    host.declare({"containers": {"web": {"image": box}}})
    assert {} == outcomes(host.apply())


def test_a_new_one_that_is_never_healthy_gives_way_to_the_one_before(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    fleet.declare({"containers": {"web": {"image": box}}})
    fleet.apply()
    before = inspect(docker)["Id"]
    fleet.declare({"containers": {"web": {"image": "trued-test/box:ill"}}})
    failed = outcomes(fleet.apply(code=3))["container:web"]

    assert "unhealthy" in failed[2]
    assert before == inspect(docker)["Id"]
    assert inspect(docker)["State"]["Running"]
    assert {"web"} == names(docker)


def test_anonymous_volumes_go_with_the_name_and_volumes_stay(host: Fleet, engine: Engine, box: str) -> None:
    """What a container wrote into a volume without a name is there after a recreation; a named one outlives its container."""
    web = {"image": box, "volumes": ["/cache", "web-data:/data"]}
    host.declare({"volumes": {"web-data": {}}, "containers": {"web": web}})
    host.apply()
    run(engine, "web", "sh", "-c", "echo kept >/cache/a; echo kept >/data/b")
    host.declare({"volumes": {"web-data": {}}, "containers": {"web": {**web, "environment": {"NEW": "1"}}}})
    host.apply()

    assert "kept\nkept\n" == run(engine, "web", "cat", "/cache/a", "/data/b")
    host.declare({"files": {}})
    host.apply("--allow-removals")
    assert set() == names(engine)
    assert "web-data" in {one["Name"] for one in engine.api.volumes()["Volumes"]}


def test_a_container_that_trued_did_not_make_is_left_alone(host: Fleet, engine: Engine, box: str) -> None:
    """Its name is taken: blocked and said; with `adopt: true` it is made anew as declared."""
    made = engine.api.create_container(box, name="web")
    engine.api.start("web")
    host.declare({"containers": {"web": {"image": box}}})
    blocked = outcomes(host.apply(code=3))["container:web"]

    assert "blocked" == blocked[0]
    assert "adopt: true" in blocked[2]
    assert made["Id"] == inspect(engine)["Id"]
    host.declare({"containers": {"web": {"image": box, "adopt": True}}})
    assert "changed" == outcomes(host.apply())["container:web"][0]
    assert made["Id"] != inspect(engine)["Id"]


def test_what_was_declared_and_is_no_longer_goes(host: Fleet, engine: Engine, box: str) -> None:
    """In the order of its need: a network only when nobody is in it; and only what trued made."""
    engine.api.create_container(box, name="stranger")
    both = {"web": {"image": box, "networks": ["front"]}, "db": {"image": box}}
    host.declare({"networks": {"front": {}}, "containers": both})
    host.apply()
    host.declare({"containers": {"db": {"image": box}}})
    gone = outcomes(host.apply())

    assert {"container:web", "network:front"} == gone.keys()
    assert {"db", "stranger"} == names(engine)


def test_a_mounted_file_that_changes_restarts_its_container(
    host: Fleet, engine: Engine, box: str, tmp_path: Path
) -> None:
    conf = tmp_path / "web.conf"

    def declare(text: str) -> None:
        web = {"image": box, "volumes": [f"{conf}:/etc/web.conf:ro"]}
        host.declare({"files": {str(conf): {"content": text}}, "containers": {"web": web}})

    declare("one\n")
    host.apply()
    before = inspect(engine)
    declare("two\n")
    changed = outcomes(host.apply())

    assert ("changed", "trigger", f"restarted, file:{conf} changed") == changed["container:web"]
    after = inspect(engine)
    assert before["Id"] == after["Id"]
    assert before["State"]["StartedAt"] != after["State"]["StartedAt"]
    assert "two\n" == run(engine, "web", "cat", "/etc/web.conf")
    assert_quiet(host)


def test_a_file_in_a_mounted_folder_is_told_by_a_signal(
    host: Fleet, engine: Engine, box: str, tmp_path: Path
) -> None:
    conf = tmp_path / "conf/web.conf"
    waits = ["sh", "-c", "trap 'cat /conf/web.conf >/tmp/read' HUP; while :; do sleep 0.1; done"]

    def declare(text: str) -> None:
        web = {
            "image": box,
            "command": waits,
            "volumes": [f"{conf.parent}:/conf"],
            "reload_signal": "SIGHUP",
        }
        host.declare({"files": {str(conf): {"content": text}}, "containers": {"web": web}})

    declare("one\n")
    host.apply()
    before = inspect(engine)["State"]["StartedAt"]
    declare("two\n")
    changed = outcomes(host.apply())

    assert f"got SIGHUP, file:{conf} changed" == changed["container:web"][2]
    assert before == inspect(engine)["State"]["StartedAt"]
    assert_quiet(host)


def test_a_one_shot_that_has_done_its_work_is_as_declared(host: Fleet, engine: Engine, box: str) -> None:
    job = {"image": box, "command": ["true"], "restart": "no"}
    after = {"image": box, "depends_on": {"job": {"condition": "service_completed_successfully"}}}
    host.declare({"containers": {"job": job, "after": after}})
    host.apply()

    assert inspect(engine, "after")["State"]["Running"]
    assert_quiet(host)


def test_what_waits_for_health_waits_for_it(fleet: Fleet, docker: Docker, box: str) -> None:
    ready = {"condition": "service_healthy"}
    fleet.declare(
        {
            "containers": {
                "well": {"image": "trued-test/box:well"},
                "after": {"image": box, "depends_on": {"well": ready}},
                "ill": {"image": "trued-test/box:ill", "stop_signal": "SIGKILL"},
                "never": {"image": box, "depends_on": {"ill": ready}},
            }
        }
    )
    found = outcomes(fleet.apply(code=3))

    assert "changed" == found["container:after"][0]
    assert "failed" == found["container:never"][0]
    assert "ill" in found["container:never"][2]
    assert {"well", "after", "ill"} == names(docker)
    ill = outcomes(fleet.apply(code=3))["container:ill"]
    assert ("failed", None) == ill[:2]
    assert "is unhealthy" in ill[2]


def test_a_container_that_starts_again_and_again_is_told(fleet: Fleet, docker: Docker, box: str) -> None:
    crash = ["sh", "-c", "echo out of lamps; sleep 1.5; exit 5"]
    fleet.declare({"containers": {"web": {"image": box, "command": crash, "restart": "always"}}})
    fleet.apply(code=None)
    until(lambda: inspect(docker)["RestartCount"] > 0)
    told = outcomes(fleet.apply(code=3))["container:web"]

    assert ("failed", None, "ends again and again, and is started again: out of lamps") == told


def run(engine: Engine, name: str, *argv: str) -> str:
    """Run a command in a container; return what it prints."""
    made = engine.api.exec_create(name, list(argv))
    said: bytes = engine.api.exec_start(made["Id"])
    return said.decode()
