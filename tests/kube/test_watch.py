"""The daemon beside an API server: what somebody else does to an object is seen at once, and nothing else wakes it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet import Fleet, Service
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube
from tests.kube.test_manifests import deployment, settings
from tests.waiting import until


@pytest.fixture
def host(kube_fleet_of: Callable[..., Fleet]) -> Fleet:
    """A host whose daemon looks every ten minutes: what it does sooner, it does because of an event."""
    return kube_fleet_of(interval="10m")


def declare(host: Fleet, *objects: dict[str, Any]) -> None:
    entry = {"web": {"source": "manifests/web.yaml"}}
    host.declare({"manifests": entry}, {"base/manifests/web.yaml": yaml.safe_dump_all(objects)})


def looks(service: Service) -> int:
    """Return how many cycles are in the log."""
    return len(re.findall(r", in \d+\.\d s$", service.said(), re.MULTILINE))


def connections(kube: Kube, service: Service) -> int:
    """Return how many connections it has to the API server."""
    links = set()
    for number in os.listdir(f"/proc/{service.process.pid}/fd"):
        with suppress(OSError):  # closed meanwhile
            links.add(os.readlink(f"/proc/{service.process.pid}/fd/{number}"))
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    there = (f"0100007F:{kube.port:04X}", "01")  # ESTABLISHED
    return sum(f"socket:[{row[9]}]" in links and (row[2], row[3]) == there for row in rows)


def calm(kube: Kube, service: Service, kinds: int) -> None:
    """Wait until it listens to so many kinds, and has looked for the last time."""
    until(lambda: connections(kube, service) > kinds, 60)
    last = [0, 0.0]

    def quiet() -> bool:
        if looks(service) != last[0]:
            last[:] = [looks(service), time.monotonic()]
        return last[0] > 1 and time.monotonic() - last[1] > 1.5

    until(quiet, 60)


def config_map(kube: Kube, namespace: str) -> Any:
    return kube.get(f"/api/v1/namespaces/{namespace}/configmaps/settings")


@pytest.mark.slow
def test_whatever_somebody_else_does_is_put_right_at_once(
    kube: Kube, host: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """Set, added, taken away, deleted, scaled; also once the API server was away. The interval is far away."""
    declare(host, settings(namespace, log="info", level="1"), deployment(namespace))
    with kubelet.working(), host.service() as service:
        calm(kube, service, kinds=2)

        def edit(*operations: dict[str, str]) -> None:
            words = ("patch", "configmap", "settings", "-n", namespace, "--type=json")
            kube.kubectl(*words, "-p", json.dumps(operations))
            until(lambda: {"log": "info", "level": "1"} == config_map(kube, namespace)["data"], 30)

        edit({"op": "replace", "path": "/data/log", "value": "debug"})
        edit({"op": "add", "path": "/data/color", "value": "blue"})
        edit({"op": "remove", "path": "/data/level"})
        uid = config_map(kube, namespace)["metadata"]["uid"]
        kube.kubectl("delete", "configmap", "settings", "-n", namespace)
        until(
            lambda: (config_map(kube, namespace) or {"metadata": {"uid": uid}})["metadata"]["uid"] != uid, 30
        )
        kube.kubectl("scale", "deployment", "web", "--replicas=5", "-n", namespace)
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
        until(lambda: 2 == kube.get(path)["spec"]["replicas"], 30)

        calm(kube, service, kinds=2)
        kube.restart()
        service.look()  # one that its return has woken may have come before it was ready; the interval is far away
        calm(kube, service, kinds=2)
        edit({"op": "replace", "path": "/data/log", "value": "debug"})


def test_its_own_writes_and_rollouts_wake_nobody(
    kube: Kube, host: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """Changed, and taken away. That it was asked is one look, that it listens anew another one."""
    declare(host, settings(namespace, log="info"), deployment(namespace))
    with kubelet.working(), host.service() as service:
        calm(kube, service, kinds=2)
        before = looks(service)
        declare(host, settings(namespace, log="debug"), deployment(namespace, replicas=3))
        service.look()
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
        until(lambda: 3 == (kube.get(path)["status"].get("availableReplicas")), 30)
        calm(kube, service, kinds=2)
        assert before + 2 == looks(service)

        declare(host, deployment(namespace, replicas=3))
        service.look()
        until(lambda: config_map(kube, namespace) is None, 30)
        calm(kube, service, kinds=1)
        assert before + 4 == looks(service)


def test_it_ends_at_once(kube: Kube, host: Fleet, namespace: str) -> None:
    declare(host, settings(namespace, log="info"))
    with host.service() as service:
        calm(kube, service, kinds=1)
        service.process.terminate()
        assert 0 == service.process.wait(10)
