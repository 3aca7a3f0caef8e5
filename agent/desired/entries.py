"""The merged entries of a host, decoded by their kinds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final

from agent.desired.section import Section
from agent.desired.variables import Variables
from agent.documents.decode import BAD, reader
from agent.documents.nodes import Map, Node, Place, Scalar, Seq
from agent.documents.problems import Findings
from agent.kinds import AnyKind, of_section
from agent.model import Drift, ResourceId
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What every entry may carry, whatever its kind."""

    needs: tuple[ResourceId, ...] = field(default=(), metadata={"doc": "do me after these"})
    keep: bool = field(default=False, metadata={"doc": "when no longer declared, leave it in place"})
    drift: Drift = field(
        default=Drift.CORRECT, metadata={"doc": "what to do when the host has moved away from this"}
    )


META: Final = frozenset(("needs", "keep", "drift"))
PLAIN_META: Final = Meta()
RESTART: Final = "restart_on"
RELOAD: Final = "reload_on"


@dataclass(frozen=True, slots=True)
class Reference:
    """An id that an entry names, and where."""

    id: ResourceId
    place: Place
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a document, decoded. `spec` is None when it has problems."""

    id: ResourceId
    kind: AnyKind
    spec: object
    meta: Meta
    needs: tuple[Reference, ...]
    restarts: tuple[Reference, ...]  # what restart_on names
    reloads: tuple[Reference, ...]  # what reload_on names
    place: Place
    path: str

    @property
    def origin(self) -> str:
        return f"{self.place.file}:{self.place.line}"


def decode_entries(
    declared: Map, kinds: Mapping[str, AnyKind], variables: Variables, findings: Findings
) -> dict[ResourceId, Entry]:
    """Return every entry by its id; problems go to `findings`, and leave an entry without a spec."""
    entries: dict[ResourceId, Entry] = {}
    known = ((of_section(kinds, key), node) for key, node in declared.entries.items())
    sections = [(*found, node) for found, node in known if found and isinstance(node, Map)]
    order = tuple(kinds)
    for name, kind, section in sorted(sections, key=lambda one: order.index(one[0])):
        for entry in _section(name, kind, section, variables, findings):
            if (first := entries.get(entry.id)) is not None:
                message = f"this entry is given twice, first at {first.place}"
                findings.add(entry.place, entry.path, message)
            entries.setdefault(entry.id, entry)
    return entries


def entry_path(kind: Section, name: str) -> str:
    """Return where an entry stands in a document."""
    return f".{kind.section}" if kind.only else f".{kind.section}.{name}"


def replaced(kind: AnyKind, node: Node, path: str, variables: Variables, findings: Findings) -> Node:
    """Return an entry with its variables filled in, where its kind wants that."""
    if kind.verbatim and not _asks(node):
        return node
    return variables.replace(node, path, findings)


def entry_name(
    kind: Section, written: str, place: Place, variables: Variables, findings: Findings
) -> str | None:
    """Return the one way to write an entry's name; None, with a problem, for what cannot be one."""
    if "$" not in written:
        return written  # was looked at when its document was read
    path = entry_path(kind, written)
    before = len(findings.problems)
    name = variables.text(written, place, path, findings)
    if len(findings.problems) > before:
        return None
    try:
        return kind.name(name)
    except ValueError as error:
        findings.add(place, path, str(error))
        return None


def _asks(node: Node) -> bool:
    wish = node.entries.get("substitute") if isinstance(node, Map) else None
    return isinstance(wish, Scalar) and wish.value is True


def _section(
    singular: str, kind: AnyKind, section: Map, variables: Variables, findings: Findings
) -> Iterator[Entry]:
    for written, node in section.entries.items():
        place = section.keys[written]
        name = entry_name(kind, written, place, variables, findings)
        if name is not None:
            path = entry_path(kind, name)
            yield _entry(ResourceId(singular, name), kind, node, place, path, variables, findings)


def _entry(
    id_: ResourceId,
    kind: AnyKind,
    node: Node,
    place: Place,
    path: str,
    variables: Variables,
    findings: Findings,
) -> Entry:
    before = len(findings.problems)
    whole = replaced(kind, node, path, variables, findings)
    if kind.shorthand and isinstance(whole, Scalar):
        whole = Map(whole.place, {kind.shorthand: whole}, {kind.shorthand: whole.place})
    own, meta, triggers = _split(whole, kind)
    sound = len(findings.problems) == before
    spec = reader(kind.spec)(own, path, findings) if sound else BAD
    said = reader(Meta)(meta, path, findings) if sound and meta.entries else PLAIN_META
    listens = {key: _references(child, f"{path}.{key}", findings) for key, child in triggers.items()}
    failed = len(findings.problems) > before
    return Entry(
        id=id_,
        kind=kind,
        spec=None if failed else spec,
        meta=PLAIN_META if said is BAD else said,
        needs=()
        if failed or "needs" not in meta.entries
        else _references(meta.entries["needs"], f"{path}.needs", findings),
        restarts=() if failed else listens.get(RESTART, ()),
        reloads=() if failed else listens.get(RELOAD, ()),
        place=place,
        path=path,
    )


def _split(node: Node, kind: AnyKind) -> tuple[Node, Map, Mapping[str, Node]]:
    """Return what is the kind's own, what every entry may carry, and what it listens to."""
    if not isinstance(node, Map):
        return node, Map(node.place, {}, {}), {}
    if META.isdisjoint(node.entries) and not any(key in node.entries for key in kind.triggers):
        return node, Map(node.place, {}, {}), {}
    own = {key: child for key, child in node.entries.items() if key not in META and key not in kind.triggers}
    meta = {key: child for key, child in node.entries.items() if key in META}
    triggers = {key: child for key, child in node.entries.items() if key in kind.triggers}
    return node._replace(entries=own), node._replace(entries=meta), triggers


def _references(node: Node, path: str, findings: Findings) -> tuple[Reference, ...]:
    ids = reader(tuple[ResourceId, ...])(node, path, findings)
    if ids is BAD or not isinstance(node, Seq):
        return ()
    every = enumerate(zip(ids, node.items, strict=True))
    return tuple(Reference(one, item.place, f"{path}[{index}]") for index, (one, item) in every)
