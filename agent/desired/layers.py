"""The layers of one host, read from a commit and laid over one another. Reads only the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from agent.desired.entries import entry_path
from agent.desired.fleet import FILE, Fleet, Layer, check_vars, read_fleet
from agent.desired.merge import is_null, merge
from agent.desired.section import COMPOSE, Sections
from agent.desired.sources import read_bounded
from agent.documents.nodes import Map, Node, Place, Scalar, empty_map
from agent.documents.parse import MAX_BYTES, parse_into
from agent.documents.problems import Findings, near
from agent.documents.problems import found as words
from agent.kinds import AnyKind
from agent.model import Tree, TreeLink, TreePath, quoted
from agent.values import dataclass

MOST_DOCUMENTS: Final = 1000  # in one layer
VARIABLES: Final = "vars.yaml"

_HINTS: Final = {
    "services": "; a Compose file is no state document: name it as the source of an entry under compose"
}


@dataclass(frozen=True, slots=True)
class Layered:
    """What the layers say together. `declared` has a mapping of entries for each section, also for one that is its only entry."""

    declared: Map
    variables: Map


def fetch_fleet(tree: Tree, findings: Findings) -> Fleet | None:
    """Return what fleet.yaml says, None with a problem if it cannot be had; raises SourceError."""
    tree.prefetch(frozenset({FILE}))
    before = len(findings.problems)
    node = document(tree, FILE, findings)
    if len(findings.problems) > before:
        return None
    if node is None and tree.entry(FILE) is None:
        findings.add(
            Place(str(FILE)), "", "there is no such file; it says which hosts exist, and what they get"
        )
        return None
    return read_fleet(node, findings)


class Reading:
    """Reads documents of one commit, each once, however many hosts are looked at."""

    def __init__(self, tree: Tree, kinds: Mapping[str, AnyKind], findings: Findings) -> None:
        self._tree = tree
        self._sections = Sections(kinds)
        self._findings = findings
        self._documents: dict[TreePath, Map | None] = {}
        self._layers: dict[TreePath, Layered | None] = {}

    def layered(self, fleet: Fleet, layers: Iterable[Layer], host: str) -> Layered:
        """Return what layers say together, top to bottom; raises SourceError."""
        chosen = [(layer, layer.folder(host)) for layer in layers]
        self._fetch([folder for _, folder in chosen])
        declared, variables = empty_map(Place(str(FILE))), fleet.vars
        for layer, folder in chosen:
            if one := self._layer(layer, folder):
                declared = _laid_over(declared, one.declared)
                variables = _map(merge(variables, one.variables))
        return Layered(declared, variables)

    def _fetch(self, folders: Iterable[TreePath]) -> None:
        """Read ahead: asking for one file of each folder brings the folders' own names, all at once."""
        new = [folder for folder in folders if folder not in self._layers]
        self._tree.prefetch(frozenset(folder / VARIABLES for folder in new))
        self._tree.prefetch(frozenset(path for folder in new for path in self._tree.documents(folder) or ()))

    def _layer(self, layer: Layer, folder: TreePath) -> Layered | None:
        if folder not in self._layers:
            self._layers[folder] = self._read(folder)
        if self._layers[folder] is None and not layer.by_host:
            self._findings.add(
                layer.place, ".layers", f"there is no folder {quoted(str(folder))} in the commit"
            )
        return self._layers[folder]

    def _read(self, folder: TreePath) -> Layered | None:
        if (found := self._tree.documents(folder)) is None:
            return None
        paths = [path for path in found if path != FILE]  # the root may be a layer too
        place = Place(str(folder))
        if len(paths) > MOST_DOCUMENTS:
            self._findings.add(
                place, "", f"expected at most {MOST_DOCUMENTS} documents in a layer; split it up"
            )
            return Layered(empty_map(place), empty_map(place))
        read = {path: self._mapping(path) for path in paths}
        variables = next((node for path, node in read.items() if path.name == VARIABLES and node), None)
        check_vars(variables, "", self._findings)
        others = {path: node for path, node in read.items() if path.name != VARIABLES and node}
        compose = {source for path, node in others.items() for source in _compose_files(path, node)}
        documents = [node for path, node in others.items() if path not in compose or not _has_services(node)]
        return Layered(self._together(documents, place), variables or empty_map(place))

    def _mapping(self, path: TreePath) -> Map | None:
        if path not in self._documents:
            node = document(self._tree, path, self._findings)
            if node is not None and not isinstance(node, Map) and not is_null(node):
                wanted = "names and values" if path.name == VARIABLES else "sections"
                self._findings.add(node.place, "", f"expected a mapping of {wanted}, found {words(node)}")
            self._documents[path] = node if isinstance(node, Map) else None
        return self._documents[path]

    def _together(self, documents: Iterable[Map], place: Place) -> Map:
        """Return the documents of one layer as one, in which each entry stands once."""
        sections: dict[str, Map] = {}
        for document in documents:
            for section, entries in self._known_sections(document):
                entry_nodes, entry_keys = _own(sections, section, document.keys[section])
                for name, written, node in self._entries(section, entries):
                    if name in entry_keys:
                        message = f"this entry is given twice, first at {entry_keys[name]}"
                        path = entry_path(self._sections[section], name)
                        self._findings.add(entries.keys[written], path, message)
                    else:
                        entry_nodes[name], entry_keys[name] = node, entries.keys[written]
        return Map(place, sections, {section: entries.place for section, entries in sections.items()})

    def _known_sections(self, document: Map) -> Iterator[tuple[str, Map]]:
        for section, node in document.entries.items():
            if section not in self._sections:
                hint = _HINTS.get(section) or near(section, self._sections)
                hint = hint or f"; expected one of {', '.join(self._sections)}"
                self._findings.add(document.keys[section], f".{section}", f"unknown section{hint}")
            elif only := self._sections[section].only:
                yield section, Map(node.place, {only: node}, {only: document.keys[section]})
            elif isinstance(node, Map):
                yield section, node
            elif not is_null(node):  # a section whose entries are all commented out is no section
                self._findings.add(
                    node.place, f".{section}", f"expected a mapping of entries, found {words(node)}"
                )

    def _entries(self, section: str, entries: Map) -> Iterator[tuple[str, str, Node]]:
        """Yield name, name as written, and node; names with variables are looked at when these are known."""
        kind = self._sections[section]
        for written, node in entries.entries.items():
            try:
                yield written if "$" in written else kind.name(written), written, node
            except ValueError as error:
                self._findings.add(entries.keys[written], entry_path(kind, written), str(error))


