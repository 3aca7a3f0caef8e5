"""A fleet repository as a person looks at it: what one host is declared to be, and whether every host can be. Only reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final

from agent.desired.entries import entry_name, entry_path, replaced
from agent.desired.fleet import Fleet, Layer
from agent.desired.layers import Reading
from agent.desired.load import View, admitted, known_fleet
from agent.desired.shelf import Shelf
from agent.desired.variables import Variables
from agent.documents.nodes import Map, Plain, to_plain
from agent.documents.problems import Findings
from agent.kinds import AnyKind
from agent.late import pattern
from agent.model import Identity, Tree, TreePath
from agent.values import dataclass

_GLOB: Final = pattern(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a host is declared to be, after layers and variables: plain data in the form of a document."""

    layers: tuple[str, ...]  # the folders that are there, top to bottom
    declared: Mapping[str, Plain]  # by section: entries by name, or the only one there is
    origins: Mapping[str, str]  # file:line by "section.name", or by "section" where it is the entry
    templates: Mapping[str, str]  # what each template that is used becomes, by its path


def render(tree: Tree, identity: Identity, kinds: Mapping[str, AnyKind]) -> Rendered:
    """Return what a host is declared to be; raises DocumentError, RefusedError, SourceError."""
    findings = Findings()
    fleet = admitted(tree, identity, findings)
    layers = fleet.layers_of(identity)
    view = View(
        tree, Reading(tree, kinds, findings).layered(fleet, layers, identity.host), identity, findings
    )
    view.resources(kinds)
    findings.check()
    declared, origins = _document(view.declared, kinds, view.variables)
    folders = [layer.folder(identity.host) for layer in layers]
    return Rendered(
        layers=tuple(str(folder) for folder in folders if tree.documents(folder) is not None),
        declared=declared,
        origins=origins,
        templates={str(path): text.data.decode() for path, text in view.sources.rendered.items()},
    )


def _document(
    declared: Map, kinds: Mapping[str, AnyKind], variables: Variables
) -> tuple[dict[str, Plain], dict[str, str]]:
    sections: dict[str, Plain] = {}
    origins: dict[str, str] = {}
    nothing = Findings()  # what is wrong was told before
    for kind in kinds.values():
        section = declared.entries.get(kind.section)
        if not isinstance(section, Map):
            continue
        entries: dict[str, Plain] = {}
        for written, node in section.entries.items():
            place = section.keys[written]
            name = entry_name(kind, written, place, variables, nothing) or written
            entries[name] = to_plain(replaced(kind, node, "", variables, nothing))
            origins[entry_path(kind, name).removeprefix(".")] = f"{place.file}:{place.line}"
        if entries:
            sections[kind.section] = entries[kind.only] if kind.only else entries
    return sections, origins


def check_all(
    tree: Tree, kinds: Mapping[str, AnyKind], facts: Mapping[str, object], labels: Mapping[str, str]
) -> tuple[str, ...]:
    """
    Return the hosts that can be named, all of them sound; raises DocumentError with what is wrong with any.

    They have the given facts and labels. A layer that none of them gets is looked at as if its `when` were so.
    """
    shared = Findings()
    fleet = known_fleet(tree, shared)
    hosts = named_hosts(tree, fleet)
    reading, shelf = Reading(tree, kinds, shared), Shelf(tree)
    identities = [Identity(host=host, labels=labels, facts=facts) for host in hosts]
    looks = [(one.host, one, fleet.layers_of(one)) for one in identities]
    looks += _of_nobody(fleet, [layer for _, _, layers in looks for layer in layers], identities)
    wrong: dict[str, list[str]] = {}
    for name, identity, layers in looks:
        own = Findings()
        View(tree, reading.layered(fleet, layers, identity.host), identity, own, shelf).resources(kinds)
        for line in own.told():
            wrong.setdefault(line, []).append(name)
    shared.lines += [_on(line, places, len(looks)) for line, places in wrong.items()]
    shared.check()
    return hosts


def _of_nobody(
    fleet: Fleet, given: Collection[Layer], identities: Sequence[Identity]
) -> Iterator[tuple[str, Identity, tuple[Layer, ...]]]:
    """Yield, for each layer that no host gets, what to call a host that would, that host, and its layers."""
    some = identities[0] if identities else Identity(host="host")
    for layer in fleet.layers:
        if layer not in given and not layer.by_host:
            identity = _fitting(layer, some)
            rest = fleet.layers_of(identity)
            yield (
                f"a host with {layer.path}",
                identity,
                tuple(one for one in fleet.layers if one is layer or one in rest),
            )


def _fitting(layer: Layer, some: Identity) -> Identity:
    """Return a host for which the layer's `when` is so."""
    host, labels, facts = some.host, dict(some.labels), {**some.facts}
    for name, globs in layer.when.items():
        value = _GLOB.sub("x", globs[0]) if globs else ""
        room, _, rest = name.partition(".")
        if room == "host":
            host = value
        elif room == "labels":
            labels[rest] = value
        else:
            facts = _with(facts, rest.split("."), value)
    return Identity(host=host, labels=labels, facts=facts)


def _with(facts: Mapping[str, object], path: Sequence[str], value: str) -> dict[str, object]:
    inner = facts.get(path[0])
    below = _with(inner if isinstance(inner, Mapping) else {}, path[1:], value) if path[1:] else value
    return {**facts, path[0]: below}


def _on(line: str, hosts: Sequence[str], of: int) -> str:
    """Return a problem with the hosts that have it, unless all do."""
    if len(hosts) == of:
        return line
    return f"{line} (on {hosts[0]}{f' and {len(hosts) - 1} more' if len(hosts) > 1 else ''})"


def named_hosts(tree: Tree, fleet: Fleet) -> tuple[str, ...]:
    """Return the hosts that fleet.yaml names, and those that have a folder of their own."""
    literal = [host for host in fleet.hosts if not _GLOB.search(host)]
    own = {host for layer in fleet.layers if layer.by_host for host in _with_folder(tree, layer)}
    return tuple(dict.fromkeys((*literal, *sorted(host for host in own if fleet.knows(host)))))


def _with_folder(tree: Tree, layer: Layer) -> Iterable[str]:
    above = takewhile(lambda part: "{" not in part, TreePath(layer.path).parts)
    return layer.hosts([str(found.path) for found in tree.walk(TreePath(*above)) or ()])
