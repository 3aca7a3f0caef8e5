"""What cannot be changed in place, at a real API server: blocked, or made anew where a manifest says so and is sound."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.fleet import Fleet
from tests.kube.declared import declare, definition, deployment, planned, standing, thing, written
from tests.kube.server import Kube

REPLACE = {"annotations": {"trued.dev/replace": "enabled"}}
APPS, BATCH = "/apis/apps/v1/namespaces", "/apis/batch/v1/namespaces"


def job(namespace: str, image: str, **metadata: Any) -> dict[str, Any]:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": image}]}}
    return thing("batch/v1", "Job", namespace, "job", metadata=metadata, spec={"template": pod})


def service(namespace: str, address: str, **metadata: Any) -> dict[str, Any]:
    spec = {"ports": [{"port": 80}], "clusterIP": address}
    return thing("v1", "Service", namespace, "web", metadata=metadata, spec=spec)


def selecting(namespace: str, app: str, **metadata: Any) -> dict[str, Any]:
    labels = {"app": app}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    made = deployment(namespace, selector={"matchLabels": labels}, template=pod)
    return {**made, "metadata": {**made["metadata"], **metadata}}


def claim(namespace: str, mode: str, **metadata: Any) -> dict[str, Any]:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
    return thing("v1", "PersistentVolumeClaim", namespace, "data", metadata=metadata, spec=spec)


CASES: dict[str, tuple[Any, Any, Any, str]] = {  # made by, from, to, where it is
    "the template of a Job": (job, "job:1", "job:2", f"{BATCH}/{{}}/jobs/job"),
    "the address of a Service": (service, "None", "", "/api/v1/namespaces/{}/services/web"),
    "a selector": (selecting, "one", "two", f"{APPS}/{{}}/deployments/web"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_blocked_unless_the_manifest_lets_it_be_replaced(
    kube: Kube, kube_fleet: Fleet, namespace: str, case: str
) -> None:
    make, before, after, path = CASES[case]
    path = path.format(namespace)
    declare(kube_fleet, make(namespace, before), wait="0s")
    kube_fleet.apply()
    uid = kube.get(path)["metadata"]["uid"]

    since = kube.mark()
    declare(kube_fleet, make(namespace, after), wait="0s")
    report = kube_fleet.apply(code=3)
    (name,) = (rid.removeprefix("manifest:") for rid in report["resources"])
    result, reason = standing(report, name)
    assert "blocked" == result
    assert reason.startswith("it cannot be changed in place: ")
    assert "immutable" in reason or "clusterIP" in reason
    assert 'the annotation trued.dev/replace: "enabled"' in reason
    assert ([], uid) == (written(kube, since), kube.get(path)["metadata"]["uid"])

    declare(kube_fleet, make(namespace, after, **REPLACE), wait="0s")
    assert {name: "update"} == planned(kube_fleet.plan(code=2))
    result, reason = standing(kube_fleet.apply(), name)
    assert "changed" == result
    assert reason.startswith("made anew: ")
    assert uid != kube.get(path)["metadata"]["uid"]
    assert [f"delete {path}", f"patch {path}"] == written(kube, since)
    assert [] == kube_fleet.plan(code=0)["entries"]


def test_a_manifest_that_is_wrong_never_costs_the_object_that_is_there(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    """Wrong by itself, wrong and immutable at once, and wrong for the schema."""
    declare(kube_fleet, selecting(namespace, "one", **REPLACE), wait="0s")
    kube_fleet.apply()
    path = f"{APPS}/{namespace}/deployments/web"
    since = kube.mark()
    wrongs = (
        {"image": ""},
        {"image": "web:1", "imagePullPolicy": "Sometimes"},
        {"image": "web:1", "colour": "red"},
    )
    for wrong in wrongs:
        for app in ("one", "two"):
            bad = selecting(namespace, app, **REPLACE)
            bad["spec"]["template"]["spec"]["containers"] = [{"name": "web", **wrong}]
            declare(kube_fleet, bad, wait="0s")
            result, reason = standing(kube_fleet.apply(code=3), f"apps/Deployment/{namespace}/web")
            assert "blocked" == result
            assert reason.startswith("the API server refuses it: ")
    assert [] == written(kube, since)
    assert kube.get(path)


def test_claims_and_definitions_are_never_replaced(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    group = f"g{secrets.token_hex(4)}.example.com"
    defined = definition(group)
    defined["metadata"] |= REPLACE
    declare(kube_fleet, claim(namespace, "ReadWriteOnce", **REPLACE), defined, wait="0s")
    kube.cleanup(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")
    kube_fleet.apply()
    since = kube.mark()

    other = {**defined, "spec": {**defined["spec"], "scope": "Cluster"}}
    declare(kube_fleet, claim(namespace, "ReadWriteMany", **REPLACE), other, wait="0s")
    report = kube_fleet.apply(code=3)

    for name in report["resources"]:
        result, reason = standing(report, name.removeprefix("manifest:"))
        assert "blocked" == result
        assert "immutable" in reason
        if (
            "Definition" not in name
        ):  # of which no other one may be tried: its name is that of what it defines
            assert reason.startswith("it cannot be changed in place: ")
            assert "is never replaced: declare what it is, or delete it by hand" in reason
    assert [] == written(kube, since)
