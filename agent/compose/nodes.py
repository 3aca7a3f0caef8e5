"""Nodes that are made, and mappings that are changed, each part with the place it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from agent.documents.nodes import Map, Node, Place, Scalar, Seq, empty_map, text_scalar
from agent.documents.problems import Findings
from agent.documents.problems import found as words


class Draft:
    """A mapping that is being rewritten. What is put in stands where its value does, or where it stood before."""

    def __init__(self, place: Place, entries: Mapping[str, Node], keys: Mapping[str, Place]) -> None:
        self.place = place
        self.entries = dict(entries)
        self.keys = dict(keys)

    @classmethod
    def of(cls, node: Map) -> Self:
        return cls(node.place, node.entries, node.keys)

    def get(self, key: str) -> Node | None:
        return self.entries.get(key)

    def put(self, key: str, node: Node) -> None:
        self.entries[key] = node
        self.keys.setdefault(key, node.place)

    def drop(self, *keys: str) -> None:
        for key in keys:
            self.entries.pop(key, None)
            self.keys.pop(key, None)

    def node(self) -> Map:
        return Map(self.place, self.entries, self.keys)


def mapping(place: Place, entries: Mapping[str, Node | str | bool]) -> Map:
    """Return a mapping that stands at one place."""
    nodes = {key: node(place, value) for key, value in entries.items()}
    return Map(place, nodes, dict.fromkeys(nodes, place))


def node(place: Place, value: Node | str | bool) -> Node:  # noqa: FBT001 # a value like the others
    """Return a value as a node."""
    if isinstance(value, bool):
        return Scalar(place, "true" if value else "false", value)
    return text_scalar(place, value) if isinstance(value, str) else value


def yes(place: Place) -> Node:
    return node(place, True)  # a value like the others


def is_nothing(node: Node | None) -> bool:
    return node is None or (isinstance(node, Scalar) and node.value is None)


def is_true(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.value is True


def text_of(node: Node | None) -> str | None:
    """Return the text of a single value, None for what is none."""
    return node.text if isinstance(node, Scalar) and node.value is not None else None


def expected(node: Node, wanted: str, path: str, findings: Findings) -> None:
    findings.add(node.place, path, f"expected {wanted}, found {words(node)}")


def map_of(node: Node | None, wanted: str, path: str, findings: Findings, place: Place) -> Map:
    """Return a mapping; nothing is an empty one, and so, with a problem, is anything else."""
    if isinstance(node, Map):
        return node
    if node is not None and not is_nothing(node):
        expected(node, wanted, path, findings)
    return empty_map(place)


def items_of(node: Node | None, path: str, findings: Findings) -> Iterable[tuple[Node, str]]:
    """Return what is in a list, each with its path; nothing is an empty one."""
    if isinstance(node, Seq):
        return [(item, f"{path}[{at}]") for at, item in enumerate(node.items)]
    if node is not None and not is_nothing(node):
        expected(node, "a list", path, findings)
    return ()


def pairs_of(node: Node | None, path: str, findings: Findings) -> Draft | None:
    """Return what is written as a mapping, or as a list of `key=value`; None, with a problem, for anything else."""
    if isinstance(node, Map):
        return Draft.of(node)
    if node is None or is_nothing(node):
        return Draft(node.place if node else Place(""), {}, {})
    if not isinstance(node, Seq):
        expected(node, "a mapping, or a list of key=value", path, findings)
        return None
    draft = Draft(node.place, {}, {})
    for item, where in items_of(node, path, findings):
        if (text := text_of(item)) is None:
            expected(item, "text", where, findings)
            continue
        key, equals, value = text.partition("=")
        draft.put(key, text_scalar(item.place, value) if equals else Scalar(item.place, "", None))
        draft.keys[key] = item.place
    return draft


def without_extensions(node: Node, path: tuple[str, ...] = ()) -> Node:
    """Return a node without its `x-` keys (11-extension.md); where keys are names, they stay, as in compose-go."""
    if isinstance(node, Seq):
        return Seq(node.place, tuple(without_extensions(item, (*path, "*")) for item in node.items))
    if not isinstance(node, Map):
        return node
    named = path in _NAMED or (len(path) == 3 and path[0] == "services" and path[2] == "depends_on")
    entries = {
        key: without_extensions(child, (*path, key))
        for key, child in node.entries.items()
        if named or not key.startswith("x-")
    }
    return Map(node.place, entries, {key: node.keys[key] for key in entries})


_NAMED = {(section,) for section in ("services", "volumes", "networks", "secrets", "configs")}
