"""
The entries of `compose`, replaced by what their files stand for: entries of other sections, with places in those files.
Reads only the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.compose.dotenv import dotenv
from agent.compose.entry import HOME, ComposeSpec, Project
from agent.compose.translate import Document, read, references, sections
from agent.desired.entries import META, Meta, entry_name, entry_path
from agent.desired.section import COMPOSE
from agent.desired.shelf import Shelf
from agent.desired.sources import read_bounded
from agent.desired.variables import Variables
from agent.documents.decode import BAD, reader
from agent.documents.nodes import Map, Node, Place, Scalar, Seq, empty_map, text_scalar
from agent.documents.problems import Findings
from agent.errors import DocumentError
from agent.kinds import AnyKind, of_section
from agent.model import ResourceId, Tree, TreeFile, TreePath
from agent.values import dataclass

ENVIRONMENT: Final = ".env"
MAX_ENVIRONMENT: Final = 256 << 10  # bytes


@dataclass(frozen=True, slots=True)
class Expanded:
    """What is declared once Compose files are written out, and what of it each of them stands for."""

    declared: Map
    groups: Mapping[ResourceId, tuple[ResourceId, ...]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of `compose`."""

    name: str
    place: Place
    spec: ComposeSpec
    meta: Map

    @property
    def environment(self) -> TreePath:
        return TreePath(self.spec.source.parent / ENVIRONMENT)


def expand(
    declared: Map, kinds: Mapping[str, AnyKind], variables: Variables, shelf: Shelf, findings: Findings
) -> Expanded:
    """Return what is declared, with each Compose file written out; problems go to `findings`. Raises SourceError."""
    section = declared.entries.get(COMPOSE.section)
    if not isinstance(section, Map):
        return Expanded(declared, {})
    entries = list(_entries(section, variables, findings))
    shelf.tree.prefetch(frozenset(path for one in entries for path in (one.spec.source, one.environment)))
    documents = [(one, _read(one, variables, shelf, findings)) for one in entries]
    shelf.tree.prefetch(frozenset(path for _, found in documents if found for path in references(found)))
    merged = _Merged(declared, kinds, findings)
    groups = {
        ResourceId(COMPOSE.section, one.name): merged.add(one, _sections(one, found, shelf.tree, findings))
        for one, found in documents
    }
    # What is wrong with an entry was told; what names it is not wrong for that.
    lost = {ResourceId(COMPOSE.section, name): () for name in section.entries}
    return Expanded(merged.declared(), {**lost, **groups})


def _entries(section: Map, variables: Variables, findings: Findings) -> Iterator[_Entry]:
    seen: dict[str, Place] = {}
    for written, node in section.entries.items():
        place = section.keys[written]
        name = entry_name(COMPOSE, written, place, variables, findings)
        if name is None:
            continue
        path = entry_path(COMPOSE, name)
        if name in seen:
            findings.add(place, path, f"this entry is given twice, first at {seen[name]}")
        elif (entry := _entry(name, place, node, path, variables, findings)) is not None:
            yield entry
        seen.setdefault(name, place)


def _entry(
    name: str, place: Place, node: Node, path: str, variables: Variables, findings: Findings
) -> _Entry | None:
    before = len(findings.problems)
    whole = variables.replace(node, path, findings)
    if isinstance(whole, Scalar):
        whole = Map(whole.place, {COMPOSE.shorthand: whole}, {COMPOSE.shorthand: whole.place})
    if len(findings.problems) > before:
        return None
    every = whole.entries if isinstance(whole, Map) else {}
    own = {key: child for key, child in every.items() if key not in META}
    meta = {key: child for key, child in every.items() if key in META}
    spec = reader(ComposeSpec)(
        whole._replace(entries=own) if isinstance(whole, Map) else whole, path, findings
    )
    said = whole._replace(entries=meta) if isinstance(whole, Map) else empty_map(place)
    reader(Meta)(said, path, findings)
    return None if spec is BAD or len(findings.problems) > before else _Entry(name, place, spec, said)


def _read(entry: _Entry, variables: Variables, shelf: Shelf, findings: Findings) -> Document | None:
    before = len(findings.problems)
    node = shelf.document(entry.spec.source, findings)
    given = {**_scalars(variables), **entry.spec.environment, "COMPOSE_PROJECT_NAME": entry.name}
    beside = _environment(shelf.tree, entry.environment, given, findings)
    if len(findings.problems) > before:
        return None
    project = Project(
        name=entry.name,
        place=entry.place,
        source=entry.spec.source,
        directory=entry.spec.directory or f"{HOME}/{entry.name}",
        values={**beside, **given},
        adopt=entry.spec.adopt,
    )
    return read(project, node, findings)


