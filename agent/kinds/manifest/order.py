"""In which order objects come by habit: what others stand on first, what may get in their way last. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.model import Named

_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_FIRST: Final = (
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("", "Namespace"),
    ("", "ResourceQuota"),
    ("storage.k8s.io", "StorageClass"),
    ("", "ServiceAccount"),
    ("policy", "PodSecurityPolicy"),
    (_RBAC, "Role"),
    (_RBAC, "ClusterRole"),
    (_RBAC, "RoleBinding"),
    (_RBAC, "ClusterRoleBinding"),
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Service"),
    ("", "LimitRange"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("policy", "PodDisruptionBudget"),
)
_LAST: Final = (
    (_ADMISSION, "MutatingWebhookConfiguration"),
    (_ADMISSION, "ValidatingWebhookConfiguration"),
)
_OTHERS: Final = len(_FIRST)
_ORDER: Final[Mapping[tuple[str, str], int]] = {
    **{kind: place for place, kind in enumerate(_FIRST)},
    **{kind: place for place, kind in enumerate(_LAST, _OTHERS + 1)},
}
_CLASSES: Final = _ORDER["storage.k8s.io", "StorageClass"]


def habit(named: Named) -> int:
    """Return the place of an object's kind: the order of Flux (github.com/fluxcd/pkg, ssa/utils/sort.go), classes of all sorts early."""
    others = _CLASSES if named.kind.endswith("Class") else _OTHERS
    return _ORDER.get((named.group, named.kind), others)
