"""How a Pod is, and what those of a workload wait for. Pure; what a container has said itself is never repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

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
    progressing,
    told,
)
from agent.model import Json
from agent.values import dataclass

USUAL: Final = frozenset({"ContainerCreating", "PodInitializing"})  # what every container waits for
CRASHES: Final = 3  # restarts after which it is no longer thought that the next one helps
VERSIONS: Final = (
    "pod-template-hash",
    "controller-revision-hash",
)  # labels: which version of a workload a pod is of


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is the matter with a pod. `lasting`: it will not go away by itself."""

    text: str
    lasting: bool = False


def pod(object_: Json) -> Health:
    """Return how a Pod is (kubernetes.io, "Pod Lifecycle")."""
    status = mapping(object_, "status")
    phase = str(status.get("phase", ""))
    if phase == "Succeeded":
        return current("has succeeded")
    if phase == "Failed":
        return failed(told(status, _ended(object_) or "has failed"))
    if phase == "Running" and is_true(conditions(object_).get("Ready")):
        return current()
    found = next(iter(sorted(_troubles(object_), key=lambda each: not each.lasting)), None)
    if found is not None:
        return failed(found.text) if found.lasting else progressing(found.text)
    return progressing(
        "is running, but not ready" if phase == "Running" else f"is {phase or 'Pending'}".lower()
    )


def trouble(workload: Json, pods: Iterable[Json]) -> Trouble | None:
    """Return what is the matter with a pod of the newest version of a workload, if anything is; the worst first."""
    found = [
        Trouble(text=f"pod {mapping(each, 'metadata').get('name')}: {wrong.text}", lasting=wrong.lasting)
        for each in _newest(workload, pods)
        for wrong in _troubles(each)
    ]
    return next(iter(sorted(found, key=lambda each: not each.lasting)), None)


def _newest(workload: Json, pods: Iterable[Json]) -> Sequence[Json]:
    """Return the pods of the newest version: what an older one does is what the newer one is to mend."""
    alive = [each for each in pods if not mapping(each, "metadata").get("deletionTimestamp")]
    status = mapping(workload, "status")
    versions = {
        "Deployment": number(status, "updatedReplicas"),
        "DaemonSet": number(status, "updatedNumberScheduled"),
    }
    if not versions.get(str(workload.get("kind")), 1):
        return ()
    newest = status.get("updateRevision") or next(
        (_version(each) for each in sorted(alive, key=_made, reverse=True)), ""
    )
    return [each for each in alive if _version(each) in {newest, ""}]


def _version(object_: Json) -> str:
    labels = mapping(object_, "metadata", "labels")
    return next((str(labels[label]) for label in VERSIONS if label in labels), "")


def _made(object_: Json) -> str:
    return str(mapping(object_, "metadata").get("creationTimestamp", ""))


def _troubles(object_: Json) -> Iterator[Trouble]:
    scheduled = conditions(object_).get("PodScheduled")
    if scheduled is not None and is_false(scheduled):
        yield Trouble(text=told(scheduled, "is not scheduled"))
    status = mapping(object_, "status")
    for container in (*listed(status, "initContainerStatuses"), *listed(status, "containerStatuses")):
        yield from _of_container(container)


def _of_container(container: Json) -> Iterator[Trouble]:
    waiting = mapping(container, "state", "waiting")
    reason = waiting.get("reason", "")
    if reason == "CrashLoopBackOff":
        restarts = number(container, "restartCount")
        last = _exit(container, mapping(container, "lastState", "terminated"))
        text = f"CrashLoopBackOff: {last}, restarted {restarts} times"
        yield Trouble(text=text, lasting=restarts >= CRASHES)
    elif reason and reason not in USUAL:
        yield Trouble(text=told(waiting, reason), lasting=reason == "InvalidImageName")
    elif (ended := mapping(container, "state", "terminated")) and number(ended, "exitCode"):
        yield Trouble(text=_exit(container, ended))


def _ended(object_: Json) -> str:
    for container in listed(mapping(object_, "status"), "containerStatuses"):
        ended = mapping(container, "state", "terminated")
        if number(ended, "exitCode"):
            return _exit(container, ended)
    return ""


def _exit(container: Json, ended: Json) -> str:
    """Return how a container has ended; not its message, which is what it has written itself."""
    name, reason = container.get("name", ""), ended.get("reason", "")
    why = f" ({reason})" if reason not in {"", "Error", "Completed"} else ""
    return (
        f"container {name} ended with exit code {ended['exitCode']}{why}"
        if "exitCode" in ended
        else f"container {name} ends"
    )
