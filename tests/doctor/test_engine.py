"""The check of the container engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.doctor import Grade
from agent.doctor.engine import judged
from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.fleet import Fleet

SOCKET = Path("/run/docker.sock")


@pytest.mark.parametrize(
    ("said", "grade", "text"),
    [
        ({"Version": "20.10.24+dfsg1"}, Grade.OK, "Docker Engine 20.10.24+dfsg1 at /run/docker.sock"),
        ({"Version": "28.0.1"}, Grade.OK, "Docker Engine 28.0.1 at /run/docker.sock"),
        (
            {"Version": "19.03.1"},
            Grade.FAILED,
            "Docker Engine 19.03.1 at /run/docker.sock: expected 20.10 or newer",
        ),
        (
            {"Components": [{"Name": "Podman Engine", "Version": "3.0.1"}]},
            Grade.FAILED,
            "Podman Engine 3.0.1 at /run/docker.sock: expected 4.0 or newer",
        ),
        ({"Version": "master"}, Grade.OK, "Docker Engine master at /run/docker.sock"),
    ],
)
def test_an_engine_is_new_enough_or_not(said: object, grade: Grade, text: str) -> None:
    found = judged(said, SOCKET)

    assert (grade, text) == (found.grade, found.text)


def checked(fleet: Fleet) -> dict[str, str] | None:
    every = fleet.json("doctor")["checks"]
    return next((one for one in every if one["name"] == "engine"), None)


def test_the_engine_of_this_host_is_told(tmp_path: Path, engine: Engine) -> None:
    fleet = Fleet.of(tmp_path, engine)
    fleet.declare({"files": {}})
    found = checked(fleet)

    assert found is not None
    assert "ok" == found["result"]
    assert found["found"].startswith(f"{engine.name.capitalize()} Engine ")


def test_an_engine_that_does_not_answer_fails(tmp_path: Path, docker: Docker, box: str) -> None:
    fleet = Fleet.of(tmp_path, docker)
    fleet.declare({"containers": {"web": {"image": box}}})
    docker.stop()
    found = checked(fleet)

    assert found is not None
    assert "failed" == found["result"]
    assert "no container engine answers" in found["found"]
