"""What tests declare for a host with a Kubernetes, and what they read of what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import yaml

from tests.fleet import Fleet
from tests.kube.server import Kube

MERGE = "application/merge-patch+json"


def thing(api: str, kind: str, name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    """Return an object; `more` is beside its metadata."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def settings(namespace: str, name: str = "settings", **data: str) -> dict[str, Any]:
    return thing("v1", "ConfigMap", name, namespace, data=data)


def workload(kind: str, namespace: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    """Return a Deployment, or another thing of apps/v1, with one replica of what its spec says otherwise."""
    labels = {"app": name}
    whole = {"selector": {"matchLabels": labels}, "template": pods(name), **spec}
    return thing("apps/v1", kind, name, namespace, spec=whole)


def deployment(namespace: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    return workload("Deployment", namespace, name, **spec)


def job(namespace: str, name: str = "import", **spec: Any) -> dict[str, Any]:
    template = pods(name)
    template["spec"]["restartPolicy"] = "Never"
    return thing("batch/v1", "Job", name, namespace, spec={"backoffLimit": 0, "template": template, **spec})


def pods(name: str, image: str = "web:1") -> dict[str, Any]:
    """Return a template of pods."""
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": name, "image": image}]},
    }


def manifests(*objects: dict[str, Any]) -> dict[str, str]:
    """Return the file that `entry` names, for the repository."""
    return {"base/manifests/web.yaml": yaml.safe_dump_all(objects)}


def declare(fleet: Fleet, *objects: dict[str, Any], files: Mapping[str, Any] = {}, **entry: Any) -> str:
    """Declare these objects as the entry `web`, and files; push."""
    entries = {"web": {"source": "manifests/web.yaml", **entry}} if objects else {}
    sections = {"manifests": entries, **({"files": files} if files else {})}
    return fleet.declare(sections, manifests(*objects))


def became(report: Any, name: str) -> tuple[str, str]:
    """Return result and reason of the resource whose id ends so."""
    (found,) = (one for rid, one in report["resources"].items() if rid.endswith(name))
    return found["result"], found["reason"]


def set_status(kube: Kube, path: str, status: dict[str, Any]) -> None:
    """Say of an object what a controller would say."""
    kube.request("PATCH", f"{path}/status", {"status": status}, content_type=MERGE)


@contextmanager
def meanwhile(*deeds: Callable[[], object]) -> Iterator[None]:
    """Do these one after the other while the block lasts; what goes wrong with them fails the test."""
    with ThreadPoolExecutor(1) as pool:
        done = [pool.submit(deed) for deed in deeds]
        yield
        for one in done:
            one.result()
