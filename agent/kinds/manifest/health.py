"""
How well an object is, by its status. Pure.

The rules are those of kstatus (github.com/kubernetes-sigs/cli-utils, pkg/kstatus/status), but for four: a Job is waited for until
it is complete, a Pod that has failed has failed, a claim that waits for its first consumer is well, and what pods wait for is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from agent.kinds.manifest.pods import pod, trouble
from agent.kinds.manifest.states import (
    Health,
    conditions,
    current,
    failed,
    is_false,
    is_true,
    listed,
    mapping,
    number,
    one_line,
    progressing,
    told,
)
from agent.kinds.manifest.workloads import daemon_set, deployment, job, replica_set, stateful_set
from agent.model import MANAGER, Json, few
from agent.values import dataclass

__all__ = ["Extra", "Health", "assess", "needs_job", "needs_pods", "selector", "since"]
FIRST_STATUS: Final = 10.0  # seconds in which a controller may write the first status of a custom resource
FIRST_JOB: Final = 15.0  # seconds in which k3s's helm-controller may replace a Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What is known besides the object. What nobody has asked for is left out."""

    pods: Sequence[Json] = field(
        default=(), repr=False
    )  # those that its selector selects, or that of its Job
    job: Json | None = field(default=None, repr=False)  # that of a HelmChart
    late_binding: bool = False  # a claim's StorageClass says WaitForFirstConsumer
    has_status: bool = False  # its kind has a status as a subresource
    age: float = float("inf")  # seconds since something has changed: see `since`


Rule: TypeAlias = Callable[[Json, Extra], Health]
NOTHING_ELSE: Final = Extra()


def assess(object_: Json, extra: Extra = NOTHING_ELSE) -> Health:
    """Return how an object is, as the API server has it."""
    found = _for_every_kind(object_) or RULES.get(_kind(object_), _other)(object_, extra)
    if found.state not in {"progressing", "failed"}:
        return found
    wrong = trouble(object_, extra.pods)
    if wrong is None:
        return found
    lasting = wrong.lasting or found.state == "failed"
    return Health(
        state="failed" if lasting else "progressing", reason=one_line(f"{found.reason}; {wrong.text}")
    )


def needs_pods(object_: Json) -> bool:
    """Return whether the pods of an object tell more of it than it does itself."""
    return _kind(object_) in WORKLOADS and bool(selector(object_))


def needs_job(object_: Json) -> tuple[str, str] | None:
    """Return namespace and name of the Job that tells how an object is, if there is one."""
    name = mapping(object_, "status").get("jobName")
    if _kind(object_) != HELM_CHART or not name:
        return None
    return str(mapping(object_, "metadata").get("namespace", "")), str(name)


def selector(object_: Json) -> str:
    """Return which pods are an object's, as the parameter labelSelector (kubernetes.io, "Labels and Selectors"); "" for none."""
    said = mapping(object_, "spec", "selector")
    if _kind(object_) == ("", "ReplicationController"):
        return ",".join(_equal(said))
    return ",".join(
        (*_equal(mapping(said, "matchLabels")), *map(_expression, listed(said, "matchExpressions")))
    )


def since(object_: Json) -> datetime | None:
    """Return the newest moment at which something has changed: what is declared of it, or a condition."""
    metadata = mapping(object_, "metadata")
    ours = [
        entry.get("time") for entry in listed(metadata, "managedFields") if entry.get("manager") == MANAGER
    ]
    moments = [*ours, metadata.get("creationTimestamp")]
    for each in conditions(object_).values():
        moments += [each.get("lastTransitionTime"), each.get("lastUpdateTime")]
    found = [moment for moment in map(_moment, moments) if moment is not None]
    asked = _moment(metadata.get("deletionTimestamp"))  # it lies ahead, by the grace period
    if asked is not None:
        found.append(asked - timedelta(seconds=number(metadata, "deletionGracePeriodSeconds")))
    return max(found, default=None)


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _equal(labels: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key}={value}" for key, value in labels.items())


def _expression(said: Json) -> str:
    key, operator = said.get("key", ""), str(said.get("operator", ""))
    if operator in {"In", "NotIn"}:
        return f"{key} {operator.lower()} ({','.join(map(str, said.get('values') or ()))})"
    return f"!{key}" if operator == "DoesNotExist" else str(key)


def _kind(object_: Json) -> tuple[str, str]:
    """Return group and kind; a version has no say in how an object is."""
    group, slash, _ = str(object_.get("apiVersion", "")).partition("/")
    return group if slash else "", str(object_.get("kind", ""))


