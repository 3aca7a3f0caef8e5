"""What is declared and cannot be: each is told by itself, in the words of who knows, and the others go on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.engine.images import Image
from tests.engine.registry import Registry
from tests.engine.test_containers import FleetOf, inspect, names, outcomes
from tests.fleet import Fleet

pytestmark = pytest.mark.usefixtures("hurried")


@pytest.fixture
def host(fleet_of: FleetOf, engine: Engine) -> Fleet:
    return fleet_of(engine)


def trouble(fleet: Fleet, box: str, **web: Any) -> str:
    """Declare a container that cannot be, and one that can; return what is said of the first."""
    fleet.declare({"containers": {"web": {"image": box, **web}, "well": {"image": box}}})
    found = outcomes(fleet.apply(code=3))
    assert "changed" == found["container:well"][0]
    assert found["container:web"][0] in {"failed", "blocked"}
    return found["container:web"][2]


def test_two_containers_cannot_have_one_port(host: Fleet, engine: Engine, box: str) -> None:
    """One has it; the other says which port it is, each time, until one of them is declared otherwise."""
    one, two = ({"image": box, "ports": ["8080:80"]} for _ in range(2))
    host.declare({"containers": {"one": one, "two": two}})
    first, second = outcomes(host.apply(code=3)), outcomes(host.apply(code=3))
    (loser,) = second

    assert {"changed", "failed"} == {found[0] for name, found in first.items() if "container:" in name}
    assert "8080" in first[loser][2]
    assert "8080" in second[loser][2]
    other = loser.removeprefix("container:")
    host.declare({"containers": {"one": one, "two": two, other: {**one, "ports": ["8081:80"]}}})
    host.apply()
    assert all(inspect(engine, name)["State"]["Running"] for name in ("one", "two"))


def test_a_recreation_onto_a_port_that_is_taken_leaves_what_is(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    taken = {"image": box, "ports": ["8080:80"]}
    fleet.declare({"containers": {"one": taken, "two": {"image": box}}})
    fleet.apply()
    before = inspect(docker, "two")["Id"]
    fleet.declare({"containers": {"one": taken, "two": taken}})
    reason = outcomes(fleet.apply(code=3))["container:two"][2]

    assert "8080" in reason
    assert reason.endswith("the one before is back")
    assert (before, True) == (inspect(docker, "two")["Id"], inspect(docker, "two")["State"]["Running"])
    assert {"one", "two"} == names(docker)


def test_a_source_that_is_to_be_there_and_is_not(
    fleet: Fleet, docker: Docker, box: str, tmp_path: Path
) -> None:
    """Not so with Podman: it makes a folder in any case."""
    source = tmp_path / "missing"
    bind = {"type": "bind", "source": str(source), "target": "/data", "bind": {"create_host_path": False}}

    assert str(source) in trouble(fleet, box, volumes=[bind])
    assert not source.exists()
    assert {"well"} == names(docker)


def test_a_disk_that_is_full_while_an_image_comes(
    fleet_of: FleetOf, docker: Docker, registry: Registry, box: str
) -> None:
    """It is told; when there is room again, it comes."""
    large = Image(name="other/large:1", mark=random.Random(1).randbytes(1 << 19).hex())
    docker.load(large)
    registry.push(docker.api, large.name, "large:1")
    docker.api.remove_image(large.name, force=True)
    fleet, image = fleet_of(docker, registries=registry.access), f"{registry.host}/large:1"
    with full(docker):
        assert f"image:{image}" in trouble(fleet, box, image=image)
        assert "no space left on device" in outcomes(fleet.apply(code=3))[f"image:{image}"][2]
    fleet.apply()

    assert {"web", "well"} == names(docker)


@contextmanager
def full(docker: Docker) -> Iterator[None]:
    """Leave the engine hardly any room for what it downloads."""
    folder, log = docker.folder / "tmp", docker.cell.log
    options = ("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
    assert 0 == docker.cell.start("mount", *options, log=log).wait()
    try:
        yield
    finally:
        assert 0 == docker.cell.start("umount", "--lazy", folder, log=log).wait()


def test_an_image_that_no_registry_has(
    fleet_of: FleetOf, docker: Docker, registry: Registry, box: str
) -> None:
    fleet = fleet_of(docker, registries=registry.access)
    image = f"{registry.host}/no/such:1"
    reason = trouble(fleet, box, image=image)

    assert f"image:{image}" in reason
    said = outcomes(fleet.apply(code=3))[f"image:{image}"][2]
    assert "not found" in said or "manifest unknown" in said
    assert {"well"} == names(docker)


def test_a_registry_that_is_not_there(host: Fleet, engine: Engine, box: str) -> None:
    image = "registry.invalid:5000/web:1"

    assert f"image:{image}" in trouble(host, box, image=image)
    assert {"well"} == names(engine)


def test_a_command_that_is_not_in_the_image(host: Fleet, engine: Engine, box: str) -> None:
    assert "/no/such/program" in trouble(host, box, command=["/no/such/program"])


def test_a_user_that_is_not_in_the_image(host: Fleet, engine: Engine, box: str) -> None:
    assert "nobody-here" in trouble(host, box, user="nobody-here")


def test_an_address_outside_of_its_network(fleet: Fleet, docker: Docker, box: str) -> None:
    front = {"ipam": {"config": [{"subnet": "10.98.0.0/24"}]}}
    web = {"image": box, "networks": {"front": {"ipv4_address": "10.97.0.9"}}}
    fleet.declare({"networks": {"front": front}, "containers": {"web": web, "well": {"image": box}}})
    found = outcomes(fleet.apply(code=3))

    assert "changed" == found["container:well"][0]
    assert "10.97.0.9" in found["container:web"][2] or "subnet" in found["container:web"][2]
