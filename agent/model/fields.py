"""
Reads who owns which field of an object, and works out what goes when fields are taken over. Pure.

FieldsV1 (kubernetes.io, ObjectMeta; sigs.k8s.io/structured-merge-diff, fieldpath/serialize.go): a map whose keys are steps, `f:name` a
field, `k:{…}` the item of a list with these keys, `v:…` a member of a set, `i:…` a place in a list; `.` is the thing itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from agent.model.engine import Json
from agent.model.managed import parted

Path: TypeAlias = tuple[str, ...]  # steps as FieldsV1 writes them


def paths(fields: Json) -> frozenset[Path]:
    """Return what an entry owns: the leaves of its FieldsV1, and what has a `.`."""
    return frozenset(_paths(fields, ()))


def _paths(fields: Json, above: Path) -> Iterator[Path]:
    for step, below in fields.items():
        if step == ".":
            yield above
        elif below:
            yield from _paths(below, (*above, step))
        else:
            yield (*above, step)


def owners(entries: Iterable[Json]) -> dict[Path, list[str]]:
    """Return the managers of each path."""
    found: dict[Path, list[str]] = {}
    for entry in entries:
        for path in paths(entry.get("fieldsV1") or {}):
            found.setdefault(path, []).append(str(entry.get("manager", "")))
    return found


def removed(entries: Iterable[Json]) -> frozenset[Path]:
    """
    Return what goes, highest paths only, when the fields that tools have left are taken over and the apply is repeated.

    `entries`: managedFields as a dry run of the apply without the take-over answers them.
    """
    left, ours, others = parted(entries)
    if not left:
        return frozenset()
    taken, kept = _all(left), _all((*ours, *others))
    in_use = {path[:length] for path in kept for length in range(1, len(path) + 1)}
    gone = {path for path in taken - kept if _is_item(path) or path not in in_use}
    return frozenset(_highest(path, gone, in_use) for path in gone)


def _all(entries: Iterable[Json]) -> frozenset[Path]:
    return frozenset(path for entry in entries for path in paths(entry.get("fieldsV1") or {}))


def _highest(path: Path, gone: Collection[Path], in_use: Collection[Path]) -> Path:
    """
    Return the highest thing that goes with a path.

    A field goes whole, with what is nobody's in it, where nobody else has anything in it; an item of a list where it goes itself.
    """
    above = (path[:length] for length in range(1, len(path)))
    return next((part for part in above if (part in gone if _is_item(part) else part not in in_use)), path)


def _is_item(path: Path) -> bool:
    return not path[-1].startswith("f:")


def without(object_: Json, gone: Iterable[Path]) -> dict[str, Any]:
    """Return an object with these paths taken away, and what is empty without them."""
    tree: dict[str, Any] = {}
    for path in gone:
        node = tree
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = None
    return _mapping(object_, tree)


_GONE = object()


def _less(value: Any, tree: Mapping[str, Any] | None) -> Any:
    """Return a value without what a tree of steps names; `_GONE` if nothing is left of it."""
    if tree is None:
        return _GONE
    if isinstance(value, Mapping):
        return _mapping(value, tree) or _GONE
    return _list(value, tree) or _GONE if isinstance(value, list) else value


def _mapping(value: Json, tree: Mapping[str, Any]) -> dict[str, Any]:
    left = {
        key: _less(inner, tree[f"f:{key}"]) if f"f:{key}" in tree else inner for key, inner in value.items()
    }
    return {key: inner for key, inner in left.items() if inner is not _GONE}


def _list(value: Sequence[Any], tree: Mapping[str, Any]) -> list[Any]:
    left = []
    for index, item in enumerate(value):
        step = next((step for step in tree if names(step, item, index)), None)
        left.append(item if step is None else _less(item, tree[step]))
    return [item for item in left if item is not _GONE]


def names(step: str, item: Any, index: int) -> bool:
    """Return whether a step of FieldsV1 is about this item of a list."""
    form, _, said = step.partition(":")
    if form == "i":
        return said == str(index)
    if form not in {"k", "v"}:
        return False
    try:
        wanted = json.loads(said)
    except ValueError:
        return False
    if form == "v":
        return bool(item == wanted)
    return isinstance(item, Mapping) and all(
        key in item and item[key] == value for key, value in wanted.items()
    )
