"""
Whose fields trued takes over before it applies: those that kubectl, Helm and k3s's own deploy controller have left. Pure.

An entry of metadata.managedFields says which fields its manager has last set. A server-side apply removes only what was its own
(kubernetes.io, "Server-Side Apply": Transferring ownership), so what they have set would stay for ever, whatever Git says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.model.cluster import MANAGER
from agent.model.engine import Json

TOOLS: Final = (
    "kubectl",
    "before-first-apply",
    "deploy@",
)  # begin so; deploy@ is k3s's, for server/manifests
STATUS: Final = "f:status"
HELM: Final = ("helm", "Helm")  # not helm-controller and the like, which are alive and would set it again

# What `kubectl rollout restart` writes is no wish about what should be: taking it back would restart all pods once more.
RESTART: Final = (
    "f:spec",
    "f:template",
    "f:metadata",
    "f:annotations",
    "f:kubectl.kubernetes.io/restartedAt",
)


def left_behind(entries: Iterable[Json]) -> tuple[Json, ...]:
    """Return the entries that are taken over."""
    return tuple(entry for entry in entries if is_left_behind(entry))


def is_left_behind(entry: Json) -> bool:
    """Return whether an entry of metadata.managedFields was left by a tool, and is taken over."""
    name = str(entry.get("manager", ""))
    by_tool = name.startswith(TOOLS) or name in HELM
    return by_tool and not entry.get("subresource") and bool(_split(entry)[0])


def merged(entries: Iterable[Json]) -> list[Json]:
    """Return all entries, those that were left behind in one of trued's."""
    entries = list(entries)
    taken, ours, others = parted(entries)
    return [*others, _union(ours, taken)] if taken else entries


def parted(entries: Iterable[Json]) -> tuple[list[Json], list[Json], list[Json]]:
    """Return what is taken over, what is already trued's, and what others keep."""
    entries = list(entries)
    taken = left_behind(entries)
    ours = [entry for entry in entries if _is_ours(entry)]
    others = [entry for entry in entries if entry not in ours and entry not in taken]
    rests = [{**entry, "fieldsV1": kept} for entry in taken if (kept := _split(entry)[1])]
    return [{**entry, "fieldsV1": _split(entry)[0]} for entry in taken], ours, [*others, *rests]


def _is_ours(entry: Json) -> bool:
    whose = entry.get("manager"), entry.get("operation"), entry.get("subresource", "")
    return whose == (MANAGER, "Apply", "")


def _union(ours: Iterable[Json], taken: Iterable[Json]) -> Json:
    fields: dict[str, Any] = {}
    by_rank = [*ours, *sorted(taken, key=_time, reverse=True)]  # ours, or else the newest, says the version
    for entry in by_rank:
        fields = _both(fields, _fields(entry))
    said = {key: by_rank[0][key] for key in ("apiVersion", "time") if key in by_rank[0]}
    return {"manager": MANAGER, "operation": "Apply", **said, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _time(entry: Json) -> str:
    return str(entry.get("time", ""))


def _fields(entry: Json) -> Mapping[str, Any]:
    fields = entry.get("fieldsV1")
    return fields if isinstance(fields, Mapping) else {}


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _both(one.get(key) or {}, other.get(key) or {}) for key in (*one, *(other.keys() - one.keys()))
    }


def _split(entry: Json) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is taken of an entry, and what is left to it."""
    fields = dict(_fields(entry))
    status = {STATUS: fields.pop(STATUS)} if STATUS in fields else {}  # of API servers before 1.22: defaults
    if entry.get("manager") != "kubectl-rollout":
        return fields, status
    taken, restart = _parted(fields, RESTART)
    return taken, {**status, **restart}


def _parted(fields: Mapping[str, Any], path: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return fields without the leaf at a path, and only that leaf, if it is there."""
    step, *rest = path
    without = {key: value for key, value in fields.items() if key != step}
    if step not in fields:
        return without, {}
    if not rest:
        return _something(without), {".": {}, step: {}} if "." in fields else {step: {}}
    inner, kept = _parted(fields[step], tuple(rest))
    if inner:
        without[step] = inner
    return without, {step: kept} if kept else {}


def _something(fields: dict[str, Any]) -> dict[str, Any]:
    return {} if set(fields) == {"."} else fields  # a map that is there for that leaf alone
