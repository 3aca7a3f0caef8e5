"""A server that is not ready when it is first asked: the daemon is woken once it is, and asks no more than that takes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.kubernetes import watch
from agent.host.kubernetes.door import Door
from agent.host.kubernetes.watch import KINDS
from tests.host.hearing import Heard
from tests.host.kubernetes.scripted import CORE, MAPS, Asked, Say, Scripted
from tests.waiting import until

BOOTING = Say(500, b"[-]poststarthook/rbac/bootstrap-roles failed: not finished\nreadyz check failed\n")
READY = Say(200, b"ok")


@pytest.fixture(name="heard")
def _heard(door: Door, monkeypatch: pytest.MonkeyPatch) -> Heard:
    monkeypatch.setattr(watch, "SOON", 0.05)
    heard = Heard(0.3)
    door.listen(heard)
    return heard


def test_it_is_told_when_the_server_is_ready(server: Scripted, door: Door, heard: Heard) -> None:
    """Though no look has found one yet, and nothing is watched therefore."""
    server.ready = BOOTING
    with pytest.raises(HostError, match="not ready"):
        door.look()
    assert heard.nothing()
    server.ready = READY
    assert [KINDS] == heard.taken(5)
    server.say = lambda asked: Say(200, CORE)
    door.look()

    assert heard.nothing()


def test_it_is_told_when_there_is_a_kubeconfig(config: Path, door: Door, heard: Heard) -> None:
    """k3s writes it when it first starts."""
    content = config.read_bytes()
    config.unlink()
    with pytest.raises(HostError):
        door.look()
    config.write_bytes(content)

    assert [KINDS] == heard.taken(5)


def test_what_else_a_look_lacks_is_not_asked_for_without_end(
    server: Scripted, door: Door, heard: Heard
) -> None:
    """The server says that it is ready, and each look fails all the same: the next wake-up comes ever later."""
    server.ready = BOOTING
    began, woken = time.monotonic(), 0
    while time.monotonic() - began < 2:
        server.ready = BOOTING
        with pytest.raises(HostError):
            door.look()
        server.ready = READY
        until(lambda: heard.told, 5)
        heard.told.clear()
        woken += 1

    assert 3 <= woken <= 6  # after 0.05, 0.1, 0.2, 0.4, 0.8, 1.6 s


def test_a_server_that_comes_back_may_not_be_ready_at_once(
    server: Scripted, door: Door, heard: Heard
) -> None:
    """Whoever looked too early is told again; here, where no watch begins anew, by nothing else."""

    def answer(asked: Asked) -> Say:
        return Say(404) if "watch=true" in asked.path else Say(200, {**CORE, "items": []})

    server.say = answer
    assert [] == list(door.look().owned(MAPS, whole=True))
    assert heard.nothing()
    server.ready = BOOTING
    with pytest.raises(HostError):
        door.look()
    server.ready = READY

    assert [KINDS] == heard.taken(5)
