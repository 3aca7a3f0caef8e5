"""Where an object stands in the API, and what trued puts on it before it is sent. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from agent.errors import HostError
from agent.host.kubernetes.trouble import NOT_THERE
from agent.host.servers import ApiKind, ClusterError
from agent.model import ADOPTED, MANAGER, OWNER, Json

LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # a label's value
HASH: Final = 8  # digits that a shortened name ends with
SHORT: Final = (
    57  # characters of a name that has room for more, whatever it is of: 63 for a Service, a Namespace
)
# What of metadata is used, and what it is if it is there (kubernetes.io/docs/reference, ObjectMeta).
SHAPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(("name", "namespace", "uid", "resourceVersion", "deletionTimestamp"), str),
    **dict.fromkeys(("labels", "annotations"), Mapping),
    **dict.fromkeys(("managedFields", "finalizers", "ownerReferences"), list),
}
APPLYING: Final[Mapping[str, str | bool]] = {
    "fieldManager": MANAGER,
    "force": True,
    "fieldValidation": "Strict",
}


def owner_of(host: str) -> str:
    """Return the value of the label for a host: its name, shortened with a hash where that is no value of a label."""
    if not host or LABEL.fullmatch(host):
        return host
    start = re.sub("[^A-Za-z0-9._-]", "-", host)[: 62 - HASH].lstrip("-._")
    return f"{start or 'host'}-{hashlib.sha256(host.encode()).hexdigest()[:HASH]}"


def marked(declared: Json, owner: str, *, adopted: bool) -> Json:
    """Return a copy of an object with the marks of the host that keeps it."""
    metadata = mapping(declared, "metadata")
    labels = {**mapping(metadata, "labels"), OWNER: owner}
    annotations = {**mapping(metadata, "annotations"), **({ADOPTED: "true"} if adopted else {})}
    notes = {"annotations": annotations} if annotations else {}
    return {**declared, "metadata": {**metadata, "labels": labels, **notes}}


def renamed(declared: Json) -> Json:
    """Return a copy of an object under a name that is hardly taken, and is one wherever the first is."""
    metadata = declared["metadata"]
    short = str(metadata["name"])[:SHORT].rstrip("-._:")
    return {**declared, "metadata": {**metadata, "name": f"{short}-{MANAGER}"}}


def group_of(api_version: str) -> str:
    """Return the group of apps/v1, nothing for v1."""
    return api_version.rpartition("/")[0]


def collection(kind: ApiKind, namespace: str = "") -> str:
    """Return the path of all objects of a kind, or of those in a namespace."""
    top = f"/{'apis' if '/' in kind.api_version else 'api'}/{quote(kind.api_version)}"
    within = f"/namespaces/{quote(namespace, safe='')}" if namespace and kind.namespaced else ""
    return f"{top}{within}/{quote(kind.plural, safe='')}"


def place(kind: ApiKind, namespace: str, name: str) -> str:
    """Return the path of one object; raises HostError where its namespace does not fit its kind."""
    if kind.namespaced and not namespace:
        raise HostError(
            f"{kind.kind} {name}: expected a namespace, found none", hint="give it metadata.namespace"
        )
    if namespace and not kind.namespaced:
        raise HostError(
            f"{kind.kind} {name}: is in no namespace, found {namespace}", hint="remove metadata.namespace"
        )
    return f"{collection(kind, namespace)}/{quote(name, safe='')}"


def not_served(group: str, kind: str, version: str = "") -> ClusterError:
    """Return the error for a kind that the server does not have."""
    whole = "/".join(part for part in (group, version, kind) if part)
    status = {"code": NOT_THERE, "reason": "NoMatch", "message": f"no kind {whole}"}
    return ClusterError(
        f"the API server has no {whole}",
        code=NOT_THERE,
        status=status,
        hint="its CustomResourceDefinition has to come first; see kubectl api-resources",
    )


def is_object(found: object) -> bool:
    """Return whether an answer has the metadata of an object, and nothing in it that would be none."""
    metadata = found.get("metadata") if isinstance(found, Mapping) else None
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        return False
    sound = all(isinstance(metadata.get(key), (shape, type(None))) for key, shape in SHAPES.items())
    return sound and all(isinstance(one, Mapping) for one in metadata.get("managedFields") or ())


def no_object(kind: ApiKind) -> HostError:
    return HostError(f"the API server answers with something else than {kind.kind} objects")


def is_secret(declared: Json) -> bool:
    return declared.get("apiVersion") == "v1" and declared.get("kind") == "Secret"


def mapping(above: Json, key: str) -> Mapping[str, Any]:
    """Return what is below a key, nothing if that is missing; raises HostError."""
    found = above.get(key)
    if found is None or isinstance(found, Mapping):
        return found or {}
    raise HostError(f"{above.get('kind') or 'metadata'}: expected a mapping as {key}, found something else")
