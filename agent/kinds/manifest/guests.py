"""What would go with a namespace, or with a definition of objects: the objects in it. Reads through a `Cluster` only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.host.servers import ApiKind, Cluster
from agent.model import Json, Named

# What a cluster puts into each namespace by itself, and what only tells of something else.
OF_ITSELF: Final = frozenset({("", "ConfigMap", "kube-root-ca.crt"), ("", "ServiceAccount", "default")})
DERIVED: Final = frozenset(
    {
        ("", "Event"),
        ("events.k8s.io", "Event"),
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("metrics.k8s.io", "PodMetrics"),
    }
)
TOKEN: Final = "kubernetes.io/service-account.name"  # noqa: S105 # annotation: a Secret that is a ServiceAccount's


def inhabitants(cluster: Cluster, named: Named, live: Json) -> Iterator[str]:
    """Yield what goes when this goes, by the names of resources; nothing where it is no such thing. Raises HostError."""
    if (named.group, named.kind) == ("", "Namespace"):
        for kind in cluster.every_kind():
            if kind.namespaced and (kind.group, kind.kind) not in DERIVED:
                yield from _guests(cluster, kind, named.name)
    elif named.kind == "CustomResourceDefinition":
        spec = live.get("spec") or {}
        group, kind_name = spec.get("group", ""), (spec.get("names") or {}).get("kind", "")
        if (defined := cluster.served(group, kind_name)) is not None:
            yield from _guests(cluster, defined, "")


def _guests(cluster: Cluster, kind: ApiKind, namespace: str) -> Iterator[str]:
    for one in cluster.listed(kind, namespace):
        metadata = one["metadata"]
        itself = (kind.group, kind.kind, metadata["name"]) in OF_ITSELF
        derived = metadata.get("ownerReferences") or TOKEN in (metadata.get("annotations") or {})
        if not itself and not derived:
            yield str(Named.of(one))
