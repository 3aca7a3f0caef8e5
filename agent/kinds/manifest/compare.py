"""Says in what two objects differ, by readable paths and with who has changed what. Pure; its texts never hold values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any, Final, TypeAlias

from agent.model import MANAGER, Json, few
from agent.model.fields import names
from agent.values import dataclass

SERVERS: Final = frozenset(  # of metadata: what the API server alone writes
    {
        "managedFields",
        "resourceVersion",
        "generation",
        "uid",
        "creationTimestamp",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    }
)
# What tells the items of a list apart, tried in this order (x-kubernetes-list-map-keys of the Kubernetes API).
KEYS: Final = (
    ("name",),
    ("containerPort",),
    ("containerPort", "protocol"),
    ("port",),
    ("port", "protocol"),
    ("mountPath",),
    ("devicePath",),
    ("topologyKey",),
    ("uid",),
    ("ip",),
    ("host",),
    ("path",),
    ("type",),
    ("key",),
)
Owned: TypeAlias = tuple[tuple[str, Json], ...]  # managers, and what they own from here on


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place in which two objects differ; None where one of them has nothing there."""

    path: str  # spec.template.spec.containers[name=web].image
    before: Any = field(repr=False)
    after: Any = field(repr=False)
    by: tuple[str, ...] = ()  # the managers, other than trued, that have last set what is there before


def slim(object_: Json) -> dict[str, Any]:
    """Return an object without what is only the server's, or a controller's."""
    metadata = {key: value for key, value in _mapping(object_.get("metadata")).items() if key not in SERVERS}
    for key in ("labels", "annotations"):
        if not metadata.get(key, True):  # an empty map is none
            del metadata[key]
    return {
        key: metadata if key == "metadata" else value for key, value in object_.items() if key != "status"
    }


def differences(live: Json, expected: Json) -> tuple[Difference, ...]:
    """Return in what an object, as the API server has it, differs from what it is to be, as the server would have it."""
    entries = _mapping(live.get("metadata")).get("managedFields") or ()
    owned = tuple((str(entry.get("manager", "")), _mapping(entry.get("fieldsV1"))) for entry in entries)
    return tuple(_differences("", slim(live), slim(expected), owned))


def sentence(found: Collection[Difference]) -> str:
    """Return where two objects differ as a part of a message: a few places, and how many more there are."""
    return few([f"{each.path} (set by {', '.join(each.by)})" if each.by else each.path for each in found])


def _differences(path: str, before: Any, after: Any, owned: Owned) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _in_mapping(path, before, after, owned)
    elif isinstance(before, list) and isinstance(after, list) and _all_mappings(before, after):
        yield from _in_list(path, before, after, owned)
    else:
        yield Difference(path=path, before=before, after=after, by=_by(owned))


def _in_mapping(path: str, before: Json, after: Json, owned: Owned) -> Iterator[Difference]:
    for key in (*before, *(key for key in after if key not in before)):
        below = _below(owned, f"f:{key}".__eq__)
        yield from _differences(_joined(path, key), before.get(key), after.get(key), below)


def _in_list(path: str, before: Sequence[Json], after: Sequence[Json], owned: Owned) -> Iterator[Difference]:
    keys = next((keys for keys in KEYS if _tells_apart(keys, before) and _tells_apart(keys, after)), None)
    old, new = (_by_key(items, keys) for items in (before, after))
    places = {name: place for place, name in enumerate(old)}
    for name in (*old, *(name for name in new if name not in old)):
        item, place = old.get(name), places.get(name, -1)
        below = _below(owned, partial(names, item=item, index=place))
        yield from _differences(f"{path}[{name}]", item, new.get(name), below)
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield Difference(path=f"{path} (their order)", before=list(old), after=list(new), by=_by(owned))


def _by_key(items: Sequence[Json], keys: Sequence[str] | None) -> dict[str, Json]:
    if keys is None:
        return {str(index): item for index, item in enumerate(items)}
    return {",".join(f"{key}={item[key]}" for key in keys): item for item in items}


def _tells_apart(keys: Sequence[str], items: Sequence[Json]) -> bool:
    if not all(isinstance(item.get(key), str | int) for item in items for key in keys):
        return False
    return len({tuple(str(item[key]) for key in keys) for item in items}) == len(items)


def _all_mappings(*lists: Iterable[Any]) -> bool:
    return all(isinstance(item, Mapping) for items in lists for item in items)


def _joined(path: str, key: str) -> str:
    if not path or not key.isalnum():
        return f"{path}[{key}]" if path else key
    return f"{path}.{key}"


def _below(owned: Owned, fits: Callable[[str], bool]) -> Owned:
    """Return what each manager owns one step further; all of it where it owns the whole as one."""
    found = []
    for manager, node in owned:
        if not node.keys() - {"."}:  # a list or a map that is one value
            found.append((manager, node))
        found.extend(
            (manager, _mapping(below)) for step, below in node.items() if step != "." and fits(step)
        )
    return tuple(found)


def _by(owned: Owned) -> tuple[str, ...]:
    return tuple(dict.fromkeys(manager for manager, _ in owned if manager != MANAGER))


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
