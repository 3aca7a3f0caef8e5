"""One layer laid over another: RFC 7396 JSON merge patch, on nodes that keep their places. Pure."""

from __future__ import annotations

from agent.documents.nodes import Map, Node, Scalar, empty_map


def merge(below: Node | None, above: Node) -> Node:
    """
    Return `below` changed as `above` says (RFC 7396, section 2).

    A mapping changes key by key, null takes a key away, anything else replaces. What `above` touched stands where
    `above` says it.
    """
    if not isinstance(above, Map):
        return above
    if not isinstance(below, Map) and _is_flat(above):
        return above
    base = below if isinstance(below, Map) else empty_map(above.place)
    entries, keys = dict(base.entries), dict(base.keys)
    for key, change in above.entries.items():
        if is_null(change):
            entries.pop(key, None)
            keys.pop(key, None)
        else:
            entries[key] = merge(entries.get(key), change)
            keys[key] = above.keys[key]
    return Map(above.place, entries, keys)


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _is_flat(node: Map) -> bool:
    """Return whether nothing in it takes something away; most entries are so, and stay as they are."""
    return not any(isinstance(child, Map) or is_null(child) for child in node.entries.values())
