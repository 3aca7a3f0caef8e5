"""What the real controllers make of what a kubelet says."""

from __future__ import annotations

import pytest

from tests.kube.kubelet import Kubelet
from tests.kube.objects import WEB, apps, conditions, deploy
from tests.kube.server import Kube
from tests.waiting import until


def test_a_deployment_becomes_available_by_its_kubelet(kube: Kube, namespace: str, kubelet: Kubelet) -> None:
    path = deploy(kube, namespace, replicas=2)

    kubelet.make_ready("web", pods=2)

    until(lambda: kube.get(path)["status"].get("availableReplicas") == 2)
    assert "True" == conditions(kube.get(path))["Available"]


def test_a_deployment_can_be_late(kube: Kube, namespace: str) -> None:
    path = deploy(kube, namespace, progressDeadlineSeconds=1)

    until(lambda: conditions(kube.get(path)).get("Progressing") == "False")


def test_a_pod_says_why_it_waits(kube: Kube, namespace: str, kubelet: Kubelet) -> None:
    deploy(kube, namespace)

    kubelet.hold_up("web", "ImagePullBackOff", 'Back-off pulling image "web:1"')

    (pod,) = kubelet.pods("web")
    state = pod["status"]["containerStatuses"][0]["state"]
    assert {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "web:1"'} == state["waiting"]


@pytest.mark.parametrize("outcome", ["Complete", "Failed"])
def test_a_job_ends_as_told(kube: Kube, namespace: str, kubelet: Kubelet, outcome: str) -> None:
    path = make_job(kube, namespace)

    {"Complete": kubelet.succeed, "Failed": kubelet.fail}[outcome]("once")

    until(lambda: conditions(kube.get(path)).get(outcome) == "True")


def make_job(kube: Kube, namespace: str) -> str:
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    pod = {"restartPolicy": "Never", "containers": [{"name": "once", "image": "once:1"}]}
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    kube.request("POST", path, {"metadata": {"name": "once"}, "spec": spec})
    return f"{path}/once"


def test_a_kubelet_works_by_itself(kube: Kube, namespace: str, kubelet: Kubelet) -> None:
    """Whatever pods appear: those of a StatefulSet come one after the other, those of a Job end."""
    stateful = apps(namespace, "statefulsets", "web")
    spec = {**WEB, "replicas": 3, "serviceName": "web"}

    with kubelet.working():
        kube.request("POST", apps(namespace, "statefulsets"), {"metadata": {"name": "web"}, "spec": spec})
        job = make_job(kube, namespace)

        until(lambda: kube.get(stateful)["status"].get("readyReplicas") == 3)
        until(lambda: conditions(kube.get(job)).get("Complete") == "True")


def test_a_foreground_delete_comes_to_its_end(kube: Kube, namespace: str, kubelet: Kubelet) -> None:
    """The garbage collector runs: what a Deployment has made goes with it."""
    path = deploy(kube, namespace)
    kubelet.make_ready("web")

    kube.request("DELETE", path, {"propagationPolicy": "Foreground"})

    until(lambda: kube.get(path) is None)
    assert [] == kubelet.pods()
