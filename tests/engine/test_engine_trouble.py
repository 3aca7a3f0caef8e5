"""An engine that dies, is started again, or hangs: trued says so, does what else there is to do, and catches up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import HostError
from agent.host.engine import client
from agent.host.engine.door import Door
from tests.engine.docker import Docker
from tests.engine.test_containers import assert_quiet, inspect, names, outcomes
from tests.fleet import Fleet

LIMIT = 3.0  # seconds, in the place of those that an engine has for one answer
pytestmark = pytest.mark.usefixtures("hurried")


def web(box: str, version: str, **keys: Any) -> dict[str, Any]:
    return {"containers": {"web": {"image": box, "environment": {"VERSION": version}, **keys}}}


# Where a recreation is when the engine dies: at the first request whose path ends so, before it is asked.
POINTS = {"create": "/create", "stop": "/stop", "rename": "/rename", "start": "/start"}


@pytest.mark.parametrize("point", POINTS)
def test_an_engine_that_dies_in_the_middle_of_a_recreation_is_told_and_caught_up_with(
    fleet: Fleet, docker: Docker, box: str, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """What was under way fails with the name of the engine; when it is back, trued finishes."""
    fleet.declare(web(box, "1", restart="always"))
    fleet.apply()
    fleet.declare(web(box, "2", restart="always"))
    send = client.Client._send

    def dying(self: client.Client, method: str, path: str, *words: Any, **keys: Any) -> Any:
        if method == "POST" and path.endswith(POINTS[point]) and docker.running:
            docker.kill()
        return send(self, method, path, *words, **keys)

    monkeypatch.setattr(client.Client, "_send", dying)
    failed = outcomes(fleet.apply(code=3))
    monkeypatch.setattr(client.Client, "_send", send)

    assert f"the container engine at {docker.socket}" in failed["container:web"][2]
    docker.start()
    fleet.apply()
    assert "VERSION=2" in inspect(docker)["Config"]["Env"]
    assert inspect(docker)["State"]["Running"]
    assert {"web"} == names(docker)
    assert_quiet(fleet)


def test_an_engine_that_is_started_again_leaves_nothing_to_do_but_what_does_not_run(
    fleet: Fleet, docker: Docker, box: str
) -> None:
    """What has a restart policy runs again by itself; what has none is started, and then all is quiet."""
    every = {"lasting": {"image": box, "restart": "always"}, "plain": {"image": box}}
    fleet.declare({"containers": every})
    fleet.apply()
    docker.restart()
    changed = outcomes(fleet.apply())

    assert {"container:plain"} == changed.keys()
    assert_quiet(fleet)


def test_an_engine_that_hangs_holds_up_nothing_else(
    fleet: Fleet, docker: Docker, box: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thing that needs it is blocked by that; it is waited for once, and caught up with when it is back."""
    motd = tmp_path / "motd"
    both = {"image": box, "networks": ["front"]}
    whole = {"volumes": {"data": {}}, "networks": {"front": {}}, "containers": {"web": both, "db": both}}
    fleet.declare(whole)
    fleet.apply()
    fleet.declare({**whole, "files": {str(motd): {"content": "hello\n"}}})
    monkeypatch.setattr(client, "PATIENCE", LIMIT)
    docker.freeze()
    began = time.monotonic()
    found = outcomes(fleet.apply(code=3))
    took = time.monotonic() - began
    docker.thaw()

    assert "hello\n" == motd.read_text()
    assert {"blocked"} == {one[0] for name, one in found.items() if not name.startswith("file:")}
    assert "does not answer in time" in found["container:web"][2]
    assert str(docker.socket) in found["container:web"][2]
    assert took < 2 * LIMIT, "each kind waits for itself"
    assert {} == outcomes(fleet.apply())


def test_an_engine_that_stops_answering_is_waited_for_once_in_a_look(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", LIMIT)
    opened = Door(socket=docker.socket)
    eyes = opened.look()
    docker.freeze()
    began = time.monotonic()
    for ask in (lambda: eyes.containers(["web"]), eyes.networks, eyes.volumes, lambda: eyes.image("web:1")):
        with pytest.raises(HostError, match="does not answer in time"):
            ask()
    took = time.monotonic() - began
    docker.thaw()

    assert took < 2 * LIMIT
    assert opened.look().volumes() == {}
    opened.close()
