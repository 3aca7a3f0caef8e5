"""Objects that tests of Kubernetes make, and what they read from them."""

from __future__ import annotations

from typing import Any

from tests.kube.server import Kube

APPLY = "application/apply-patch+yaml"
WEB = {
    "selector": {"matchLabels": {"app": "web"}},
    "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    },
}


def apps(namespace: str, plural: str, name: str = "") -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/{plural}/{name}".removesuffix("/")


def deploy(kube: Kube, namespace: str, **spec: object) -> str:
    """Make the Deployment web; return its path."""
    body = {"metadata": {"name": "web"}, "spec": {**WEB, **spec}}
    kube.request("POST", apps(namespace, "deployments"), body)
    return apps(namespace, "deployments", "web")


def keep(kube: Kube, namespace: str, name: str, **data: str) -> str:
    """Make a ConfigMap; return its path."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    kube.request("POST", path, config_map(name, **data))
    return f"{path}/{name}"


def conditions(found: Any) -> dict[str, str]:
    return {one["type"]: one["status"] for one in found["status"].get("conditions") or ()}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def definition(group: str, number: int) -> dict[str, Any]:
    """Return a CustomResourceDefinition that has a schema."""
    text = {"type": "string"}
    spec = {
        "type": "object",
        "properties": {"color": text, "notes": {"type": "object", "additionalProperties": text}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    }
    names = {"plural": f"kind{number}s", "singular": f"kind{number}", "kind": f"Kind{number}"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"kind{number}s.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
