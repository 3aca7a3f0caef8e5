"""
Files of Kubernetes manifests into plain data, as kubectl reads them, in one pass over the parser's events.

Kept are only the places where documents begin: a bundle of CustomResourceDefinitions has hundreds of thousands of values.
Nothing that is said of a problem quotes a value: it may be a Secret's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final, TypeAlias

from agent.documents.events import (
    ALIAS,
    DOCUMENT_END,
    DOCUMENT_START,
    LIST_END,
    LIST_START,
    MAPPING_END,
    MAPPING_START,
    SCALAR,
    UnreadableError,
    decoded,
    events,
    place_of,
)
from agent.documents.nodes import Map, Node, Place, Scalar, Seq
from agent.documents.problems import Findings
from agent.documents.yaml11 import STANDARD, Value, key_of, number, resolve, tagged
from agent.late import pattern
from agent.model import Written, quoted
from agent.values import dataclass

MAX_BYTES: Final = 16 << 20
MAX_DEPTH: Final = 200  # the schema of a CustomResourceDefinition nests deeply
MAX_NODES: Final = 2_000_000  # of one file
MAX_ALIASED: Final = 250_000  # values that the aliases of one document stand for
_MERGE: Final = "<<"
_SHORT: Final = 64  # characters of a text that is likely to come again

Fill: TypeAlias = Callable[[Scalar, str, Findings], Node]
"""Returns what a text with a dollar becomes; problems go to the findings."""

_ESCAPE: Final = pattern(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def read_manifests(data: bytes, file: str, fill: Fill | None = None) -> tuple[Written, ...]:
    """Return the documents of a file that say something; raises DocumentError with all that is wrong with it."""
    findings = Findings()
    builder = _Builder(file, findings, fill)
    try:
        builder.build(_json(decoded(data, file, MAX_BYTES)))
    except UnreadableError as bad:
        findings.add(bad.place, "", str(bad))
    findings.check()
    return tuple(builder.documents)


def _json(text: str) -> str:
    """Return JSON such that it is YAML: what is beyond U+FFFF is one escape there, and two in JSON (RFC 8259, 7)."""
    if text.lstrip()[:1] not in {"{", "["} or "\\ud" not in text.lower():
        return text
    return _ESCAPE.sub(_one_escape, text)


def _one_escape(found: re.Match[str]) -> str:
    if not found[1]:
        return found[0]
    code = 0x10000 + ((int(found[1], 16) - 0xD800) << 10) + int(found[2], 16) - 0xDC00
    return f"\\U{code:08x}"


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    data: dict[str, Any] | list[Any]
    anchor: str | None
    before: tuple[int, int]  # values and characters counted when it began
    event: Any
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    key: str | None = None  # the key that waits for its value
    unusable: bool = False  # what comes next belongs to a key that was refused
    merging: bool = False
    merged: list[dict[str, Any]] = field(default_factory=list)


class _Builder:
    """Turns events into documents."""

    def __init__(self, file: str, findings: Findings, fill: Fill | None) -> None:
        self.documents: list[Written] = []
        self._file = file
        self._findings = findings
        self._fill = fill
        self._open: list[_Open] = []
        self._anchors: dict[
            str, tuple[Any, int, int]
        ] = {}  # with its values and characters; 0 while it is open
        self._kept: dict[str, str] = {}
        self._nodes = self._characters = 0
        self._aliased = self._repeated = 0  # of this document: values and characters
        self._root: Any = None

    def build(self, text: str) -> None:
        for event in events(text, self._file):
            kind = type(event)
            if kind is SCALAR:
                self._scalar(event)
            elif kind is MAPPING_START:
                self._begin(event, {}, "map")
            elif kind is LIST_START:
                self._begin(event, [], "seq")
            elif kind is MAPPING_END or kind is LIST_END:
                self._end()
            elif kind is ALIAS:
                self._alias(event)
            elif kind is DOCUMENT_START:
                self._root, self._anchors, self._aliased, self._repeated = None, {}, 0, 0
            elif kind is DOCUMENT_END and self._root is not None:
                data, line = self._root
                self.documents.append(Written(data=data, place=f"{self._file}:{line}"))

    def _scalar(self, event: Any) -> None:
        owner = self._open[-1] if self._open else None
        is_key = owner is not None and isinstance(owner.data, dict) and owner.key is None
        self._count(event, len(event.value))
        if owner is not None and is_key and not (owner.unusable or owner.merging):
            self._key(owner, event)
            return
        value: Any = self._value(event)
        if type(value) is str:
            value = self._filled(value, event) if self._fill and "$" in value else self._shared(value)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, *_size(value)
        self._put(value, event)

    def _value(self, event: Any) -> Value:
        try:
            if event.tag is not None:
                return tagged(event.tag, event.value)
            return event.value if event.style else resolve(event.value)
        except ValueError as error:
            self._tell(event, str(error))
            return ""

    def _shared(self, text: str) -> str:
        """Return the same object for equal short texts: kinds and keys come by the thousand."""
        return self._kept.setdefault(text, text) if len(text) <= _SHORT else text

    def _filled(self, text: str, event: Any) -> Any:
        assert self._fill is not None  # noqa: S101 # for the type checker: asked for by who has looked
        place = place_of(event, self._file)
        value = _plain(self._fill(Scalar(place, text, text), self._path(), self._findings))
        nodes, characters = _size(value)
        self._count(event, characters, nodes - 1)
        return value

    def _begin(self, event: Any, data: dict[str, Any] | list[Any], name: str) -> None:
        if event.tag not in {None, "!", STANDARD + name}:
            self._tell(event, f"expected plain YAML, found the tag {quoted(event.tag)}; remove it")
        if len(self._open) >= MAX_DEPTH:
            raise UnreadableError(
                place_of(event, self._file), f"expected at most {MAX_DEPTH} levels of nesting"
            )
        before = self._nodes, self._characters
        self._count(event, 0)
        self._open.append(_Open(data, event.anchor, before, event))
        if event.anchor is not None:
            self._anchors[event.anchor] = data, 0, 0

    def _end(self) -> None:
        done = self._open.pop()
        if isinstance(done.data, dict):
            for other in done.merged:  # its own keys win, then the first that has one
                for key, value in other.items():
                    done.data.setdefault(key, value)
        if done.anchor is not None:
            nodes, characters = self._nodes - done.before[0], self._characters - done.before[1]
            self._anchors[done.anchor] = done.data, nodes, characters
        self._put(done.data, done.event)

    def _alias(self, event: Any) -> None:
        name = f"*{event.anchor[:40]}"
        if event.anchor not in self._anchors:
            message = f"expected a name that was given with & before in this document, found {name}"
            raise UnreadableError(place_of(event, self._file), message)
        value, nodes, characters = self._anchors[event.anchor]
        if not nodes:
            raise UnreadableError(
                place_of(event, self._file), f"expected data that ends, found {name} inside itself"
            )
        self._aliased += nodes
        self._repeated += characters
        if self._aliased > MAX_ALIASED or self._repeated > MAX_BYTES:
            message = f"expected aliases that stand for at most {MAX_ALIASED} values and {MAX_BYTES >> 20} MiB of text"
            raise UnreadableError(place_of(event, self._file), message)
        self._count(event, characters, nodes)
        self._put(value, event)

    def _count(self, event: Any, characters: int, nodes: int = 1) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            message = f"expected at most {MAX_NODES} values in a file, aliases written out; split it up"
            raise UnreadableError(place_of(event, self._file), message)

    def _key(self, owner: _Open, event: Any) -> None:
        if event.value == _MERGE and not event.style and event.tag is None:
            key = _MERGE
            owner.merging = True
        else:
            try:
                key = self._shared(key_of(self._value(event)))
            except ValueError as error:
                self._tell(event, str(error))
                owner.unusable = True
                return
            owner.key = key
        mark = event.start_mark
        if (first := owner.keys.get(key)) is not None:
            place = Place(self._file, *first)
            owner.key, owner.merging, owner.unusable = None, False, True
            self._tell(event, f"key {quoted(key)} is given twice, first at {place}")
        else:
            owner.keys[key] = mark.line + 1, mark.column + 1

    def _put(self, value: Any, event: Any) -> None:
        if not self._open:
            self._root = None if value is None else (value, event.start_mark.line + 1)
            return
        owner = self._open[-1]
        if isinstance(owner.data, list):
            owner.data.append(value)
        elif owner.key is not None:
            owner.data[owner.key] = value
            owner.key = None
        elif owner.merging:
            owner.merging = False
            self._merge(owner, value, event)
        elif owner.unusable:
            owner.unusable = False
        else:
            owner.unusable = True
            self._tell(event, "expected text as a key, found a list, a mapping or an alias")

    def _merge(self, owner: _Open, value: Any, event: Any) -> None:
        wanted = value if type(value) is list else [value]
        maps = [one for one in wanted if type(one) is dict]
        if len(maps) < len(wanted):
            self._tell(event, "expected a mapping, or a list of them, to merge with <<")
        for key in dict.fromkeys(key for one in maps for key in one):
            if key in owner.data:  # YAML has the mapping's own key win here, and kubectl the merged one
                self._tell(event, f"key {quoted(key)} stands before <<, which has it as well; put << first")
        owner.merged += maps

    def _tell(self, event: Any, message: str) -> None:
        self._findings.add(place_of(event, self._file), self._path(), message)

    def _path(self) -> str:
        return "".join(f".{owner.key}" for owner in self._open if owner.key is not None)


def _plain(node: Node) -> Any:
    """Return the value of a variable, as JSON has it."""
    if isinstance(node, Map):
        return {key: _plain(child) for key, child in node.entries.items()}
    if isinstance(node, Seq):
        return [_plain(child) for child in node.items]
    return number(node.value) if isinstance(node.value, float) else node.value


def _size(value: Any) -> tuple[int, int]:
    """Return how many values and characters there are in a scalar, or in what a variable has put in its place."""
    if isinstance(value, dict | list):
        below = [_size(one) for one in (value.values() if isinstance(value, dict) else value)]
        return 1 + sum(nodes for nodes, _ in below), sum(characters for _, characters in below)
    return 1, len(value) if isinstance(value, str) else 0
