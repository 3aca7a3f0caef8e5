"""Whose fields trued sets back, takes away and leaves alone, at a real API server; and that the plan says so before."""

from __future__ import annotations

from tests.fleet import Fleet
from tests.kube.declared import (
    changed,
    config_maps,
    declare,
    deployment,
    hand,
    patch,
    settings,
    standing,
    thing,
    written,
)
from tests.kube.server import Kube

APPLY = "application/apply-patch+yaml"


def test_a_field_that_git_drops_goes(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """Also where `kubectl edit` has set it too, after which the server alone would keep it."""
    declare(kube_fleet, settings(namespace, a="1", b="2", c="3"))
    kube_fleet.apply()
    edit = '{"data": {"b": "4", "d": "5"}}'
    kube.kubectl("patch", "configmap", "settings", "-n", namespace, "-p", edit)
    declare(kube_fleet, settings(namespace, a="1"))

    plan = kube_fleet.plan(code=2)
    assert ["- b: '4'", "- c: '3'", "- d: '5'"] == changed(plan, f"ConfigMap/{namespace}/settings")
    kube_fleet.apply()
    assert {"a": "1"} == kube.get(config_maps(namespace, "settings"))["data"]
    assert [] == kube_fleet.plan(code=0)["entries"]


def test_what_kubectl_has_applied_is_taken_over(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    hand(kube, settings(namespace, a="1", b="2"))
    declare(kube_fleet, settings(namespace, a="3"))

    plan = kube_fleet.plan(code=2)

    lines = changed(plan, f"ConfigMap/{namespace}/settings")
    assert ["- a: '1'", "- b: '2'", "+ a: '3'"] == [line for line in lines if line[2:4] in {"a:", "b:"}]
    assert f"+ trued.dev/owner: {kube_fleet.host}" in lines
    assert "+ trued.dev/adopted: 'true'" in lines
    kube_fleet.apply()
    found = kube.get(config_maps(namespace, "settings"))
    assert {"a": "3"} == found["data"]
    assert {"trued.dev/adopted": "true"} == found["metadata"]["annotations"]
    since = kube.mark()
    kube_fleet.apply()
    assert [] == written(kube, since)


def test_git_wins_over_another_manager_and_says_who_it_was(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    declare(kube_fleet, deployment(namespace), wait="0s")
    kube_fleet.apply()
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    body = thing("apps/v1", "Deployment", namespace, "web", spec={"replicas": 7})
    kube.request("PATCH", f"{path}?fieldManager=scaler&force=true", body, content_type=APPLY)

    report = kube_fleet.apply()

    assert ("changed", "differs: spec.replicas (set by scaler)") == standing(
        report, f"apps/Deployment/{namespace}/web"
    )
    assert 2 == kube.get(path)["spec"]["replicas"]


def test_what_git_does_not_say_is_left_to_controllers(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """The replicas of an autoscaler, and what another one sets in a map that Git has a part of."""
    scaled = deployment(namespace)
    del scaled["spec"]["replicas"]
    declare(kube_fleet, scaled, settings(namespace, a="1"), wait="0s")
    kube_fleet.apply()
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    patch(kube, f"{path}/scale", {"spec": {"replicas": 3}})
    patch(kube, f"{config_maps(namespace, 'settings')}?fieldManager=sidecar", {"data": {"b": "2"}})
    since = kube.mark()

    assert "converged" == kube_fleet.apply()["result"]
    declare(kube_fleet, scaled, settings(namespace, a="3"), wait="0s")
    kube_fleet.apply()

    assert 3 == kube.get(path)["spec"]["replicas"]
    assert {"a": "3", "b": "2"} == kube.get(config_maps(namespace, "settings"))["data"]
    assert [f"patch {config_maps(namespace, 'settings')}"] == written(kube, since)
