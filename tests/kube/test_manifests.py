"""Manifests from Git to a real API server and back: applied, settled, drifted, pruned."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.fleet import Fleet
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube


def settings(namespace: str, **data: str) -> dict[str, Any]:
    metadata = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(namespace: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod, **spec},
    }


def declare(fleet: Fleet, *objects: dict[str, Any], **entry: Any) -> str:
    text = yaml.safe_dump_all(objects)
    entries = {"web": {"source": "manifests/web.yaml", **entry}} if objects else {}
    return fleet.declare({"manifests": entries}, {"base/manifests/web.yaml": text})


def written(kube: Kube, since: Any) -> list[str]:
    """Return what trued has written since, dry runs left out."""
    return [f"{one.verb} {one.path}" for one in kube.writes(since, by="trued") if not one.dry_run]


def test_objects_are_made_and_a_second_cycle_writes_nothing(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    declare(kube_fleet, settings(namespace, log="info"), deployment(namespace))

    with kubelet.working():
        report = kube_fleet.apply()

    assert "converged" == report["result"]
    found = kube.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web")
    assert 2 == found["status"]["availableReplicas"]
    assert kube_fleet.host == found["metadata"]["labels"]["trued.dev/owner"]
    since = kube.mark()
    assert "converged" == kube_fleet.apply()["result"]
    assert [] == written(kube, since)


def test_a_manual_edit_is_what_the_plan_shows_and_is_taken_back(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    declare(kube_fleet, settings(namespace, log="info"))
    kube_fleet.apply()
    edit = json.dumps({"data": {"log": "debug", "color": "blue"}})
    kube.kubectl("patch", "configmap", "settings", "-n", namespace, "-p", edit)

    plan = kube_fleet.trued("plan", code=2)
    changed = [line.strip() for line in plan.splitlines() if line.strip()[:1] in {"-", "+"}]
    assert ["-  color: blue", "-  log: debug", "+  log: info"] == changed
    kube_fleet.apply()

    assert {"log": "info"} == kube.get(f"/api/v1/namespaces/{namespace}/configmaps/settings")["data"]
    name = f"manifest:ConfigMap/{namespace}/settings"
    assert (
        f"{name}   drift: differs: data.color (set by kubectl-patch), data.log (set by kubectl-patch)"
        in (kube_fleet.reports()[0])
    )


def test_what_is_no_longer_declared_goes(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    declare(kube_fleet, settings(namespace, log="info"), deployment(namespace), wait="0s")
    kube_fleet.apply()
    declare(kube_fleet)
    kube_fleet.apply("--allow-removals")
    assert kube.get(f"/api/v1/namespaces/{namespace}/configmaps/settings") is None
    assert kube.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web") is None
