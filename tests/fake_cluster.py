"""
A cluster that is a dict: keeps objects, applies them as a server would, and knows whose fields are whose. No clock, no network.

Serves speed; what an API server really answers is proven in tests/kube.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.host.servers import ApiKind, ClusterError
from agent.model import (
    ADOPTED,
    MANAGER,
    OWNER,
    ApplyObject,
    AwaitCluster,
    ClusterStep,
    DeleteObject,
    Json,
    Named,
    ReplaceObject,
)
from agent.model.managed import merged

T = TypeVar("T")

SERVED = (
    ApiKind(api_version="v1", kind="Namespace", plural="namespaces", namespaced=False),
    ApiKind(api_version="v1", kind="ConfigMap", plural="configmaps", namespaced=True),
    ApiKind(api_version="v1", kind="Secret", plural="secrets", namespaced=True),
    ApiKind(api_version="v1", kind="Pod", plural="pods", namespaced=True, has_status=True),
    ApiKind(api_version="v1", kind="Service", plural="services", namespaced=True, has_status=True),
    ApiKind(
        api_version="apps/v1", kind="Deployment", plural="deployments", namespaced=True, has_status=True
    ),
    ApiKind(api_version="batch/v1", kind="Job", plural="jobs", namespaced=True, has_status=True),
)
OF_NOW = 1_800_000_000.0
SERVERS = {"apiVersion", "kind", "managedFields", "name", "namespace", "uid", "resourceVersion", "status"}


@dataclass(slots=True)
class FakeCluster:
    """`refusals`: by name, why an apply is refused; `fixed`: names of objects that cannot be changed in place."""

    owner: str = "edge-01"
    now: float = OF_NOW
    kinds: list[ApiKind] = field(default_factory=lambda: list(SERVED))
    objects: dict[Named, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, Json] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, given: Json, *, manager: str = MANAGER) -> None:
        """Have an object, set by somebody."""
        made = deepcopy(dict(given))
        metadata = made.setdefault("metadata", {})
        operation = "Apply" if manager == MANAGER else "Update"
        entry = {"manager": manager, "operation": operation, "fieldsV1": _fields(made)}
        metadata.setdefault("managedFields", [entry])
        self._put(made)

    def served(self, group: str, kind: str, version: str = "") -> ApiKind | None:
        wanted = {f"{group}/{version}", version} if version else None
        fits = (one for one in self.kinds if (one.group, one.kind) == (group, kind))
        return next((one for one in fits if wanted is None or one.api_version in wanted), None)

    def every_kind(self) -> Iterable[ApiKind]:
        return tuple(self.kinds)

    def heed(self, kind: ApiKind) -> None:
        """Nobody listens."""

    def find(self, kind: ApiKind, namespace: str, name: str) -> Json | None:
        found = self.objects.get(Named(group=kind.group, kind=kind.kind, namespace=namespace, name=name))
        return deepcopy(found)

    def owned(self, kind: ApiKind, *, whole: bool) -> Iterable[Json]:
        return [
            one
            for one in self.listed(kind, whole=whole)
            if (one["metadata"].get("labels") or {}).get(OWNER) == self.owner
        ]

    def listed(
        self, kind: ApiKind, namespace: str = "", *, selector: str = "", whole: bool = False
    ) -> Iterable[Json]:
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        for named, one in self.objects.items():
            if (named.group, named.kind) != (kind.group, kind.kind) or (
                namespace and named.namespace != namespace
            ):
                continue
            if wanted.items() <= (one["metadata"].get("labels") or {}).items():
                keys = one if whole else ("apiVersion", "kind", "metadata")
                yield {key: deepcopy(one[key]) for key in keys}

    def tried(self, object_: Json, *, adopted: bool) -> Json:
        return self._applied(object_, adopted=adopted)

    def tried_whole(self, object_: Json) -> Json:
        return deepcopy(dict(object_))

    def tried_anew(self, object_: Json) -> None:
        if refusal := self.refusals.get(str(Named.of(object_))):
            raise _refusal(refusal)

    def remembered(self, key: Hashable, at: Hashable, read: Callable[[], T]) -> T:
        return read()

    def recalls(self, key: Hashable) -> bool:
        return False

    def perform(self, step: ClusterStep) -> None:
        """Do a step."""
        match step:
            case ApplyObject():
                named = Named.parse(step.name)
                if step.taking and named in self.objects:
                    metadata = self.objects[named]["metadata"]
                    metadata["managedFields"] = merged(metadata["managedFields"])
                self._put(self._applied(step.object, adopted=step.adopted))
            case ReplaceObject():
                del self.objects[Named.parse(step.name)]
                self._put(self._applied(step.object, adopted=step.adopted))
            case DeleteObject():
                self.objects.pop(Named.parse(step.name), None)
            case AwaitCluster():
                return

    def _put(self, made: dict[str, Any]) -> None:
        metadata = made["metadata"]
        metadata.setdefault("uid", f"uid-{next(self._numbers)}")
        metadata["resourceVersion"] = str(next(self._numbers))
        self.objects[Named.of(made)] = made

    def _applied(self, object_: Json, *, adopted: bool) -> dict[str, Any]:
        """Return an object as a server-side apply leaves it; raises ClusterError."""
        named = Named.of(object_)
        before = self.objects.get(named)
        if refusal := self.refusals.get(str(named)):
            raise _refusal(refusal)
        wanted = _marked(object_, self.owner, adopted=adopted)
        if before and str(named) in self.fixed and before.get("spec") != wanted.get("spec"):
            raise _refusal({"code": 422, "reason": "Invalid", "message": "spec: field is immutable"})
        if self._homeless(named):
            details = {"name": named.namespace, "kind": "namespaces"}
            message = f'namespaces "{named.namespace}" not found'
            raise _refusal({"code": 404, "reason": "NotFound", "message": message, "details": details})
        return _merged(before, wanted)

    def _homeless(self, named: Named) -> bool:
        home = Named(group="", kind="Namespace", namespace="", name=named.namespace)
        return named.namespace not in {"", "default"} and home not in self.objects


def _refusal(status: Json) -> ClusterError:
    return ClusterError(str(status["message"]), code=status["code"], status=status)


def _marked(object_: Json, owner: str, *, adopted: bool) -> dict[str, Any]:
    made = deepcopy(dict(object_))
    metadata = made["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), OWNER: owner}
    if adopted:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), ADOPTED: "true"}
    return made


def _merged(before: Json | None, wanted: Json) -> dict[str, Any]:
    result = deepcopy(dict(before)) if before else {}
    entries = result.get("metadata", {}).get("managedFields", [])
    fields = _fields(wanted)
    others = [entry for entry in entries if entry["manager"] != MANAGER]
    for entry in entries:
        if entry["manager"] == MANAGER:
            kept = [fields, *(other["fieldsV1"] for other in others)]
            _drop(result, entry["fieldsV1"], kept)
    _lay(result, wanted)
    ours = {"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}
    result["metadata"]["managedFields"] = [*others, ours]
    return result


def _fields(value: Json) -> dict[str, Any]:
    """Return FieldsV1 of what is set; lists count as one value."""
    found: dict[str, Any] = {}
    for key, child in value.items():
        if key not in SERVERS:
            below = _fields(child) if isinstance(child, Mapping) else {}
            if below or not isinstance(child, Mapping):
                found[f"f:{key}"] = below
    return found


def _drop(result: dict[str, Any], fields: Json, kept: list[Json]) -> None:
    for step, inner in fields.items():
        key, rests = step.removeprefix("f:"), [one[step] for one in kept if step in one]
        if key not in result:
            continue
        if inner and isinstance(result[key], dict):
            _drop(result[key], inner, rests)
            if not result[key] and not rests:
                del result[key]
        elif not rests:
            del result[key]


def _lay(result: dict[str, Any], wanted: Json) -> None:
    for key, value in wanted.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), dict):
            _lay(result[key], value)
        else:
            result[key] = deepcopy(value)
