"""Which kinds of objects are in a namespace, as far as that is known without asking. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.model import Named

APIEXTENSIONS: Final = "apiextensions.k8s.io"
DEFINITION: Final = (APIEXTENSIONS, "CustomResourceDefinition")

# The groups that Kubernetes itself serves (kubernetes.io/docs/reference/kubernetes-api), and which of their kinds are in no namespace.
_CLUSTER: Final[Mapping[str, frozenset[str]]] = {
    group: frozenset(kinds.split())
    for group, kinds in {
        "": "ComponentStatus Namespace Node PersistentVolume",
        "admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy"
        " ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
        APIEXTENSIONS: "CustomResourceDefinition",
        "apiregistration.k8s.io": "APIService",
        "apps": "",
        "authentication.k8s.io": "TokenReview SelfSubjectReview",
        "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
        "autoscaling": "",
        "batch": "",
        "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
        "coordination.k8s.io": "",
        "discovery.k8s.io": "",
        "events.k8s.io": "",
        "extensions": "PodSecurityPolicy",
        "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
        "internal.apiserver.k8s.io": "StorageVersion",
        "networking.k8s.io": "IngressClass IPAddress ServiceCIDR",
        "node.k8s.io": "RuntimeClass",
        "policy": "PodSecurityPolicy",
        "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
        "resource.k8s.io": "DeviceClass DeviceTaintRule ResourceSlice",
        "scheduling.k8s.io": "PriorityClass",
        "storage.k8s.io": "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
        "storagemigration.k8s.io": "StorageVersionMigration",
    }.items()
}


def is_builtin(group: str) -> bool:
    """Return whether Kubernetes itself serves a group, without a CustomResourceDefinition."""
    return group in _CLUSTER


def known_scope(group: str, kind: str, custom: Mapping[tuple[str, str], bool]) -> bool | None:
    """Return whether a kind is in a namespace, None where nothing says it. `custom`: what definitions say of theirs."""
    if (group, kind) in custom:
        return custom[group, kind]
    return kind not in _CLUSTER[group] if group in _CLUSTER else None


def is_namespaced(named: Named, custom: Mapping[tuple[str, str], bool], default: str) -> bool:
    """
    Return whether an object is in a namespace. `named.namespace` is what it says itself, `default` its entry.

    Of a kind that nothing is known of this is a guess from what people call their kinds; the API server says more.
    """
    known = known_scope(named.group, named.kind, custom)
    if known is not None:
        return known
    named_so = named.kind.startswith("Cluster") or named.kind.endswith("Class")
    return bool(named.namespace) or (bool(default) and not named_so)


def scopes(documents: Iterable[Mapping[str, Any]]) -> Mapping[tuple[str, str], bool]:
    """Return whether the kinds of CustomResourceDefinitions are in a namespace, by group and kind."""
    found: dict[tuple[str, str], bool] = {}
    for document in documents:
        spec = document.get("spec")
        names = spec.get("names") if isinstance(spec, Mapping) else None
        if (
            document.get("kind") != DEFINITION[1]
            or not isinstance(spec, Mapping)
            or not isinstance(names, Mapping)
        ):
            continue
        group, kind, scope = spec.get("group"), names.get("kind"), spec.get("scope")
        if isinstance(group, str) and isinstance(kind, str) and scope in {"Namespaced", "Cluster"}:
            found[group, kind] = scope == "Namespaced"
    return found
