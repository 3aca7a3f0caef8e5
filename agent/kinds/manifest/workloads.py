"""How Deployments, StatefulSets, DaemonSets, ReplicaSets and Jobs are, by their status. Pure."""

from __future__ import annotations

from typing import Final

from agent.kinds.manifest.states import (
    Health,
    conditions,
    current,
    failed,
    is_true,
    mapping,
    number,
    progressing,
    told,
)
from agent.model import Json

NO_DEADLINE: Final = 2**31 - 1  # progressDeadlineSeconds: there is none, and no condition Progressing


def deployment(object_: Json) -> Health:
    """kubernetes.io, "Deployments": Deployment status."""
    spec, status, found = mapping(object_, "spec"), mapping(object_, "status"), conditions(object_)
    wanted, made = number(spec, "replicas", 1), number(status, "replicas")
    updated, available = number(status, "updatedReplicas"), number(status, "availableReplicas")
    rollout, lacking = found.get("Progressing", {}), found.get("ReplicaFailure", {})
    if rollout.get("reason") == "ProgressDeadlineExceeded":
        return failed(f"{_of(available, wanted, 'available')}: {told(rollout, '')}")
    if spec.get("paused"):
        return current("is paused")
    if is_true(lacking):
        return progressing(f"{_of(made, wanted, 'there')}: {told(lacking, '')}")
    complete = rollout.get("reason") == "NewReplicaSetAvailable" or _has_no_deadline(spec)
    return _first(
        (made < wanted, _of(made, wanted, "there")),
        (updated < wanted, _of(updated, wanted, "up to date")),
        (made > updated, f"{made - updated} of {made} replicas are old, and still there"),
        (available < updated, _of(available, wanted, "available")),
        (number(status, "readyReplicas") < wanted, _of(number(status, "readyReplicas"), wanted, "ready")),
        (not complete, "its rollout is not complete"),
        (not is_true(found.get("Available")), "is not available yet"),
    )


def _has_no_deadline(spec: Json) -> bool:
    return number(spec, "progressDeadlineSeconds") == NO_DEADLINE


def stateful_set(object_: Json) -> Health:
    """kubernetes.io, "StatefulSets": Update strategies."""
    spec, status = mapping(object_, "spec"), mapping(object_, "status")
    wanted, made = number(spec, "replicas", 1), number(status, "replicas")
    ready, updated = number(status, "readyReplicas"), number(status, "updatedReplicas")
    partition = number(mapping(spec, "updateStrategy", "rollingUpdate"), "partition")
    to_update = max(wanted - partition, 0)
    if mapping(spec, "updateStrategy").get("type") == "OnDelete":
        return current()
    another = not partition and status.get("currentRevision") != status.get("updateRevision")
    return _first(
        (made < wanted, _of(made, wanted, "there")),
        (ready < wanted, _of(ready, wanted, "ready")),
        (made > wanted, f"{made - wanted} of {made} replicas are too many, and still there"),
        (updated < to_update, _of(updated, to_update, "up to date")),
        (another, "its new revision is not complete"),
    )


def daemon_set(object_: Json) -> Health:
    """kubernetes.io, "DaemonSet": its status counts nodes."""
    status = mapping(object_, "status")
    if "observedGeneration" not in status:
        return progressing("its controller has not seen it yet")
    wanted = number(status, "desiredNumberScheduled")
    by_hand = mapping(object_, "spec", "updateStrategy").get("type") == "OnDelete"
    counts = {
        "there": number(status, "currentNumberScheduled"),
        "up to date": wanted if by_hand else number(status, "updatedNumberScheduled"),
        "available": number(status, "numberAvailable"),
        "ready": number(status, "numberReady"),
    }
    return _first(*((count < wanted, _of(count, wanted, what)) for what, count in counts.items()))


def replica_set(object_: Json) -> Health:
    """kubernetes.io, "ReplicaSet"; ReplicationControllers are told alike."""
    status, lacking = mapping(object_, "status"), conditions(object_).get("ReplicaFailure", {})
    wanted, made = number(mapping(object_, "spec"), "replicas", 1), number(status, "replicas")
    if is_true(lacking):
        return progressing(f"{_of(made, wanted, 'there')}: {told(lacking, '')}")
    counts = {
        "there": number(status, "fullyLabeledReplicas"),
        "available": number(status, "availableReplicas"),
        "ready": number(status, "readyReplicas"),
    }
    return _first(
        *((count < wanted, _of(count, wanted, what)) for what, count in counts.items()),
        (made > wanted, f"{made - wanted} of {made} replicas are too many, and still there"),
    )


def job(object_: Json) -> Health:
    """kubernetes.io, "Jobs": it is well when it is complete, or is not to run."""
    spec, found = mapping(object_, "spec"), conditions(object_)
    if is_true(found.get("Failed")):
        return failed(told(found["Failed"], "has failed"))
    if is_true(found.get("Complete")):
        return current("is complete")
    if spec.get("suspend") or is_true(found.get("Suspended")):
        return current("is suspended")
    status = mapping(object_, "status")
    wanted = number(spec, "completions", number(spec, "parallelism", 1))
    unlucky = f", {number(status, 'failed')} have failed" if number(status, "failed") else ""
    return progressing(f"{number(status, 'succeeded')} of {wanted} pods have succeeded{unlucky}")


def _of(count: int, wanted: int, what: str) -> str:
    return f"{count} of {wanted} replicas are {what}"


def _first(*lacks: tuple[bool, str]) -> Health:
    """Return the first thing that is lacking, or that nothing is."""
    return next((progressing(text) for lacking, text in lacks if lacking), current())
