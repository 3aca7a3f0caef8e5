"""Objects that tests declare in Git, and what trued says and does about them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import yaml

from tests.fleet import Fleet
from tests.kube.server import Kube

MERGE = "application/merge-patch+json"
LABELS = {"app": "web"}
POD = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
HELD = {"metadata": {"finalizers": ["example.com/hold"]}}
FREE = {"metadata": {"finalizers": None}}


def thing(api: str, kind: str, namespace: str, name: str, **more: Any) -> dict[str, Any]:
    """Return any object; one in no namespace for ""."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def settings(namespace: str, name: str = "settings", /, **data: str) -> dict[str, Any]:
    return thing("v1", "ConfigMap", namespace, name, data=data)


def deployment(namespace: str, **spec: Any) -> dict[str, Any]:
    every = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": deepcopy(POD), **spec}
    return thing("apps/v1", "Deployment", namespace, "web", spec=every)


def definition(group: str, **spec: Any) -> dict[str, Any]:
    """Return the CustomResourceDefinition of Widgets, of which anything may be said."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    every = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        **spec,
    }
    return thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"widgets.{group}", spec=every)


def declare(fleet: Fleet, *objects: dict[str, Any], **entry: Any) -> str:
    """Have these objects be all that is declared."""
    text = yaml.safe_dump_all(objects)
    entries = {"web": {"source": "manifests/web.yaml", **entry}} if objects else {}
    return fleet.declare({"manifests": entries}, {"base/manifests/web.yaml": text})


def written(kube: Kube, since: int) -> list[str]:
    """Return what trued has written since, dry runs left out."""
    return [f"{one.verb} {one.path}" for one in kube.writes(since, by="trued") if not one.dry_run]


def standing(report: Any, name: str) -> tuple[str, str]:
    """Return what a report says of an object: its result, and why."""
    found = report["resources"][f"manifest:{name}"]
    return found["result"], found["reason"]


def planned(plan: Any) -> dict[str, str]:
    """Return what a plan does with each object: name -> create, update, remove, blocked, …"""
    return {entry["id"].removeprefix("manifest:"): entry["what"] for entry in plan["entries"]}


def changed(plan: Any, name: str) -> list[str]:
    """Return the lines of an object that a plan changes."""
    (entry,) = [entry for entry in plan["entries"] if entry["id"] == f"manifest:{name}"]
    return [
        " ".join((line[0], line[1:].strip()))
        for line in entry["diff"]
        if line[:1] in {"-", "+"} and line[1:].strip()
    ]


def config_maps(namespace: str, name: str = "") -> str:
    """Return the path of a ConfigMap, or of all of a namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}".removesuffix("/")


def patch(kube: Kube, path: str, change: object) -> Any:
    return kube.request("PATCH", path, change, content_type=MERGE)


def hand(kube: Kube, *objects: dict[str, Any]) -> None:
    """Apply these as a person does, with kubectl."""
    kube.kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(one) for one in objects))
