"""The parts that tests of container engines are made of do what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from docker.errors import APIError, NotFound

from tests.engine import images
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.engine.registry import Registry
from tests.fleet import Fleet
from tests.host.machine import slot
from tests.servers.faults import Fault
from tests.waiting import until


def run(engine: Engine, name: str, *command: str, image: str = images.STOCK[0].name, **host: object) -> str:
    """Make a container and start it; return its id."""
    host_config = engine.api.create_host_config(**host)
    ports = list(host.get("port_bindings", {}))  # type: ignore[call-overload]
    made = engine.api.create_container(
        image, list(command) or None, name=name, ports=ports, host_config=host_config
    )
    engine.api.start(made["Id"])
    return str(made["Id"])


def names(engine: Engine) -> list[str]:
    return sorted(name for one in engine.api.containers(all=True) for name in one["Names"])


def test_a_container_runs_and_serves(engine: Engine, cell: Cell) -> None:
    run(engine, "web", port_bindings={80: 8080})

    until(lambda: answer(cell, "http://127.0.0.1:8080/mark"))
    assert b"1" == cell.get("http://127.0.0.1:8080/mark")


def answer(cell: Cell, url: str) -> bytes:
    try:
        return cell.get(url)
    except OSError:
        return b""


def test_a_limit_of_memory_is_real(engine: Engine) -> None:
    """The kernel kills what takes more, so that a test can show that a limit was set."""
    eater = run(engine, "eater", "/bin/sh", "-c", "x=a; while :; do x=$x$x; done", mem_limit="16m")

    assert 137 == engine.api.wait(eater)["StatusCode"]


def test_every_test_finds_a_clean_engine(engine: Engine) -> None:
    """Whatever the one before it has left behind."""
    run(engine, "left")
    engine.api.create_network("left")
    engine.api.create_volume("left")
    engine.load(images.Image(name="elsewhere/left:1", mark="left"))

    engine.clear()

    assert [] == names(engine)
    assert "left" not in {one["Name"] for one in engine.api.networks()}
    assert not engine.api.volumes()["Volumes"]
    tags = sorted(tag.removeprefix("localhost/") for one in engine.api.images() for tag in one["RepoTags"])
    assert sorted(image.name for image in images.STOCK) == tags


def test_an_image_has_the_id_that_its_archive_has(engine: Engine) -> None:
    """So a test knows of each image what an engine will call it."""
    for image in images.STOCK:
        assert (
            images.identity(image)
            == f"sha256:{engine.api.inspect_image(image.name)['Id'].removeprefix('sha256:')}"
        )


def test_containers_of_a_network_find_each_other_by_name(engine: Engine) -> None:
    engine.api.create_network("inner", driver="bridge")
    run(engine, "web", network_mode="inner")
    reader = run(
        engine,
        "reader",
        "/bin/sh",
        "-c",
        "until wget -qO- http://web/mark; do sleep 0.1; done",
        network_mode="inner",
    )

    assert 0 == engine.api.wait(reader, timeout=20)["StatusCode"]


def test_health_is_told(docker: Docker) -> None:
    run(docker, "well", image="trued-test/box:well")
    run(docker, "ill", image="trued-test/box:ill")

    until(lambda: health(docker, "well") == "healthy" and health(docker, "ill") == "unhealthy")


def health(docker: Docker, name: str) -> str:
    return str(docker.api.inspect_container(name)["State"]["Health"]["Status"])


def test_a_killed_dockerd_finds_its_containers(docker: Docker) -> None:
    """What was running when it died may go on meanwhile, and is known when it is back."""
    pid = run_pid(docker, "web")

    docker.kill()

    assert not docker.running
    assert Path(f"/proc/{pid}").exists()
    docker.start()
    assert ["/web"] == names(docker)


def run_pid(engine: Engine, name: str) -> int:
    return int(engine.api.inspect_container(run(engine, name))["State"]["Pid"])


def test_a_container_is_started_again_with_its_dockerd(docker: Docker) -> None:
    run(docker, "web", restart_policy={"Name": "unless-stopped"})

    docker.restart()

    until(lambda: docker.api.inspect_container("web")["State"]["Running"])


def test_a_dockerd_that_hangs_answers_later(docker: Docker) -> None:
    docker.freeze()
    started = time.monotonic()
    with pytest.raises(OSError):
        docker.api.get(docker.api.base_url + "/_ping", timeout=0.3)
    assert time.monotonic() - started < 5

    docker.thaw()

    assert docker.api.ping()


def test_a_podman_that_was_killed_still_has_its_containers(podman: Engine) -> None:
    run(podman, "web")

    podman.kill()
    podman.start()

    assert podman.api.inspect_container("web")["State"]["Running"]


def test_an_image_is_pulled_with_certificate_and_password(
    engine: Engine, registry: Registry, docker: Docker
) -> None:
    """What was pushed is what comes back, by tag and by digest."""
    digest = registry.push(docker.api, images.STOCK[1].name, "team/web:1.2")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)

    engine.api.pull(f"{registry.host}/team/web", "1.2", auth_config=registry.credentials)
    engine.api.pull(f"{registry.host}/team/web", digest, auth_config=registry.credentials)

    found = engine.api.inspect_image(f"{registry.host}/team/web:1.2")
    assert images.identity(images.STOCK[1]).removeprefix("sha256:") == found["Id"].removeprefix("sha256:")
    assert f"{registry.host}/team/web@{digest}" in found["RepoDigests"]


def test_an_image_is_not_pulled_without_the_password(docker: Docker, registry: Registry) -> None:
    registry.push(docker.api, images.STOCK[0].name, "web:1")

    with pytest.raises(APIError, match=r"no basic auth credentials|unauthorized|authentication required"):
        docker.api.pull(f"{registry.host}/web", "1")
    with pytest.raises(NotFound, match="manifest unknown"):
        docker.api.pull(f"{registry.host}/web", "2", auth_config=registry.credentials)


def test_a_registry_knows_the_digest_of_a_tag_that_moves(docker: Docker, registry: Registry) -> None:
    first = registry.push(docker.api, images.STOCK[0].name, "web:latest")
    second = registry.push(docker.api, images.STOCK[1].name, "web:latest")

    assert first != second
    said = docker.api.inspect_distribution(f"{registry.host}/web:latest", auth_config=registry.credentials)
    assert second == said["Descriptor"]["digest"]
    registry.delete("web:latest")
    assert "" == registry.digest("web:latest")


def test_the_way_to_a_registry_fails_as_told(docker: Docker, registry: Registry) -> None:
    registry.push(docker.api, images.STOCK[0].name, "web:1")
    registry.faults.fault = Fault(refuse=True)
    with pytest.raises(APIError, match=r"reset|EOF"):
        docker.api.pull(f"{registry.faulty}/web", "1", auth_config=registry.credentials)

    registry.heal()

    docker.api.pull(f"{registry.faulty}/web", "1", auth_config=registry.credentials)


def test_trued_runs_in_this_process_and_as_a_service(engine_slot: slot.Slot, tmp_path: Path) -> None:
    """With the real root: what is declared is below the test's folder."""
    fleet, file = Fleet.of(tmp_path, None), tmp_path / "there"
    fleet.declare({"files": {str(file): {"content": "one"}}})
    assert "create" in str(fleet.plan())
    fleet.apply()
    assert "one" == file.read_text()
    assert "" == str(fleet.report()["error"] or "")

    with fleet.service() as service:
        fleet.declare({"files": {str(file): {"content": "two"}}})
        service.look()
        until(lambda: file.read_text() == "two")


