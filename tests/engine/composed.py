"""The Compose files of tests/compose on an engine: how a host is told of one, and how docker-compose is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.engine.docker import Docker
from tests.engine.older import rewritten
from tests.fleet import Fleet

FOLDER = Path(__file__).parents[1] / "compose"
BESIDE = tuple(
    path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".yaml"
)
# Not those in its folders: newer/ takes another engine, whole-machine/ rights that a cell may lack.
FILES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"


def declare(fleet: Fleet, name: str) -> Path:
    """Declare a file of tests/compose as the project of its name; return the folder of the host that it is in."""
    folder = fleet.path.parent / "there"
    files = {f"base/c/{path}": (FOLDER / path).read_bytes() for path in BESIDE}
    text = (FOLDER / f"{name}.yaml").read_bytes()
    fleet.declare(
        {"compose": {name: {"source": "c/compose.yaml", "directory": str(folder)}}},
        {**files, "base/c/compose.yaml": text},
    )
    return folder


def written(file: Mapping[str, Any]) -> str:
    """Return a Compose file that says this; JSON is YAML, and a dollar there is a variable as well."""
    return json.dumps(file)


def docker_compose(docker: Docker, project: str, folder: Path, *words: str) -> str:
    """Run the docker-compose of this machine with the engine of a test; return what it prints."""
    done = subprocess.run(
        ("docker-compose", "--ansi", "never", "--project-name", project, *words),
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "DOCKER_HOST": f"unix://{docker.socket}",
            "COMPOSE_FILE": "compose.yaml",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def up(docker: Docker, name: str, folder: Path) -> None:
    """Have docker-compose make what a file of tests/compose says, in this folder; what lies there stays as it is."""
    for path in BESIDE:
        if not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FOLDER / path, folder / path)
    (folder / "compose.yaml").write_text(rewritten(name, (FOLDER / f"{name}.yaml").read_text()))
    docker_compose(docker, name, folder, "--compatibility", "up", "--detach")


def services(docker: Docker, project: str) -> Mapping[str, Any]:
    """Return what `docker inspect` says of the containers of a project, by their services."""
    found = docker.api.containers(all=True, filters={"label": f"{PROJECT}={project}"})
    return {one["Labels"][SERVICE]: docker.api.inspect_container(one["Id"]) for one in found}
