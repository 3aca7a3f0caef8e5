"""Manifests from Git to a real API server and back: applied, settled, drifted, pruned."""

from __future__ import annotations

import json

from tests.fleet import Fleet
from tests.kube.declared import declare, deployment, settings, written
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube


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
