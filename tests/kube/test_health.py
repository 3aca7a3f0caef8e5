"""What counts as well: by what the real controllers say of real objects, and what is told of what is not."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest

from tests.fleet import Fleet
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube
from tests.kube.workloads import (
    became,
    declare,
    deployment,
    job,
    meanwhile,
    pods,
    set_status,
    settings,
    thing,
    workload,
)
from tests.waiting import until

CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
GIVEN_UP = "BackoffLimitExceeded: Job has reached the specified backoff limit"
STAMP = "2024-01-01T00:00:00Z"


def test_what_runs_is_waited_for_and_what_does_not_run_is_not(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """A DaemonSet without nodes, a CronJob, a Service without a load balancer, what is paused and what is of size 0 are well."""
    cron = {"schedule": "0 3 * * *", "jobTemplate": {"spec": job("")["spec"]}}
    fresh = f"{namespace}-more"
    kube.cleanup(f"/api/v1/namespaces/{fresh}")
    declare(
        kube_fleet,
        deployment(namespace, "web", replicas=2),
        deployment(namespace, "none", replicas=0),
        deployment(namespace, "paused", paused=True),
        workload("StatefulSet", namespace, "store", serviceName="store", replicas=2),
        workload("DaemonSet", namespace, "agent"),
        job(namespace, "import"),
        thing("batch/v1beta1", "CronJob", "nightly", namespace, spec=cron),
        thing("v1", "Service", "front", namespace, spec={"type": "LoadBalancer", "ports": [{"port": 80}]}),
        thing("v1", "Namespace", fresh),
        settings(fresh, color="blue"),
    )

    with kubelet.working():
        report = kube_fleet.apply()

    assert "converged" == report["result"]
    apps = f"/apis/apps/v1/namespaces/{namespace}"
    assert 2 == kube.get(f"{apps}/deployments/web")["status"]["availableReplicas"]
    assert 2 == kube.get(f"{apps}/statefulsets/store")["status"]["readyReplicas"]
    assert 1 == kube.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/import")["status"]["succeeded"]
    assert {"changed"} == {one["result"] for one in report["resources"].values()}


def test_what_cannot_become_well_has_failed_before_its_time_is_up(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """A rollout that its controller has given up, a Job that has failed, a container that ends again and again."""
    declare(
        kube_fleet,
        deployment(namespace, "late", progressDeadlineSeconds=1),
        deployment(namespace, "crashing"),
        job(namespace, "import"),
        settings(namespace, color="blue"),
        wait="1h",
    )
    began = time.monotonic()

    with meanwhile(
        lambda: kubelet.fail("import"),
        lambda: kubelet.hold_up("crashing", "CrashLoopBackOff", restarts=5),
        lambda: kubelet.hold_up("late", "ErrImagePull", "no such image"),
    ):
        report = kube_fleet.apply(code=3)

    assert time.monotonic() - began < 60
    assert "changed" == became(report, "/settings")[0]
    report = kube_fleet.apply(code=3)  # all that there is to say has been said by now
    pod = {name: kubelet.pods(name)[0]["metadata"]["name"] for name in ("late", "crashing", "import")}
    result, reason = became(report, "/late")
    assert "failed" == result
    assert reason.startswith("0 of 1 replicas are available: ProgressDeadlineExceeded: ReplicaSet")
    assert reason.endswith(f"; pod {pod['late']}: ErrImagePull: no such image")
    assert became(report, "/crashing")[1].endswith(
        f"; pod {pod['crashing']}: CrashLoopBackOff: container crashing ends, restarted 5 times"
    )
    assert became(report, "/import") == (
        "failed",
        f"{GIVEN_UP}; pod {pod['import']}: container import ended with exit code 1",
    )


def test_what_a_pod_waits_for_is_told_when_the_time_is_up(
    kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """Also by a second cycle, which waits no more, and by a plan, to which there is nothing to do."""
    declare(kube_fleet, deployment(namespace), wait="2s")

    with meanwhile(lambda: kubelet.hold_up("web", "ImagePullBackOff", 'Back-off pulling image "web:1"')):
        report = kube_fleet.apply(code=3)

    (pod,) = kubelet.pods("web")
    why = (
        f"0 of 1 replicas are available; pod {pod['metadata']['name']}: ImagePullBackOff:"
        ' Back-off pulling image "web:1"'
    )
    result, reason = became(report, "/web")
    assert "failed" == result
    assert reason.endswith(why)
    assert became(kube_fleet.apply(code=3), "/web")[1].endswith(why)
    assert why in kube_fleet.trued("plan")


def test_who_does_not_want_to_wait_is_told_of_nothing(kube_fleet: Fleet, namespace: str) -> None:
    """`wait: 0s`: what is as declared is well enough."""
    declare(kube_fleet, deployment(namespace, progressDeadlineSeconds=1), wait="0s")

    assert "converged" == kube_fleet.apply()["result"]
    assert "converged" == kube_fleet.apply()["result"]


def test_old_replicas_that_linger_are_told(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """The new image is there but not ready, so the old one stays and serves."""
    declare(kube_fleet, deployment(namespace, replicas=2))
    with kubelet.working():
        kube_fleet.apply()
    declare(kube_fleet, deployment(namespace, replicas=2, template=pods("web", "web:2")), wait="2s")

    result, reason = became(kube_fleet.apply(code=3), "/web")

    assert "failed" == result
    assert reason.endswith("1 of 2 replicas are up to date")
    status = kube.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web")["status"]
    assert 2 == status["availableReplicas"]


def test_a_claim_waits_for_its_volume_but_not_for_its_first_pod(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    names = {
        mode: f"{mode.lower()}-{secrets.token_hex(4)}" for mode in ("Immediate", "WaitForFirstConsumer")
    }
    objects = []
    for mode, name in names.items():
        more = {"provisioner": "example.org/none", "volumeBindingMode": mode}
        objects.append(thing("storage.k8s.io/v1", "StorageClass", name, **more))
        claim = {**CLAIM, "storageClassName": name}
        objects.append(thing("v1", "PersistentVolumeClaim", mode.lower(), namespace, spec=claim))
        kube.cleanup(f"/apis/storage.k8s.io/v1/storageclasses/{name}")
    declare(kube_fleet, *objects, wait="1s")

    report = kube_fleet.apply(code=3)

    assert "changed" == became(report, "/waitforfirstconsumer")[0]
    result, reason = became(report, "/immediate")
    assert "failed" == result
    assert reason.endswith("is not bound yet")
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/immediate"
    set_status(kube, path, {"phase": "Bound"})
    assert "unchanged" == became(kube_fleet.apply(), "/immediate")[0]


@pytest.fixture
def widgets(kube: Kube) -> dict[str, Any]:
    """A definition of a kind with a status, of a group of its own; it is not there yet."""
    group = f"{secrets.token_hex(4)}.example.org"
    kube.cleanup(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")
    return defined(group, "Widget")


def defined(group: str, kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": loose},
        "subresources": {"status": {}},
    }
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
        "versions": [version],
    }
    return thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec=spec)


def ready(status: str, why: str = "", **more: Any) -> dict[str, Any]:
    told = {"reason": why, "message": "as it is", "lastTransitionTime": STAMP} if why else {}
    return {"conditions": [{"type": "Ready", "status": status, **told}], **more}


def test_a_custom_object_comes_after_its_definition_and_says_itself_when_it_is_ready(
    kube: Kube, kube_fleet: Fleet, namespace: str, widgets: dict[str, Any]
) -> None:
    group = widgets["spec"]["group"]
    path = f"/apis/{group}/v1/namespaces/{namespace}/widgets/one"
    declare(kube_fleet, thing(f"{group}/v1", "Widget", "one", namespace, spec={"size": 1}), widgets)

    def operator() -> None:
        until(lambda: kube.get(path))
        set_status(kube, path, ready("False", "Installing"))
        time.sleep(1)  # it takes its time; nothing is proven by it
        set_status(kube, path, ready("True"))

    with meanwhile(operator):
        report = kube_fleet.apply()

    assert "converged" == report["result"]
    assert "True" == kube.get(path)["status"]["conditions"][0]["status"]
    declare(
        kube_fleet, thing(f"{group}/v1", "Widget", "one", namespace, spec={"size": 1}), widgets, wait="1s"
    )
    set_status(kube, path, ready("False", "Broken"))
    result, reason = became(kube_fleet.apply(code=3), "/one")
    assert "failed" == result
    assert reason.endswith("Broken: as it is")
    set_status(kube, path, ready("False", "Broken", observedGeneration=1))
    set_status(kube, path, ready("True"))
    assert "unchanged" == became(kube_fleet.apply(), "/one")[0]


def test_a_helm_chart_is_as_well_as_its_job(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """The helm-controller of k3s makes a Job and names it in the status of the chart."""
    definition = defined("helm.cattle.io", "HelmChart")
    where = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    kube.request("POST", where, definition)
    kube.cleanup(f"{where}/{definition['metadata']['name']}")
    path = f"/apis/helm.cattle.io/v1/namespaces/{namespace}/helmcharts"
    until(lambda: kube.get(path))
    chart = thing("helm.cattle.io/v1", "HelmChart", "web", namespace, spec={"chart": "stable/web"})
    declare(kube_fleet, chart, wait="2m")

    def controller() -> None:
        until(lambda: kube.get(f"{path}/web"))
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        kube.request("POST", jobs, job(namespace, "helm-install-web"))
        set_status(kube, f"{path}/web", {"jobName": "helm-install-web"})

    with meanwhile(controller, lambda: kubelet.fail("helm-install-web")):
        report = kube_fleet.apply(code=3)

    result, reason = became(report, "/web")
    assert "failed" == result
    assert reason.startswith("Job helm-install-web: BackoffLimitExceeded: ")
    assert reason.endswith(": container helm-install-web ended with exit code 1")
