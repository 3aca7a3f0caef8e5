"""The Compose files of tests/compose on a real engine: what becomes of them, and what docker-compose makes of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine import composed, older
from tests.engine.api import PREDEFINED
from tests.engine.docker import Docker
from tests.engine.test_containers import assert_quiet
from tests.fleet import Fleet


@pytest.mark.parametrize("name", composed.FILES)
def test_a_file_runs_stays_goes_and_is_what_docker_compose_makes_of_it(
    fleet: Fleet, docker: Docker, name: str
) -> None:
    """Of all that goes, volumes alone stay; and docker-compose finds them to be its own."""
    folder = composed.declare(fleet, name)
    fleet.apply()
    ours = composed.services(docker, name)
    assert {} == {service: one["State"] for service, one in ours.items() if not is_well(one)}
    assert_quiet(fleet)

    there, volumes = files(folder), named_volumes(docker)
    fleet.declare({"files": {}})
    fleet.apply("--allow-removals")
    assert [] == docker.api.containers(all=True)
    assert set() == {one["Name"] for one in docker.api.networks()} - PREDEFINED
    assert volumes == named_volumes(docker)
    assert set() == set(there) & set(files(folder))

    for path, content in there.items():  # of which docker-compose makes none
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    composed.up(docker, name, folder)
    theirs = composed.services(docker, name)
    assert [] == older.differences(name, older.told(ours), older.told(theirs))


def is_well(one: Any) -> bool:
    """Say whether a container runs, or has done what it was for."""
    ends = one["HostConfig"]["RestartPolicy"]["Name"] == "no"
    return bool(one["State"]["Running"]) or (ends and 0 == one["State"]["ExitCode"])


def files(folder: Path) -> dict[Path, bytes]:
    """Return what has been put there; what containers have written there is empty."""
    found = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {path: content for path, content in found.items() if content}


def named_volumes(docker: Docker) -> set[str]:
    return {one["Name"] for one in docker.api.volumes()["Volumes"] or () if len(one["Name"]) < 64}
