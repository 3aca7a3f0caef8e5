"""A whole Compose file into sections of a state document. Pure, but for asking the tree what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.compose.context import (
    LABEL,
    Context,
    completed,
    container_names,
    has_profiles,
    is_external,
    real_names,
)
from agent.compose.entry import Project
from agent.compose.files import Files
from agent.compose.interpolate import Interpolation
from agent.compose.mounts import volume_device
from agent.compose.nodes import Draft, expected, is_nothing, map_of, pairs_of, without_extensions
from agent.compose.service import container
from agent.documents.nodes import Map, Node, Place, empty_map, text_scalar
from agent.documents.problems import Findings, near
from agent.model import Tree, TreePath
from agent.values import dataclass

_KNOWN: Final = ("version", "name", "services", "networks", "volumes", "secrets", "configs")
_REFUSED: Final[Mapping[str, str]] = {
    "include": "trued takes one file; give the other one an entry of its own under compose",
    "models": "trued runs no models; take it away",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A Compose file whose variables are filled in."""

    project: Project
    place: Place
    sections: Mapping[str, Map]


def read(project: Project, node: Node | None, findings: Findings) -> Document | None:
    """Return what a file says on this host; None, with problems, if it cannot be used."""
    place = Place(str(project.source))
    if not isinstance(node, Map):
        if node is None or is_nothing(node):
            findings.add(place, "", "expected services, found nothing")
        else:
            expected(node, "a mapping with services", "", findings)
        return None
    before = len(findings.problems)
    whole = without_extensions(node)
    assert isinstance(whole, Map)  # noqa: S101 # for the type checker: a mapping stays one
    _check_keys(whole, findings)
    filled = Interpolation(project.values)
    sections = {
        key: map_of(_filled(filled, key, whole, findings), "a mapping", f".{key}", findings, whole.place)
        for key in _KNOWN[2:]
    }
    if not sections["services"].entries and len(findings.problems) == before:
        findings.add(whole.place, "", "expected services, found none")
    return None if len(findings.problems) > before else Document(project, place, sections)


def _check_keys(node: Map, findings: Findings) -> None:
    for key, place in node.keys.items():
        if key in _REFUSED:
            findings.add(place, f".{key}", f"cannot be taken: {_REFUSED[key]}")
        elif key not in _KNOWN:
            findings.add(place, f".{key}", f"unknown key in a Compose file{near(key, _KNOWN)}")


def _filled(filled: Interpolation, key: str, whole: Map, findings: Findings) -> Node | None:
    """Return a section with its variables filled in, and services without those that have profiles left as they are."""
    section = whole.entries.get(key)
    if section is None or key != "services" or not isinstance(section, Map):
        return None if section is None else filled.node(section, f".{key}", findings)
    entries = {
        name: node if has_profiles(node) else filled.node(node, f".{key}.{name}", findings)
        for name, node in section.entries.items()
    }
    return section._replace(entries=entries)


def references(document: Document) -> frozenset[TreePath]:
    """Return what of the repository a file refers to, there or not."""
    files = Files(document.project, None, Findings())
    _made(_context(document, files, Findings()), document)
    return frozenset(files.asked)


def sections(document: Document, tree: Tree, findings: Findings) -> Map:
    """
    Return the sections that a file stands for: names of containers, networks and volumes as on the host.

    Raises SourceError, or DocumentError where the tree holds what no host can use.
    """
    files = Files(document.project, tree, findings)
    context = _context(document, files, findings)
    made = {**_made(context, document), "files": files.entries()}
    place = document.project.place
    every = {section: _section(entries, place) for section, entries in made.items() if entries}
    return Map(place, every, dict.fromkeys(every, place))


def _made(context: Context, document: Document) -> dict[str, dict[str, tuple[Node, Place]]]:
    return {
        "containers": _containers(context, document),
        "networks": _resources(context, "networks", "network", document.sections["networks"]),
        "volumes": _resources(context, "volumes", "volume", document.sections["volumes"]),
    }


def _section(entries: Mapping[str, tuple[Node, Place]], place: Place) -> Map:
    nodes = {name: node for name, (node, _) in entries.items()}
    return Map(place, nodes, {name: where for name, (_, where) in entries.items()})


def _context(document: Document, files: Files, findings: Findings) -> Context:
    project, services = document.project, document.sections["services"]
    left_out = frozenset(name for name, node in services.entries.items() if has_profiles(node))
    kept = {name: node for name, node in services.entries.items() if name not in left_out}
    return Context(
        project=project,
        findings=findings,
        files=files,
        containers=container_names(project.name, services._replace(entries=kept)),
        left_out=left_out,
        networks={"default": f"{project.name}_default"}
        | real_names(project.name, document.sections["networks"]),
        volumes=real_names(project.name, document.sections["volumes"]),
        secrets=document.sections["secrets"],
        configs=document.sections["configs"],
        awaited=completed(services._replace(entries=kept)),
    )


def _containers(context: Context, document: Document) -> dict[str, tuple[Node, Place]]:
    services = document.sections["services"]
    made: dict[str, tuple[Node, Place]] = {}
    for name, real in context.containers.items():
        node, place = services.entries[name], services.keys[name]
        if not isinstance(node, Map):
            expected(node, "a mapping", f".services.{name}", context.findings)
        elif real in made:
            message = f"container {real} is given twice, first at {made[real][1]}"
            context.findings.add(place, f".services.{name}", message)
        else:
            made[real] = container(context, name, node), place
    return made


def _resources(context: Context, section: str, word: str, declared: Map) -> dict[str, tuple[Node, Place]]:
    """Return the networks or volumes that some service uses, and that are not made by others."""
    names = context.networks if section == "networks" else context.volumes
    made: dict[str, tuple[Node, Place]] = {}
    for key, real in names.items():
        node = declared.entries.get(key, empty_map(context.project.place))
        place = declared.keys.get(key, context.project.place)
        path = f".{section}.{key}"
        if is_external(node):
            _check_external(context, node, path)
        elif (section, key) in context.used:
            made[real] = _resource(context, word, key, node, place, path), place
    return made


def _check_external(context: Context, node: Node, path: str) -> None:
    for key in node.entries if isinstance(node, Map) else ():
        if key not in {"external", "name"} and isinstance(node, Map):
            message = "what is external is made by others, and has nothing here but a name"
            context.findings.add(node.keys[key], f"{path}.{key}", message)


def _resource(context: Context, word: str, key: str, node: Node, place: Place, path: str) -> Node:
    draft = Draft.of(map_of(node, "a mapping", path, context.findings, place))
    draft.drop("name", "external")
    if word == "volume":
        volume_device(context, draft, path)
    if (labels := pairs_of(draft.get("labels"), f"{path}.labels", context.findings)) is not None:
        labels.place = labels.place if labels.entries else place
        labels.put(f"{LABEL}.project", text_scalar(place, context.project.name))
        labels.put(f"{LABEL}.{word}", text_scalar(place, key))
        draft.put("labels", labels.node())
    return draft.node()
