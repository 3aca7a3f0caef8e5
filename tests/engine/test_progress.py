"""How far a pull has come is said while it goes on."""

from __future__ import annotations

import re

from agent.host.engine.door import Door
from agent.host.engine.registry import Login, Registries
from agent.model import PullImage
from tests.engine.docker import Docker
from tests.engine.registry import USER, Registry
from tests.engine.test_images import publish_heavy


def test_a_pull_says_how_far_it_has_come(docker: Docker, registry: Registry) -> None:
    said: list[str] = []
    publish_heavy(docker, registry, "heavy:1", size=4_000_000)
    login = Login(username=USER, password_file=registry.password_file)
    door = Door(
        socket=docker.socket, registries=Registries(logins={registry.host: login}, saying=said.append)
    )
    image = f"{registry.host}/heavy:1"
    door.perform(PullImage(name=image, why=""), lambda: None)
    door.close()

    assert all(words.startswith(f"pulling {image}") for words in said)
    assert any(re.search(r", [0-9.]+ of [0-9.]+ MB$", words) for words in said)
