"""The daemon beside an engine: what happens to a container is seen at once, and nothing else wakes it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host.engine.door import Door
from agent.model import ResourceId
from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.engine.test_containers import inspect
from tests.fleet import Fleet, Service
from tests.waiting import until

FleetOf = Callable[..., Fleet]


@pytest.fixture
def host(fleet_of: FleetOf, docker: Docker) -> Fleet:
    """A host whose daemon looks every ten minutes: what it does sooner, it does because of an event."""
    return fleet_of(docker, interval="10m")


def runs(engine: Engine, name: str = "web") -> bool:
    found = engine.api.containers(filters={"name": [name]})
    return any(one["State"] == "running" for one in found)


def threads(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/task").iterdir()))


def looks(service: Service) -> int:
    """Return how many cycles are in the log."""
    return service.said().count(" s\n") - 1


def calm(service: Service) -> None:
    """Wait until it listens, and has looked at what it has done itself."""
    until(lambda: threads(service) > 1)
    last = [0, 0.0]

    def quiet() -> bool:
        if looks(service) != last[0]:
            last[:] = [looks(service), time.monotonic()]
        return last[0] > 1 and time.monotonic() - last[1] > 1.5

    until(quiet, 60)


def test_whatever_happens_to_a_container_is_put_right_at_once(host: Fleet, docker: Docker, box: str) -> None:
    """To several at the same moment; the interval is far away."""
    api, web = docker.api, {"image": box, "networks": ["front"], "mem_limit": "64m", "restart": "always"}
    every = ("removed", "stopped", "paused", "apart", "tuned")
    host.declare({"networks": {"front": {}}, "containers": dict.fromkeys(every, web)})
    host.apply()
    with host.service() as service:
        calm(service)
        api.remove_container("removed", force=True)
        api.stop("stopped", timeout=1)
        api.pause("paused")
        api.disconnect_container_from_network("apart", "front")
        api.update_container("tuned", mem_limit=32 << 20, memswap_limit=64 << 20)

        until(lambda: all(runs(docker, name) for name in every), 30)
        until(lambda: "front" in inspect(docker, "apart")["NetworkSettings"]["Networks"], 30)
        until(lambda: 64 << 20 == inspect(docker, "tuned")["HostConfig"]["Memory"], 30)


def test_what_happens_to_another_container_is_told_apart(docker: Docker, box: str) -> None:
    """So that who has just started one, and waits whether it stays, need not keep the other waiting."""
    for name in ("ours", "theirs"):
        docker.api.create_container(box, name=name)
    ours = [ResourceId("container", "ours"), ResourceId("network", "theirs")]
    told: list[frozenset[str]] = []
    door = Door(docker.socket)
    door.listen(told.append)
    try:
        door.look()
        until(lambda: told)  # it listens
        docker.api.start("ours")
        until(lambda: len(told) > 1)
        began = time.monotonic()
        docker.api.kill("ours")
        until(lambda: door.others([], began))
        assert not door.others(ours, began)
        docker.api.start("theirs")

        until(lambda: door.others(ours, began))
    finally:
        door.close()


def test_health_checks_that_succeed_wake_nobody_and_one_that_fails_is_told(
    host: Fleet, docker: Docker
) -> None:
    well = {"image": "trued-test/box:well"}
    host.declare({"containers": {f"w{number}": well for number in range(4)}})
    host.apply()
    with host.service() as service:
        calm(service)
        before = looks(service)
        checks = docker.api.events(decode=True, filters={"event": "exec_start"})
        for _ in range(20):  # in these seconds, each container is checked five times
            next(checks)
        checks.close()
        assert before == looks(service)

        made = docker.api.exec_create("w1", ["rm", "/mark"])
        docker.api.exec_start(made["Id"])
        until(lambda: "container:w1: failed, is unhealthy" in service.said(), 30)


def test_a_container_that_ends_again_and_again_does_not_keep_the_daemon_busy(
    host: Fleet, docker: Docker, box: str
) -> None:
    """Nor is it passed over: it is told."""
    crash = {"image": box, "command": ["sh", "-c", "echo out of lamps; exit 5"], "restart": "always"}
    host.declare({"containers": {"web": crash}})
    with host.service() as service:
        until(lambda: "ends again and again, and is started again: out of lamps" in service.said(), 40)
        until(lambda: inspect(docker)["RestartCount"] >= 6, 40)
        assert looks(service) <= 2 * inspect(docker)["RestartCount"]


@pytest.mark.slow
def test_the_daemon_goes_on_when_the_engine_was_restarted(host: Fleet, docker: Docker, box: str) -> None:
    """It listens again, with no more threads than before: what is removed then is put right at once."""
    host.declare({"containers": {"web": {"image": box, "restart": "always"}}})
    host.apply()
    with host.service() as service:
        calm(service)
        before = threads(service)
        for _ in range(2):
            docker.restart()
            until(lambda: runs(docker), 40)
        calm(service)
        docker.api.remove_container("web", force=True)
        until(lambda: runs(docker), 40)
        calm(service)

        assert before == threads(service)


def test_an_engine_that_comes_later_is_found(host: Fleet, docker: Docker, box: str) -> None:
    host.declare({"containers": {"web": {"image": box}}})
    docker.stop()
    with host.service() as service:
        until(lambda: "no container engine answers" in service.said())
        docker.start()
        service.look()
        until(lambda: runs(docker), 30)
        calm(service)
        docker.api.remove_container("web", force=True)
        until(lambda: runs(docker), 30)


def test_who_needs_no_engine_pays_for_none(tmp_path: Path) -> None:
    """No thread, no library, not a word."""
    host = Fleet.of(tmp_path, None)
    host.declare({"files": {str(tmp_path / "motd"): {"content": "welcome\n"}}})
    code = (
        "import sys, threading; from agent.cli import main; code = main(sys.argv[1:]);"
        "print(code, 'docker' in sys.modules, threading.active_count())"
    )
    argv = (sys.executable, "-c", code, "apply", "--config", str(host.config))
    done = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert "0 False 1" == done.stdout.splitlines()[-1]
    assert "container" not in done.stdout + done.stderr
