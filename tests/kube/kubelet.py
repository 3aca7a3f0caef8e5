"""
Plays the node: says of pods what a kubelet would say, and the real controllers do the rest.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/. It only patches pods/…/status.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from tests.kube.client import RefusedError
from tests.kube.server import Kube
from tests.waiting import until

Pod: TypeAlias = Mapping[str, Any]
PATCH = "application/merge-patch+json"
ENDED = ("Succeeded", "Failed")


class Kubelet:
    """
    For the pods of one namespace. A workload is named as its pods' owner is: "web" is a Deployment, a StatefulSet, a Job
    or a DaemonSet of that name, or a pod.
    """

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/pods"

    def pods(self, workload: str = "") -> Sequence[Pod]:
        """Return the pods of a workload, or all, that are not being deleted."""
        every = self._kube.get(self._path)["items"]
        return [
            pod
            for pod in every
            if workload in ("", owner(pod)) and "deletionTimestamp" not in pod["metadata"]
        ]

    def make_ready(self, workload: str, pods: int = 1) -> None:
        """Have this many pods of it run and be ready, each as soon as it appears."""
        self._have(workload, pods, ready)

    def succeed(self, workload: str, pods: int = 1) -> None:
        """Have this many pods of it end well: a Job is complete then."""
        self._have(workload, pods, lambda pod: ended(pod, "Succeeded", 0))

    def fail(self, workload: str, pods: int = 1) -> None:
        """Have this many pods of it end badly."""
        self._have(workload, pods, lambda pod: ended(pod, "Failed", 1))

    def hold_up(
        self, workload: str, reason: str, message: str = "", pods: int = 1, *, restarts: int = 0
    ) -> None:
        """Have its containers wait, for a reason such as ImagePullBackOff or CrashLoopBackOff."""
        self._have(workload, pods, lambda pod: waiting(pod, reason, message, restarts))

    @contextmanager
    def working(self) -> Iterator[None]:
        """As long as the block lasts, have every pod be ready as soon as it appears; those of Jobs succeed."""
        over = threading.Event()
        thread = threading.Thread(target=self._work, args=(over,), name="kubelet")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _work(self, over: threading.Event) -> None:
        while not over.wait(0.05):
            try:
                for pod in self.pods():
                    if pod["status"]["phase"] == "Pending":
                        self._say(pod, ended(pod, "Succeeded", 0) if of_job(pod) else ready(pod))
            except (OSError, RefusedError):
                continue  # a kubelet, too, waits until the API server is back

    def _have(self, workload: str, pods: int, status: Callable[[Pod], Mapping[str, Any]]) -> None:
        done: set[str] = set()

        def enough() -> bool:
            for pod in self.pods(workload):
                if pod["metadata"]["uid"] not in done:
                    self._say(pod, status(pod))
                    done.add(pod["metadata"]["uid"])
            return len(done) >= pods

        until(enough)

    def _say(self, pod: Pod, status: Mapping[str, Any]) -> None:
        path = f"{self._path}/{pod['metadata']['name']}/status"
        try:
            self._kube.request("PATCH", path, {"status": status}, content_type=PATCH)
        except RefusedError as error:
            if error.code != 404:  # gone meanwhile
                raise


def owner(pod: Pod) -> str:
    """Return what a pod belongs to; itself, if to nothing."""
    meta = pod["metadata"]
    for reference in meta.get("ownerReferences", ()):
        suffix = f"-{meta.get('labels', {}).get('pod-template-hash', '')}"
        name = str(reference["name"])
        return name.removesuffix(suffix) if reference["kind"] == "ReplicaSet" else name
    return str(meta["name"])


def of_job(pod: Pod) -> bool:
    return any(reference["kind"] == "Job" for reference in pod["metadata"].get("ownerReferences", ()))


def ready(pod: Pod) -> Mapping[str, Any]:
    """Return the status of a pod that runs and is ready."""
    return _status(pod, "Running", {"running": {"startedAt": _now()}}, well=True)


def ended(pod: Pod, phase: str, code: int) -> Mapping[str, Any]:
    """Return the status of a pod whose containers have ended so."""
    assert phase in ENDED
    state = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": _now()}
    return _status(pod, phase, {"terminated": state}, well=False)


def waiting(pod: Pod, reason: str, message: str, restarts: int = 0) -> Mapping[str, Any]:
    """Return the status of a pod whose containers do not run, and why."""
    # A pod is Running as soon as one of its containers has run once.
    phase = "Running" if reason == "CrashLoopBackOff" else "Pending"
    return _status(pod, phase, {"waiting": {"reason": reason, "message": message}}, restarts, well=False)


def _status(
    pod: Pod, phase: str, state: Mapping[str, Any], restarts: int = 0, *, well: bool
) -> Mapping[str, Any]:
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": well,
            "restartCount": restarts,
            "state": state,
        }
        for container in pod["spec"]["containers"]
    ]
    conditions = [
        {"type": kind, "status": str(well), "lastTransitionTime": _now()}
        for kind in ("Ready", "ContainersReady")
    ]
    return {"phase": phase, "conditions": conditions, "containerStatuses": containers}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
