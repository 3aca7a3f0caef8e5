"""The door of a host called edge-01, and objects of the test's own namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.host.kubernetes.door import Door
from tests.kube.server import Kube


@pytest.fixture
def door(kube: Kube) -> Iterator[Door]:
    door = Door(owner="edge-01", kubeconfig=kube.kubeconfig)
    yield door
    door.close()


@pytest.fixture
def make(namespace: str) -> Callable[..., dict[str, Any]]:
    """Make an object of this namespace as it would be declared."""

    def one(kind: str = "ConfigMap", name: str = "web", api: str = "v1", **more: Any) -> dict[str, Any]:
        return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}

    return one