def test_nothing_is_left_of_a_cell(engine_slot: slot.Slot) -> None:
    """No process, mount, network or cgroup, even though a container still runs."""
    with Cell(engine_slot, "other") as other:
        docker = Docker(other)
        docker.start()
        docker.load(images.STOCK[0])
        pid = run_pid(docker, "web")
        dockerd = set(other.processes())
        assert pid in dockerd
    assert set() == other.processes()
    assert [] == traces(other.namespace, f"trued-machines/{engine_slot.number}/other")


def traces(namespace: str, cgroup: str) -> list[str]:
    """Return what there still is of a cell on this machine."""
    spaces = subprocess.run(("ip", "netns", "list"), capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return [
        *(line for line in spaces.splitlines() if line.split()[0] == namespace),
        *(line for line in mounts if f"/{cgroup.split('/')[1]}/other" in line and "/trued" in line),
        *(str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{cgroup}")),
    ]


KILLED = """\
import sys
from tests.engine import images
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.host.machine import slot
with slot.take() as taken, Cell(taken) as cell:
    docker = Docker(cell)
    docker.start()
    docker.load(images.STOCK[0])
    made = docker.api.create_container("trued-test/box:1", name="web")
    docker.api.start(made)
    print(taken.number, docker.api.inspect_container(made)["State"]["Pid"], flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_is_ended_by_the_next(engine_slot: slot.Slot) -> None:
    """kill -9 of the tests: the container's process is gone, and so is all else, as soon as somebody takes a number."""
    top = Path(__file__).parents[2]
    with subprocess.Popen(
        (sys.executable, "-c", KILLED), cwd=top, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout
        number, pid = victim.stdout.readline().split()
        victim.send_signal(signal.SIGKILL)
    cgroup = f"trued-machines/{number}/engine"

    with slot.take():
        assert [] == traces(f"trued{number}-engine", cgroup)
        assert not os.path.exists(f"/proc/{pid}") or " Z " in Path(f"/proc/{pid}/stat").read_text()
