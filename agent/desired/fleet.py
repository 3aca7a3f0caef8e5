"""fleet.yaml: which hosts exist, and which layers each of them gets. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from agent.documents.decode import BAD, reader
from agent.documents.nodes import Map, Node, Place, Scalar, Seq, empty_map
from agent.documents.problems import Findings, found
from agent.errors import RefusedError
from agent.late import pattern
from agent.model import Identity, TreePath, quoted
from agent.values import dataclass

FILE: Final = TreePath("fleet.yaml")
MOST_LAYERS: Final = 200

_CONDITION: Final = pattern(r"host|(?:labels|facts)\..+")
_HOST: Final = pattern(r"\{host(?::([1-9][0-9]?))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFile:
    """What fleet.yaml may say."""

    hosts: tuple[str, ...] = field(
        metadata={"doc": "names of hosts, or globs; a host that fits none is refused"}
    )
    layers: Seq = field(metadata={"doc": "folders of state documents, top to bottom; a later one wins"})
    vars: Map | None = field(default=None, metadata={"doc": "variables for every host"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """A layer that not every host gets."""

    path: str = field(
        metadata={"doc": "the folder; {host} is the host's name, {host:2} its first two letters"}
    )
    when: Map | None = field(
        default=None, metadata={"doc": "host, labels.NAME or facts.NAME: what it has to be"}
    )


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of `layers`."""

    place: Place
    path: str  # as written
    when: Mapping[str, tuple[str, ...]]  # what each named thing has to be: one of these globs

    @property
    def by_host(self) -> bool:
        return _HOST.search(self.path) is not None

    def folder(self, host: str) -> TreePath:
        return TreePath(_HOST.sub(lambda found: host[: int(found[1])] if found[1] else host, self.path))

    def hosts(self, folders: Iterable[str]) -> Iterable[str]:
        """Yield the names that {host} has among these paths of the repository."""
        parts = _HOST.split(self.path)
        named = False
        pattern = re.escape(parts[0])
        for length, text in zip(parts[1::2], parts[2::2], strict=True):
            pattern += "[^/]+" if length or named else "(?P<host>[^/]+)"
            named = named or not length
            pattern += re.escape(text)
        fitting = (re.match(f"{pattern}/", path) for path in folders) if named else ()
        names = dict.fromkeys(one["host"] for one in fitting if one)
        return (name for name in names if any(path.startswith(f"{self.folder(name)}/") for path in folders))


@dataclass(frozen=True, slots=True)
class Fleet:
    """Which hosts exist, and what they get. `place` is where the hosts are listed."""

    place: Place
    hosts: tuple[str, ...]
    layers: tuple[Layer, ...]
    vars: Map

    def knows(self, host: str) -> bool:
        return any(fnmatch.fnmatchcase(host, glob) for glob in self.hosts)

    def admit(self, host: str) -> None:
        """Raise RefusedError for a host that is not listed."""
        if not self.knows(host):
            hint = "add it to hosts in fleet.yaml, or correct host in agent.yaml"
            raise RefusedError(
                f"{self.place}: hosts: {quoted(host)} matches none of the hosts listed", hint=hint
            )

    def layers_of(self, identity: Identity) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if applies(layer, identity))


def read_fleet(node: Node | None, findings: Findings) -> Fleet | None:
    """Return the fleet, or None with the problems in `findings`."""
    before = len(findings.problems)
    said = reader(FleetFile)(node or empty_map(Place(str(FILE))), "", findings)
    if said is BAD:
        return None
    if len(said.layers.items) > MOST_LAYERS:
        findings.add(said.layers.place, ".layers", f"expected at most {MOST_LAYERS} layers")
        return None
    every = enumerate(said.layers.items)
    layers = tuple(_layer(item, f".layers[{index}]", findings) for index, item in every)
    check_vars(said.vars, ".vars", findings)
    if len(findings.problems) > before:
        return None
    place = node.keys["hosts"] if isinstance(node, Map) else Place(str(FILE))
    return Fleet(
        place, said.hosts, tuple(one for one in layers if one), said.vars or empty_map(Place(str(FILE)))
    )


RESERVED: Final = ("host", "labels", "facts")


def check_vars(variables: Map | None, path: str, findings: Findings) -> None:
    """Find variables that would hide a name of trued's own."""
    for name in RESERVED:
        if variables is not None and name in variables.entries:
            findings.add(variables.keys[name], f"{path}.{name}", "this name is trued's own; choose another")


def _layer(node: Node, path: str, findings: Findings) -> Layer | None:
    shape = LayerEntry if isinstance(node, Map) else str
    said = reader(shape)(node, path, findings)
    if said is BAD:
        return None
    folder, when = (said, None) if isinstance(said, str) else (said.path, said.when)
    try:
        _check_folder(folder)
    except ValueError as error:
        findings.add(node.place, path, str(error))
        return None
    return Layer(node.place, folder.strip("/"), _conditions(when, f"{path}.when", findings))


def _check_folder(folder: str) -> None:
    TreePath.beside(str(FILE), folder)
    left = _HOST.sub("", folder)
    if "{" in left or "}" in left:
        raise ValueError(f"expected {{host}} or {{host:2}} where braces are, got {quoted(folder)}")


def _conditions(when: Map | None, path: str, findings: Findings) -> Mapping[str, tuple[str, ...]]:
    if when is None:
        return {}
    for key in when.entries:
        if not _CONDITION.fullmatch(key):
            findings.add(
                when.keys[key], f"{path}.{key}", "unknown key; expected host, labels.NAME or facts.NAME"
            )
    return {key: _globs(child, f"{path}.{key}", findings) for key, child in when.entries.items()}


def _globs(node: Node, path: str, findings: Findings) -> tuple[str, ...]:
    items = node.items if isinstance(node, Seq) else (node,)
    for item in items:
        if not isinstance(item, Scalar) or item.value is None:
            findings.add(
                item.place, path, f"expected a value, a glob or a list of them, found {found(item)}"
            )
    return tuple(item.text for item in items if isinstance(item, Scalar))


def applies(layer: Layer, identity: Identity) -> bool:
    """Return whether a host gets a layer: all that `when` names has to fit."""
    return all(
        any(fnmatch.fnmatchcase(value, glob) for glob in globs for value in _values(name, identity))
        for name, globs in layer.when.items()
    )


def _values(name: str, identity: Identity) -> tuple[str, ...]:
    """Return what a host has under a name: of a list, each item; nothing if it has no such thing."""
    if name == "host":
        return (identity.host,)
    room, _, rest = name.partition(".")
    if room == "labels":
        return (identity.labels[rest],) if rest in identity.labels else ()
    value: object = identity.facts
    for part in rest.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    several = value if isinstance(value, list | tuple) else (value,)
    return tuple(_written(one) for one in several if one is not None)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
