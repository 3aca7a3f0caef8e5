"""What a recreation meets on its way: what was left by one before it, and containers that are not as usual."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.engine.docker import Docker
from tests.engine.images import Image
from tests.engine.test_containers import assert_quiet, inspect, names, outcomes, run
from tests.fleet import Fleet

hurried = pytest.mark.usefixtures("hurried")
BAD = ["/no/such/program"]


def declare(fleet: Fleet, box: str, **keys: Any) -> None:
    fleet.declare({"containers": {"web": {"image": box, **keys}}})


def test_a_new_one_that_is_started_again_and_again_gives_way(fleet: Fleet, docker: Docker, box: str) -> None:
    """It runs at most moments, and is still not well."""
    declare(fleet, box, restart="always")
    fleet.apply()
    before = inspect(docker)["Id"]
    declare(fleet, box, restart="always", command=["sh", "-c", "sleep 0.4; exit 3"])
    reason = outcomes(fleet.apply(code=3))["container:web"][2]

    assert "; the one before is back" in reason
    assert (before, True) == (inspect(docker)["Id"], inspect(docker)["State"]["Running"])
    assert {"web"} == names(docker)


@hurried
def test_what_was_made_and_never_took_the_place_goes_with_the_next_look(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """Also when nothing is to be made anew any more."""
    declare(fleet, box)
    fleet.apply()
    before = inspect(docker)["Id"]
    docker.api.create_container(box, name="web.trued-new")
    changed = outcomes(fleet.apply())

    assert "a recreation was cut short" == changed["container:web"][2]
    assert before == inspect(docker)["Id"]
    assert {"web"} == names(docker)
    assert_quiet(fleet)


@hurried
@pytest.mark.parametrize("left", ["stopped", "aside"])
def test_one_that_a_cut_short_recreation_has_stopped_runs_again_when_the_next_fails(
    fleet: Fleet, docker: Docker, box: str, left: str
) -> None:
    declare(fleet, box)
    fleet.apply()
    before = inspect(docker)["Id"]
    docker.api.create_container(box, name="web.trued-new")
    docker.api.stop("web")
    if left == "aside":
        docker.api.rename("web", "web.trued-old")
    declare(fleet, box, command=BAD)
    fleet.apply(code=3)

    assert (before, True) == (inspect(docker)["Id"], inspect(docker)["State"]["Running"])
    assert {"web"} == names(docker)


@hurried
def test_tmpfs_takes_the_place_of_a_volume_without_a_name(fleet: Fleet, docker: Docker) -> None:
    docker.load(Image(name="other/box:1", mark="vol", config={"Volumes": {"/cache": {}}}))
    declare(fleet, "other/box:1")
    fleet.apply()
    assert ["/cache"] == [mount["Destination"] for mount in inspect(docker)["Mounts"]]
    declare(fleet, "other/box:1", tmpfs=["/cache"])
    fleet.apply()

    assert "tmpfs" in run(docker, "web", "grep", " /cache ", "/proc/mounts")
    assert_quiet(fleet)


@hurried
def test_one_that_removes_itself_when_it_ends_can_be_taken_over(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """`docker run --rm`: it is gone as soon as it is stopped."""
    config = docker.api.create_host_config(auto_remove=True)
    docker.api.start(docker.api.create_container(box, name="web", host_config=config))
    declare(fleet, box, adopt=True)
    fleet.apply()

    assert not inspect(docker)["HostConfig"]["AutoRemove"]
    assert {"web"} == names(docker)
    assert_quiet(fleet)


@hurried
def test_one_that_lives_in_the_network_of_another_comes_along(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """The other one is made anew: its network is another one then."""

    def both(version: str) -> None:
        gate = {"image": box, "environment": {"VERSION": version}, "ports": ["8080:80"]}
        guest = {"image": box, "network_mode": "service:gate", "command": ["sleep", "1000"]}
        fleet.declare({"containers": {"gate": gate, "guest": guest}})

    both("1")
    fleet.apply()
    both("2")
    fleet.apply()

    assert "box" in run(docker, "guest", "wget", "-q", "-O-", "http://127.0.0.1/")
    assert_quiet(fleet)


@hurried
def test_a_network_that_is_gone_is_no_obstacle(fleet: Fleet, docker: Docker, box: str) -> None:
    """A stopped container still says that it is in a network that somebody has removed."""
    declare(fleet, box)
    fleet.apply()
    docker.api.create_network("stray")
    docker.api.connect_container_to_network("web", "stray")
    docker.api.stop("web")
    docker.api.remove_network("stray")
    fleet.apply()

    assert {"trued_default"} == inspect(docker)["NetworkSettings"]["Networks"].keys()
    assert_quiet(fleet)


@hurried
def test_its_own_network_that_is_gone_is_made_anew(fleet: Fleet, docker: Docker, box: str) -> None:
    declare(fleet, box)
    fleet.apply()
    docker.api.stop("web")
    docker.api.remove_network("trued_default")
    fleet.apply()

    assert inspect(docker)["State"]["Running"]
    assert_quiet(fleet)


@hurried
def test_a_paused_one_is_made_anew(fleet: Fleet, docker: Docker, box: str) -> None:
    declare(fleet, box)
    fleet.apply()
    docker.api.pause("web")
    declare(fleet, box, environment={"NEW": "1"})
    fleet.apply()

    assert "running" == inspect(docker)["State"]["Status"]
    assert {"web"} == names(docker)
    docker.api.pause("web")
    declare(fleet, box, command=BAD)
    fleet.apply(code=3)
    assert "running" == inspect(docker)["State"]["Status"]


@hurried
def test_a_network_that_cannot_be_made_leaves_its_containers_alone(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """What is declared of it makes no sense to the engine: the one that is there stays."""
    web = {"image": box, "networks": ["front"]}
    fleet.declare({"networks": {"front": {}}, "containers": {"web": web}})
    fleet.apply()
    docker.api.create_network("taken", ipam={"Config": [{"Subnet": "10.99.0.0/24"}]})
    fleet.declare(
        {
            "networks": {"front": {"ipam": {"config": [{"subnet": "10.99.0.0/24"}]}}},
            "containers": {"web": web},
        }
    )
    failed = outcomes(fleet.apply(code=3))

    assert "overlaps" in failed["network:front"][2]
    assert "the one before is back" in failed["network:front"][2]
    assert "front" in inspect(docker)["NetworkSettings"]["Networks"]


@hurried
def test_one_of_several_that_are_made_anew_fails_once(fleet: Fleet, docker: Docker, box: str) -> None:
    """It is not stopped a second time in the same cycle; the others have their way."""
    both = {"web": {"image": box}, "db": {"image": box}}
    fleet.declare({"containers": both})
    fleet.apply()
    declared = {"web": {"image": box, "command": BAD}, "db": {"image": box, "environment": {"NEW": "1"}}}
    fleet.declare({"containers": declared})
    began = time.time()
    found = outcomes(fleet.apply(code=3))
    events = docker.api.events(
        since=began, until=time.time(), filters={"container": "web", "event": "stop"}, decode=True
    )

    assert {"container:db": "changed", "container:web": "failed"} == {
        name: one[0] for name, one in found.items()
    }
    assert len(list(events)) == 1