def _environment(
    tree: Tree, path: TreePath, given: Mapping[str, str], findings: Findings
) -> Mapping[str, str]:
    """Return what a .env file says, nothing where there is none; raises SourceError."""
    found = tree.entry(path)
    if not isinstance(found, TreeFile):
        return {}
    if (data := read_bounded(found, MAX_ENVIRONMENT)) is None:
        findings.add(Place(str(path)), "", f"expected at most {MAX_ENVIRONMENT >> 10} KiB")
        return {}
    return dotenv(data, str(path), given, findings)


def _scalars(variables: Variables) -> Mapping[str, str]:
    """Return the variables that are single values, as they are spelled."""
    words = {None: "", True: "true", False: "false"}
    return {
        name: words[value] if value is None or isinstance(value, bool) else str(value)
        for name, value in variables.plain().items()
        if not isinstance(value, list | dict)
    }


def _sections(entry: _Entry, found: Document | None, tree: Tree, findings: Findings) -> Map:
    try:
        return sections(found, tree, findings) if found else empty_map(entry.place)
    except DocumentError as error:  # the tree has something that no host can use
        told = f"(for compose:{entry.name}, {entry.place.file}:{entry.place.line})"
        findings.lines += [f"{line} {told}" for line in str(error).splitlines()]
        return empty_map(entry.place)


class _Merged:
    """What documents declare, with what Compose files give beside it. Nothing may come from two places."""

    def __init__(self, declared: Map, kinds: Mapping[str, AnyKind], findings: Findings) -> None:
        self._declared = declared
        self._kinds = kinds
        self._findings = findings
        self._sections = {name: node for name, node in declared.entries.items() if name != COMPOSE.section}

    def declared(self) -> Map:
        keys = {name: self._declared.keys.get(name, node.place) for name, node in self._sections.items()}
        return Map(self._declared.place, self._sections, keys)

    def add(self, entry: _Entry, given: Map) -> tuple[ResourceId, ...]:
        """Take the entries that a file gives, and return their ids."""
        return tuple(id_ for section in given.entries for id_ in self._section(entry, section, given))

    def _section(self, entry: _Entry, section: str, given: Map) -> Iterator[ResourceId]:
        parts = given.entries[section]
        if (found := of_section(self._kinds, section)) is None or not isinstance(parts, Map):
            return
        singular, kind = found
        there = self._sections.get(section)
        nodes = dict(there.entries) if isinstance(there, Map) else {}
        keys = dict(there.keys) if isinstance(there, Map) else {}
        for written, node in parts.entries.items():
            place, path = parts.keys[written], entry_path(kind, written)
            try:
                name = kind.name(written)
            except ValueError as error:
                self._findings.add(place, path, str(error))
                continue
            key = name if kind.verbatim else _escaped(name)
            if key in nodes:
                self._findings.add(place, path, f"this entry is given twice, first at {keys[key]}")
                continue
            nodes[key], keys[key] = _part(entry.meta, node, kind), place
            yield ResourceId(singular, name)
        self._sections[section] = Map(there.place if there else given.keys[section], nodes, keys)


def _part(meta: Map, node: Node, kind: AnyKind) -> Node:
    """Return a part with what its entry says of all parts, as a document would have it."""
    if isinstance(node, Map):
        keys = {key: meta.keys[key] for key in meta.entries}
        node = Map(node.place, {**node.entries, **meta.entries}, {**node.keys, **keys})
    return node if kind.verbatim else literal(node)


def literal(node: Node) -> Node:
    """Return a node in which no dollar means anything to the variables of documents."""
    if isinstance(node, Scalar):
        changed = isinstance(node.value, str) and "$" in node.text
        return text_scalar(node.place, _escaped(node.text)) if changed else node
    if isinstance(node, Seq):
        return Seq(node.place, tuple(map(literal, node.items)))
    entries = {_escaped(key): literal(child) for key, child in node.entries.items()}
    return Map(node.place, entries, {_escaped(key): place for key, place in node.keys.items()})


def _escaped(text: str) -> str:
    return text.replace("$", "$$")
