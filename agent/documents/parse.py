"""YAML text into nodes, in one pass over the parser's events."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from agent.documents.events import (
    ALIAS,
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
from agent.documents.nodes import Map, Node, Place, Scalar, Seq, resolve
from agent.documents.problems import Findings
from agent.errors import ConfigError, DocumentError
from agent.model import quoted
from agent.values import dataclass

MAX_BYTES: Final = 4 << 20
MAX_DEPTH: Final = 50
MAX_NODES: Final = 250_000  # of one document, every alias counted as what it stands for

_MERGE: Final = "<<"


def parse(
    data: bytes, file: str, *, error: type[DocumentError | ConfigError] = DocumentError
) -> Node | None:
    """Return what a document says, None if it says nothing; raises `error` with all its problems."""
    findings = Findings()
    node = parse_into(findings, data, file)
    findings.check(error)
    return node


def parse_into(findings: Findings, data: bytes, file: str) -> Node | None:
    """Return what a document says, None if it says nothing or cannot be read; problems go to `findings`."""
    try:
        return _Builder(file, findings).build(decoded(data, file, MAX_BYTES))
    except UnreadableError as bad:
        findings.add(bad.place, "", str(bad))
        return None


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    place: Place
    anchor: str | None
    mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    key: str | None = None  # the key that waits for its value
    unusable: bool = False  # what comes next belongs to a key that was refused
    merging: bool = False
    merged: list[Map] = field(default_factory=list)
    before: int = 0  # nodes counted when it began


class _Builder:
    """Turns events into nodes, one document."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node | None, int]] = {}  # None while it is open
        self.nodes = 0
        self.root: Node | None = None

    def build(self, text: str) -> Node | None:
        documents = 0
        for event in events(text, self.file):
            kind = type(event)
            if kind is SCALAR:
                self._scalar(event)
            elif kind is MAPPING_START or kind is LIST_START:
                self._begin(event, mapping=kind is MAPPING_START)
            elif kind is MAPPING_END or kind is LIST_END:
                self._end()
            elif kind is ALIAS:
                self._alias(event)
            elif kind is DOCUMENT_START and (documents := documents + 1) > 1:
                raise UnreadableError(
                    self._place(event), "expected one document in a file, found a second one"
                )
        return self.root

    def _place(self, event: Any) -> Place:
        return place_of(event, self.file)

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        place = Place(self.file, mark.line + 1, mark.column + 1)
        text = event.value
        plain = not event.style
        if event.tag is not None:
            self._refuse_tag(event)
        self._count(place, 1)
        owner = self.open[-1] if self.open else None
        if (
            owner is not None
            and owner.mapping
            and owner.key is None
            and not owner.unusable
            and not owner.merging
        ):
            self._key(owner, place, text, plain=plain)
            return
        node = Scalar(place, text, resolve(text) if plain else text)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1)
        self._put(node)

    def _begin(self, event: Any, *, mapping: bool) -> None:
        place = self._place(event)
        if event.tag is not None:
            self._refuse_tag(event)
        if len(self.open) >= MAX_DEPTH:
            raise UnreadableError(place, f"expected at most {MAX_DEPTH} levels of nesting")
        self.open.append(_Open(place, event.anchor, mapping, before=self.nodes))
        self._count(place, 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (None, 0)

    def _end(self) -> None:
        done = self.open.pop()
        node: Node = _mapping(done) if done.mapping else Seq(done.place, tuple(done.items))
        if done.anchor is not None:
            self.anchors[done.anchor] = (node, self.nodes - done.before)
        self._put(node)

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        if event.anchor not in self.anchors:
            raise UnreadableError(
                place, f"expected a name that was given with & before, found *{event.anchor[:40]}"
            )
        node, size = self.anchors[event.anchor]
        if node is None:
            raise UnreadableError(
                place, f"expected data that ends, found *{event.anchor[:40]} inside itself"
            )
        self._count(place, size)
        self._put(node)

    def _count(self, place: Place, size: int) -> None:
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise UnreadableError(
                place, f"expected at most {MAX_NODES} values, aliases written out; split it up"
            )

    def _refuse_tag(self, event: Any) -> None:
        message = f"expected plain YAML, found the tag {quoted(event.tag)}; remove it"
        self.findings.add(self._place(event), self._path(), message)

    def _key(self, owner: _Open, place: Place, text: str, *, plain: bool) -> None:
        if plain and text in {"", "~", "null"}:
            self.findings.add(
                place, self._path(), 'expected a key, found nothing; quote it if it is text: ""'
            )
            owner.unusable = True
        elif plain and text == _MERGE:
            owner.merging = True
        elif text in owner.keys:
            first = owner.keys[text]
            self.findings.add(place, self._path(), f"key {quoted(text)} is given twice, first at {first}")
            owner.unusable = True
        else:
            owner.key = text
            owner.keys[text] = place

    def _put(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        owner = self.open[-1]
        if not owner.mapping:
            owner.items.append(node)
        elif owner.key is not None:
            owner.entries[owner.key] = node
            owner.key = None
        elif owner.merging:
            owner.merging = False
            self._merge(owner, node)
        elif owner.unusable:
            owner.unusable = False
        else:
            owner.unusable = True
            self.findings.add(node.place, self._path(), "expected text as a key, found a list or a mapping")

    def _merge(self, owner: _Open, node: Node) -> None:
        wanted = node.items if isinstance(node, Seq) else (node,)
        owner.merged += [each for each in wanted if isinstance(each, Map)]
        if not all(isinstance(each, Map) for each in wanted):
            self.findings.add(
                node.place, self._path(), "expected a mapping, or a list of them, to merge with <<"
            )

    def _path(self) -> str:
        return "".join(f".{owner.key}" for owner in self.open if owner.key is not None)


def _mapping(done: _Open) -> Map:
    """Return the mapping with what it merges: its own keys win, then the first that has one."""
    for other in done.merged:
        for key, node in other.entries.items():
            if key not in done.entries:
                done.entries[key] = node
                done.keys[key] = other.keys[key]
    return Map(done.place, done.entries, done.keys)
