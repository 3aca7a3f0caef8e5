"""What tests of the door to Kubernetes do with it, and objects to do it with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.host.kubernetes.door import Door
from agent.host.servers import ApiKind, Cluster
from agent.model import ApplyObject
from tests.kube.server import Kube

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
HELD = {"metadata": {"finalizers": ["example.com/hold"]}}
FREE = {"metadata": {"finalizers": None}}


def name_of(declared: dict[str, Any]) -> str:
    group = declared["apiVersion"].rpartition("/")[0]
    parts = group, declared["kind"], declared["metadata"].get("namespace"), declared["metadata"]["name"]
    return "/".join(part for part in parts if part)


def apply(door: Door, declared: dict[str, Any], **how: Any) -> None:
    door.perform(ApplyObject(name=name_of(declared), object=declared, why="", **how), lambda: None)


def kind_of(cluster: Cluster, declared: dict[str, Any]) -> ApiKind:
    group, _, version = declared["apiVersion"].rpartition("/")
    found = cluster.served(group, declared["kind"], version)
    assert found
    return found


def live(door: Door, declared: dict[str, Any]) -> dict[str, Any]:
    cluster = door.look()
    metadata = declared["metadata"]
    found = cluster.find(kind_of(cluster, declared), metadata.get("namespace", ""), metadata["name"])
    assert found
    return dict(found)


def deployment(make: Callable[..., dict[str, Any]], app: str = "web", **container: Any) -> dict[str, Any]:
    pod = {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "web", "image": "web:1", **container}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": app}}, "template": pod}
    return make("Deployment", api="apps/v1", spec=spec)


def patched(kube: Kube, declared: dict[str, Any], patch: object) -> None:
    metadata = declared["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
    kube.request("PATCH", path, patch, content_type=MERGE)