def _own(sections: dict[str, Map], section: str, place: Place) -> tuple[dict[str, Node], dict[str, Place]]:
    """Return the entries of a section and their places, to be added to."""
    nodes: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    known = sections.setdefault(section, Map(place, nodes, keys))
    return known.entries, known.keys  # type: ignore[return-value] # made three lines up, as dicts


def _laid_over(below: Map, above: Map) -> Map:
    sections = {**below.entries}
    for section, entries in above.entries.items():
        sections[section] = merge(sections.get(section), entries)
    return Map(below.place, sections, {**below.keys, **above.keys})


def _map(node: Node) -> Map:
    return node if isinstance(node, Map) else empty_map(node.place)


def _compose_files(path: TreePath, node: Map) -> Iterator[TreePath]:
    """Yield the files that a document names as Compose files: where they lie in the layer, they are no documents."""
    section = node.entries.get(COMPOSE.section)
    for entry in section.entries.values() if isinstance(section, Map) else ():
        source = entry.entries.get(COMPOSE.shorthand) if isinstance(entry, Map) else entry
        if isinstance(source, Scalar):
            with suppress(ValueError):  # is told where the entry is read
                yield TreePath.beside(str(path), source.text)


def _has_services(node: Map) -> bool:
    """Return whether it can only be a Compose file: nothing that could be a document is ever left out."""
    return "services" in node.entries


def document(tree: Tree, path: TreePath, findings: Findings) -> Node | None:
    """Return what a document says, None if it says nothing or, with a problem, cannot be read; raises SourceError."""
    entry = tree.entry(path)
    if entry is None:
        return None
    if isinstance(entry, TreeLink):
        findings.add(Place(str(path)), "", "expected a file, found a symbolic link; links are not followed")
        return None
    data = read_bounded(entry, MAX_BYTES)
    if data is None:
        findings.add(
            Place(str(path)), "", f"expected a document of at most {MAX_BYTES >> 20} MiB; split it up"
        )
        return None
    return parse_into(findings, data, str(path))
