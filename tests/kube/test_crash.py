"""trued is ended at any write, and the API server is: nothing is lost, and one further apply converges."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.fleet import Fleet
from tests.kube.server import Kube
from tests.kube.test_manifests import declare, settings, written
from tests.waiting import until

MANY = 40


@pytest.fixture
def fleet(kube_fleet_of: Callable[..., Fleet], namespace: str) -> Fleet:
    """A host of a name of its own: what other tests have left belongs to others."""
    return kube_fleet_of(host=f"edge-{namespace}")


def named(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {**settings(namespace, **data), "metadata": {"name": name, "namespace": namespace}}


def job(namespace: str, image: str) -> dict[str, Any]:
    """A Job, whose image cannot be changed in place."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "job", "image": image}]}
    annotations = {"trued.dev/replace": "enabled"}
    metadata = {"name": "job", "namespace": namespace, "annotations": annotations}
    spec = {"template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def turn(fleet: Fleet, namespace: str, number: int) -> dict[str, Any]:
    """Declare what creates, changes, makes anew and removes since the turn before; return what the maps are to hold."""
    text, new, newer = str(number), f"only-{number}", f"also-{number}"
    maps = {"stays": "for ever", "changes": text, "edited": text, new: text, newer: text}
    objects = [named(namespace, name, text=said) for name, said in maps.items()]
    declare(fleet, *objects, job(namespace, f"job:{number}"), wait="0s")
    return {name: {"text": said} for name, said in maps.items()}


def edit(kube: Kube, namespace: str) -> None:
    """Leave behind what has to be taken over, as `kubectl edit` does."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/edited"
    found = kube.get(path)
    kube.request("PUT", f"{path}?fieldManager=kubectl-edit", {**found, "data": {"text": "?", "more": "?"}})


def held(kube: Kube, namespace: str) -> dict[str, Any]:
    found = kube.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    return {
        one["metadata"]["name"]: one["data"]
        for one in found
        if one["metadata"]["name"] != "kube-root-ca.crt"
    }


def labels(kube: Kube, namespace: str) -> set[str]:
    found = kube.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    every = [one["metadata"] for one in found if one["metadata"]["name"] != "kube-root-ca.crt"]
    return {one["labels"]["trued.dev/owner"] for one in every}


@pytest.mark.parametrize("end", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGTERM])
def test_whoever_ends_it_at_a_write_loses_nothing(
    kube: Kube, fleet: Fleet, namespace: str, end: signal.Signals
) -> None:
    """
    At the first write in one turn, at the second in the next, and so on until it gets to its end.

    A write is in the audit log before it is done: so each is sometimes done and sometimes not.
    """
    turn(fleet, namespace, 0)
    fleet.apply()
    path = f"/api/v1/namespaces/{namespace}/configmaps/stays"
    uid = kube.get(path)["metadata"]["uid"]
    for number in range(1, 13 if end == signal.SIGKILL else 4):
        expected = turn(fleet, namespace, number)
        edit(kube, namespace)
        since = kube.mark()
        process = fleet.process("apply", "--allow-removals")
        until(lambda: process.poll() is not None or len(written(kube, since)) >= number, 60)  # noqa: B023
        process.send_signal(end)
        code = process.wait()

        fleet.apply("--allow-removals")

        assert expected == held(kube, namespace)
        assert {f"edge-{namespace}"} == labels(kube, namespace)
        assert uid == kube.get(path)["metadata"]["uid"]
        since = kube.mark()
        fleet.apply()
        assert [] == written(kube, since)
        if code == 0:
            break

    assert number > 2


def test_a_server_that_dies_amid_an_apply_is_caught_up_with(
    kube: Kube, fleet: Fleet, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for once, and not by each object that is still to come."""
    monkeypatch.setattr("agent.kinds.manifest.START", 3.0)
    maps = {f"c{number}": {"text": str(number)} for number in range(MANY)}
    declare(fleet, *(named(namespace, name, **data) for name, data in maps.items()))
    since = kube.mark()
    over = threading.Event()

    def kill() -> None:
        while len(written(kube, since)) < MANY // 3 and not over.wait(0.005):
            pass
        kube.api.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    began = time.monotonic()
    try:
        said = fleet.trued("apply", code=3)
    finally:
        over.set()
        killer.join()
    assert "no API server is ready within 3 s" in said
    assert time.monotonic() - began < 3 * MANY / 2
    kube.start()
    assert 0 < len(held(kube, namespace)) < MANY
    fleet.apply()

    assert maps == held(kube, namespace)
    since = kube.mark()
    fleet.apply()
    assert [] == written(kube, since)
