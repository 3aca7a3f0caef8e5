"""trued dies in the middle of making a container anew: nothing is lost, and whoever looks next finishes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.engine.docker import Docker
from tests.engine.test_containers import names, outcomes, run
from tests.fleet import Fleet

THE_THREE = ("web", "web.trued-new", "web.trued-old")
TOP = Path(__file__).parents[2]
DIED = -9


def declare(fleet: Fleet, box: str, version: str) -> None:
    web = {
        "image": box,
        "environment": {"VERSION": version},
        "volumes": ["data:/data", "/cache"],
        "networks": ["front", "back"],
        "restart": "always",
    }
    fleet.declare(
        {"volumes": {"data": {}}, "networks": {"front": {}, "back": {}}, "containers": {"web": web}}
    )


def dies_by(fleet: Fleet, number: int, when: str) -> bool:
    """Return whether an apply dies by that request; False: it makes fewer, and has come to its end."""
    argv = (sys.executable, "-m", "tests.engine.dying", fleet.config, str(number), when)
    done = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode in {DIED, 0}, done.stdout + done.stderr
    return done.returncode == DIED


def volumes_of(docker: Docker) -> dict[str, dict[str, str]]:
    """Return the volumes, by where they are mounted, of the old and the new container, under whatever name."""
    return {
        one["Names"][0].removeprefix("/"): {
            mount["Destination"]: mount["Name"] for mount in one["Mounts"] if mount["Type"] == "volume"
        }
        for one in docker.api.containers(all=True)
    }


def assert_nothing_is_lost(docker: Docker, kept: Mapping[str, str]) -> None:
    """The old or the new one is there, and whichever is has the volumes."""
    found = volumes_of(docker)
    assert found
    assert found.keys() <= set(THE_THREE)
    assert all(volumes == kept for volumes in found.values()), found


def version_of(docker: Docker) -> str:
    found: dict[str, Any] = docker.api.inspect_container("web")
    assert found["State"]["Running"]
    return next(one for one in found["Config"]["Env"] if one.startswith("VERSION="))


@pytest.mark.slow
@pytest.mark.usefixtures("hurried")
def test_a_recreation_that_is_killed_by_any_of_its_requests_loses_nothing(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """The next apply finishes; the one container runs as declared, with what was in its volumes."""
    declare(fleet, box, "0")
    fleet.apply()
    run(docker, "web", "sh", "-c", "echo kept >/data/a; echo kept >/cache/b")
    kept = volumes_of(docker)["web"]
    assert {"/data", "/cache"} == kept.keys()

    for number in count(1):
        declare(fleet, box, str(number))
        died = dies_by(fleet, number, "at-it")
        assert_nothing_is_lost(docker, kept)
        if not died:
            break
        fleet.apply()
        assert f"VERSION={number}" == version_of(docker)
        assert {"web"} == names(docker)
        assert_nothing_is_lost(docker, kept)
        assert {} == outcomes(fleet.apply())
    assert "kept\nkept\n" == run(docker, "web", "cat", "/data/a", "/cache/b")
    assert number > 6, "it made fewer requests than a recreation takes"
