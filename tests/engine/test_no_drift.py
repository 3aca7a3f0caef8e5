"""What looks like drift and is none, on real engines: nothing is done about it, and certainly not in every cycle."""

from __future__ import annotations

import pytest

from agent.errors import HostError
from agent.host.engine.door import Door
from agent.model import TuneContainer
from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.engine.test_containers import FleetOf, assert_quiet, inspect, outcomes
from tests.fleet import Fleet
from tests.waiting import until


@pytest.mark.parametrize("hostname", ["web", "www", "elsewhere"])
def test_a_host_name_may_be_that_of_the_container_or_an_alias(
    fleet_of: FleetOf, engine: Engine, box: str, hostname: str
) -> None:
    """A container that has it as both stays in its networks."""
    host = fleet_of(engine)
    web = {"image": box, "hostname": hostname, "networks": {"front": {"aliases": ["www"]}}}
    host.declare({"networks": {"front": {}}, "containers": {"web": web}})
    host.apply()

    assert hostname == inspect(engine)["Config"]["Hostname"]
    assert_quiet(host)


def test_a_limit_that_the_kernel_does_not_have_is_asked_for_once(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """The engine drops it with a warning; that is told, and the container runs on. A new engine is asked anew."""
    trial = docker.api.create_container(box, host_config={"BlkioWeight": 300})
    if not trial["Warnings"]:
        pytest.skip("this kernel has that limit")
    docker.api.remove_container(trial)
    fleet.declare({"containers": {"web": {"image": box}}})
    fleet.apply()
    before = inspect(docker)["Id"]
    fleet.declare({"containers": {"web": {"image": box, "blkio_config": {"weight": 300}}}})
    door = Door(socket=docker.socket)
    door.listen(lambda _: None)
    step = TuneContainer(name="web", update={"BlkioWeight": 300}, why="")
    assert {} == door.look().lacking
    with pytest.raises(HostError, match="the engine has left out BlkioWeight: .*kernel does not support"):
        door.perform(step, lambda: None)

    assert ["BlkioWeight"] == list(door.look().lacking)
    failed = outcomes(fleet.apply(code=3))["container:web"]
    assert "failed" == failed[0]
    assert "blkio_config.weight: Your kernel does not support" in failed[2]
    assert before == inspect(docker)["Id"]
    docker.restart()
    until(lambda: not door.look().lacking)
    door.close()
