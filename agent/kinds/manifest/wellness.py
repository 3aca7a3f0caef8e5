"""How well an object is, with what others tell of it: its pods, its job, its storage class. Reads through a `Cluster` only."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agent.errors import HostError
from agent.host.servers import ApiKind, Cluster
from agent.kinds.manifest.health import NOTHING_ELSE, Extra, assess, needs_job, needs_pods, selector, since
from agent.kinds.manifest.states import Health, mapping
from agent.model import Json

LATE: Final = "WaitForFirstConsumer"  # volumeBindingMode of a StorageClass; that of k3s's local-path has it

TICK: Final = 1.0  # seconds: the times of objects are whole ones, and the rest of them is cut off


def assessed(cluster: Cluster, kind: ApiKind, live: Json) -> tuple[Health, float]:
    """
    Return how an object is, and for how many seconds nothing has changed in it.

    Others are asked only if it is not well by itself, or says nothing of that itself, as a HelmChart; what cannot be read of
    them is not told.
    """
    age = age_of(cluster, live)
    alone = Extra(has_status=kind.has_status, age=age)
    found = assess(live, alone)
    if found.state == "current" and needs_job(live) is None:
        return found, age
    try:
        extra = _others(cluster, live)
    except HostError:
        return found, age
    return assess(live, replace(extra, has_status=kind.has_status, age=age)), age


def age_of(cluster: Cluster, live: Json) -> float:
    """Return for how many seconds at least nothing has changed in an object, or it is to go."""
    changed = since(live)
    return 0.0 if changed is None else max(0.0, cluster.now - changed.timestamp() - TICK)


def _others(cluster: Cluster, live: Json) -> Extra:
    namespace = str(mapping(live, "metadata").get("namespace", ""))
    if (named := needs_job(live)) is not None:
        job = _found(cluster, "batch", "Job", *named)
        return Extra(job=job, pods=_pods(cluster, named[0], selector(job)) if job else ())
    if needs_pods(live):
        return Extra(pods=_pods(cluster, namespace, selector(live)))
    if live.get("kind") == "PersistentVolumeClaim" and (
        name := mapping(live, "spec").get("storageClassName")
    ):
        found = _found(cluster, "storage.k8s.io", "StorageClass", "", str(name))
        return Extra(late_binding=found is not None and found.get("volumeBindingMode") == LATE)
    return NOTHING_ELSE


def _pods(cluster: Cluster, namespace: str, labels: str) -> tuple[Json, ...]:
    kind = cluster.served("", "Pod")
    if kind is None or not labels:
        return ()
    return tuple(cluster.listed(kind, namespace, selector=labels, whole=True))


def _found(cluster: Cluster, group: str, kind: str, namespace: str, name: str) -> Json | None:
    served = cluster.served(group, kind)
    return None if served is None else cluster.find(served, namespace, name)
