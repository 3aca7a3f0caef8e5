"""What a look at a part bears on beside what was heard of: whoever restarts with it, and whatever these need, to the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

import pytest

from agent.model import Resource, ResourceId
from tests.cycle.scene import WEB, Placed, Scene
from tests.reconcile.world import resource, service, thing


class Mount(Placed):
    """A thing of which nobody hears; it is decided like any other."""

    section: ClassVar[str] = "mounts"
    in_places: ClassVar[bool] = False


def mount(name: str) -> ResourceId:
    return ResourceId("mount", name)


def mounted(name: str, *, restart_on: Collection[ResourceId] = ()) -> Resource:
    return replace(resource(name), id=mount(name), restart_on=frozenset(restart_on))


@pytest.fixture(name="host")
def _host(scene: Scene) -> Scene:
    scene.agent.kinds["mount"] = Mount()  # type: ignore[index]
    scene.world.services["web"] = "running"
    return scene


def settle(host: Scene, *resources: Resource) -> None:
    host.repository.commit("c1", *resources)
    host.cycle()
    host.cycle()
    host.world.performed.clear()


def needing(name: str, *needs: ResourceId) -> Resource:
    return replace(resource(name), needs=frozenset(needs))


def test_what_listens_to_what_was_only_found_by_looking_restarts(host: Scene) -> None:
    """It was heard of one; what that one needs has changed as well, and a third one reads that."""
    settle(host, needing("a", mount("m")), mounted("m"), service("web", restart_on=[mount("m")]))
    host.world.values |= {"a": "hacked", "m": "hacked"}
    report = host.hear("/things/a")

    assert {"a": "1", "m": "1"} == host.world.values
    assert "trigger" == report.resources[WEB].cause
    assert ("restart", "web") in host.world.performed


def test_what_a_restart_needs_is_put_right_before_it(host: Scene) -> None:
    settle(host, resource("a"), mounted("m"), service("web", needs=[mount("m")], restart_on=[thing("a")]))
    host.world.values |= {"a": "hacked", "m": "hacked"}
    host.hear("/things/a")

    assert {"a": "1", "m": "1"} == host.world.values
    assert host.world.performed.index(("set", "m=1")) < host.world.performed.index(("restart", "web"))


def test_a_restart_waits_for_what_it_needs_and_cannot_have(host: Scene) -> None:
    """As it would after a look at everything."""
    settle(host, resource("a"), mounted("m"), service("web", needs=[mount("m")], restart_on=[thing("a")]))
    host.world.broken.add("m")
    host.world.values |= {"a": "hacked", "m": "hacked"}
    report = host.hear("/things/a")

    assert ("changed", "failed", "blocked") == tuple(
        report.resources[rid].result for rid in (thing("a"), mount("m"), WEB)
    )
    assert ("restart", "web") not in host.world.performed


def test_what_is_found_on_the_way_is_followed_to_the_end(host: Scene) -> None:
    """Each look at what hangs on a change finds another change, on which more hangs."""
    settle(
        host,
        needing("a", mount("m")),
        mounted("m"),
        mounted("listens", restart_on=[mount("m")]),
        needing("b", mount("n")),
        mounted("n"),
        service("web", needs=[thing("b")], restart_on=[mount("listens")]),
    )
    host.world.values |= {"a": "hacked", "m": "hacked", "n": "hacked", "listens": "hacked"}
    host.hear("/things/a")

    assert {"1"} == set(host.world.values.values())
    assert ("restart", "web") in host.world.performed


def test_what_could_not_be_read_is_read_anew_when_it_has_to_restart(host: Scene) -> None:
    settle(host, resource("a"), service("web", restart_on=[thing("a")]))
    host.world.deaf.add("web")
    assert "blocked" == host.hear("service").resources[WEB].result
    host.world.deaf.clear()
    host.world.values["a"] = "hacked"
    report = host.hear("/things/a")

    assert ("changed", "trigger") == (report.resources[WEB].result, report.resources[WEB].cause)
    assert ("restart", "web") in host.world.performed