def _for_every_kind(object_: Json) -> Health | None:
    metadata, status, found = mapping(object_, "metadata"), mapping(object_, "status"), conditions(object_)
    if metadata.get("deletionTimestamp"):
        finalizers = metadata.get("finalizers") or ()
        waits = f", and waits for {few(finalizers)}" if finalizers else ""
        return Health(state="terminating", reason=one_line(f"is being deleted{waits}"))
    seen = status.get("observedGeneration")
    if isinstance(seen, int) and seen != metadata.get("generation", seen):
        return progressing("its controller has not seen the last change yet")
    if is_true(found.get("Reconciling")):
        return progressing(told(found["Reconciling"], "is being reconciled"))
    if is_true(found.get("Stalled")):
        return failed(told(found["Stalled"], "is stalled"))
    return None


def _other(object_: Json, extra: Extra) -> Health:
    """Return how an object of a kind without a rule is: by its condition Ready, if there is one."""
    ready = conditions(object_).get("Ready")
    if ready is not None:
        return current() if is_true(ready) else progressing(told(ready, "is not ready"))
    custom = "." in _kind(object_)[0]
    if custom and extra.has_status and not object_.get("status") and extra.age < FIRST_STATUS:
        return progressing("has no status yet")
    return current()


def _claim(object_: Json, extra: Extra) -> Health:
    phase = mapping(object_, "status").get("phase")
    if phase == "Bound":
        return current()
    if phase == "Lost":
        return failed("the volume that it was bound to is gone")
    return (
        current("waits for the first pod that uses it")
        if extra.late_binding
        else progressing("is not bound yet")
    )


def _service(object_: Json, _: Extra) -> Health:
    spec = mapping(object_, "spec")
    waits = spec.get("type") == "LoadBalancer" and not spec.get("clusterIP")
    return progressing("has no address yet") if waits else current()


def _namespace(object_: Json, _: Extra) -> Health:
    phase = mapping(object_, "status").get("phase")
    return current() if phase == "Active" else progressing(f"is {phase or 'not active yet'}")


def _definition(object_: Json, _: Extra) -> Health:
    found = conditions(object_)
    if is_false(found.get("NamesAccepted")):
        return failed(told(found["NamesAccepted"], "its names are taken"))
    if is_true(found.get("Established")):
        return current()
    return progressing(told(found.get("Established", {}), "is not established yet"))


def _api_service(object_: Json, _: Extra) -> Health:
    available = conditions(object_).get("Available", {})
    return current() if is_true(available) else progressing(told(available, "is not available yet"))


def _helm_chart(object_: Json, extra: Extra) -> Health:
    """docs.k3s.io, "Helm": the helm-controller installs a chart by a Job, and names it in the status."""
    gone_wrong, named = conditions(object_).get("Failed"), needs_job(object_)
    if gone_wrong is not None and is_true(gone_wrong):
        return failed(told(gone_wrong, "has failed"))
    if named is None:
        return progressing("the helm-controller has made no Job for it yet")
    if extra.job is None:
        return current(f"Job {named[1]} is gone")
    changed, made = since(object_), _moment(mapping(extra.job, "metadata").get("creationTimestamp"))
    if changed and made and made < changed and extra.age < FIRST_JOB:
        return progressing("the helm-controller may not have seen the last change yet")
    found = job(extra.job)
    return (
        found
        if found.state == "current"
        else Health(state=found.state, reason=f"Job {named[1]}: {found.reason}")
    )


def _by(rule: Callable[[Json], Health]) -> Rule:
    return lambda object_, _: rule(object_)


HELM_CHART: Final = ("helm.cattle.io", "HelmChart")
WORKLOADS: Final[Mapping[tuple[str, str], Rule]] = {
    ("apps", "Deployment"): _by(deployment),
    ("apps", "StatefulSet"): _by(stateful_set),
    ("apps", "DaemonSet"): _by(daemon_set),
    ("apps", "ReplicaSet"): _by(replica_set),
    ("", "ReplicationController"): _by(replica_set),
    ("batch", "Job"): _by(job),
}
RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **WORKLOADS,
    ("", "Pod"): _by(pod),
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    HELM_CHART: _helm_chart,
    # Nothing is to be waited for; their conditions say something else than how they are.
    ("batch", "CronJob"): _by(lambda _: current()),
    ("networking.k8s.io", "Ingress"): _by(lambda _: current()),
    ("policy", "PodDisruptionBudget"): _by(lambda _: current()),
}
