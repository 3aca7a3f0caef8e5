"""
`${name}` in the strings of documents, replaced by what this host's variables say. Pure.

`${name:-default}` is the default where the name is unknown or empty, `$$` is a dollar, any other dollar is itself.
A string that is nothing but `${name}` becomes the variable as it is: a number stays one, a list as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent.desired.fleet import RESERVED
from agent.desired.merge import merge
from agent.documents.nodes import (
    Map,
    Node,
    Place,
    Plain,
    Scalar,
    Seq,
    from_plain,
    plain_scalar,
    text_scalar,
    to_plain,
)
from agent.documents.problems import Findings, near
from agent.documents.problems import found as words
from agent.late import pattern
from agent.model import Identity, quoted

MAX_TEXT: Final = 1 << 20  # characters of one string, replaced
MAX_TOTAL: Final = 1 << 25  # characters of all of them
MAX_NODES: Final = 250_000  # values that replacing may add in all
MAX_CHAIN: Final = 50  # variables that use variables
MAX_LEVELS: Final = 50  # of nesting in one variable, those that it uses written out: as in a document
MAX_OPEN: Final = 75  # levels of all that wait for one that they use
NESTED: Final = (
    f"expected variables of at most {MAX_LEVELS} levels of nesting, those that they use written out"
)

_MARK: Final = pattern(r"\$\$|\$\{([^{}]*)(\}?)")
_NAME: Final = pattern(r"([A-Za-z_][\w-]*(?:\.[\w-]+)*)(?::-(.*))?", re.ASCII | re.DOTALL)


class _UnusableError(Exception):
    """A string cannot be replaced; the message says why."""


class Variables:
    """What names mean on one host. Every variable is worked out once."""

    def __init__(self, variables: Map, identity: Identity, findings: Findings) -> None:
        """Work out all variables; what is wrong with one goes to `findings`, at its own place."""
        own = {"host": identity.host, "labels": dict(identity.labels), "facts": dict(identity.facts)}
        self._raw = merge(variables, from_plain(own, Place("this host")))
        self._done: dict[str, Node] = {}
        self._refused: dict[str, str] = {}  # and why: each that uses one would work it out again
        self._open: list[str] = []
        self._levels = 0
        self._added = self._written = 0
        for name, node in variables.entries.items():
            self._done[name] = self.replace(node, f".{name}", findings)

    def plain(self) -> Mapping[str, Plain]:
        """Return all of them as plain data, for templates."""
        every = self._raw.entries.items() if isinstance(self._raw, Map) else ()
        return {name: to_plain(self._done.get(name, node)) for name, node in every}

    def replace(self, node: Node, path: str, findings: Findings) -> Node:
        """Return a node with its strings and keys replaced; problems go to `findings`."""
        if type(node) is Scalar:
            return self._scalar(node, path, findings) if "$" in node.text else node
        if type(node) is Seq:
            items = tuple(
                self.replace(item, f"{path}[{at}]", findings) for at, item in enumerate(node.items)
            )
            return Seq(node.place, items)
        return self._map(node, path, findings) if type(node) is Map else node

    def _map(self, node: Map, path: str, findings: Findings) -> Map:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for written, child in node.entries.items():
            place = node.keys[written]
            key = self.text(written, place, path, findings) if "$" in written else written
            if key in entries:
                findings.add(place, path, f"key {quoted(key)} is given twice, first at {keys[key]}")
            plain = type(child) is Scalar and "$" not in child.text
            entries[key] = child if plain else self.replace(child, f"{path}.{key}", findings)
            keys[key] = place
        return Map(node.place, entries, keys)

    def text(self, written: str, place: Place, path: str, findings: Findings) -> str:
        """Return a key or name with what it names replaced."""
        if "$" not in written:
            return written
        try:
            return self._filled(written)
        except _UnusableError as error:
            findings.add(place, path, str(error))
            return written

    def _scalar(self, node: Scalar, path: str, findings: Findings) -> Node:
        if type(node.value) is not str:
            return node
        try:
            whole = _MARK.fullmatch(node.text)
            if whole and whole[1] is not None:
                return self._whole(whole, node.place)
            return text_scalar(node.place, self._filled(node.text))
        except _UnusableError as error:
            findings.add(node.place, path, str(error))
            return node

    def _whole(self, mark: re.Match[str], place: Place) -> Node:
        node = self._named(mark, place)
        size, levels = _extent(node)
        self._added += size
        if levels > MAX_LEVELS:
            raise _UnusableError(NESTED)
        if self._added > MAX_NODES:
            raise _UnusableError(f"expected variables that add at most {MAX_NODES} values in all")
        return node._replace(place=place)

    def _filled(self, text: str) -> str:
        pieces: list[str] = []
        length = end = 0
        for mark in _MARK.finditer(text):
            pieces += (text[end : mark.start()], "$" if mark[1] is None else self._inside(mark))
            end = mark.end()
            length += len(pieces[-1])
            if length > MAX_TEXT:
                raise _UnusableError(
                    f"expected text of at most {MAX_TEXT >> 20} MiB with variables filled in"
                )
        self._written += length
        if self._written > MAX_TOTAL:
            raise _UnusableError(f"expected variables that add at most {MAX_TOTAL >> 20} MiB of text in all")
        return "".join((*pieces, text[end:]))

    def _inside(self, mark: re.Match[str]) -> str:
        node = self._named(mark, Place(""))
        if not isinstance(node, Scalar):
            raise _UnusableError(
                f"expected a single value inside text, found {words(node)}: {quoted(mark[0])}"
            )
        return "" if node.value is None else node.text

    def _named(self, mark: re.Match[str], place: Place) -> Node:
        found = _NAME.fullmatch(mark[1])
        if not mark[2] or not found:
            raise _UnusableError(
                f"expected ${{name}} or ${{name:-default}}, found {quoted(mark[0])}; a dollar is $$"
            )
        name, default = found[1], found[2]
        node = self._value(name)
        if default is not None and (node is None or (isinstance(node, Scalar) and node.value in (None, ""))):
            return plain_scalar(place, default) if default else text_scalar(place, "")
        if node is None:
            raise _UnusableError(f"unknown variable {quoted(name)}{near(name, tuple(self._names()))}")
        return node

    def _value(self, name: str) -> Node | None:
        """Return what a dotted name means: from the top, each string on the way replaced."""
        node: Node | None = self._raw
        prefix = ""
        for part in name.split("."):
            prefix = f"{prefix}.{part}" if prefix else part
            node = _child(node, part)
            if isinstance(node, Scalar) and "$" in node.text:
                node = self._worked_out(prefix, node)
        return node if node is None or isinstance(node, Scalar) else self._worked_out(name, node)

    def _worked_out(self, name: str, node: Node) -> Node:
        if name in self._done or name.split(".", 1)[0] in RESERVED:
            return self._done.get(name, node)
        if name in self._refused:
            raise _UnusableError(self._refused[name])
        if name in self._open:
            ring = " uses ".join((*self._open[self._open.index(name) :], name))
            raise _UnusableError(f"expected variables that end, found a circle: {ring}")
        if len(self._open) >= MAX_CHAIN:
            raise _UnusableError(f"expected at most {MAX_CHAIN} variables that use one another")
        _, levels = _extent(node)
        if self._levels + levels > MAX_OPEN:
            raise _UnusableError(NESTED)
        self._open.append(name)
        self._levels += levels
        try:
            trial = Findings()
            self._done[name] = self.replace(node, "", trial)
        finally:
            self._open.pop()
            self._levels -= levels
        if trial.problems:
            del self._done[name]
            self._refused[name] = _innermost(name, trial.problems[0].message)
            raise _UnusableError(self._refused[name])
        return self._done[name]

    def _names(self) -> Iterator[str]:
        yield from _dotted(self._raw, "")


def _innermost(name: str, message: str) -> str:
    return (
        message if message.startswith(("variable ", "expected variables")) else f"variable {name}: {message}"
    )


def _child(node: Node | None, part: str) -> Node | None:
    if isinstance(node, Map):
        return node.entries.get(part)
    if isinstance(node, Seq) and part.isdecimal() and int(part[:9]) < len(node.items):
        return node.items[int(part[:9])]
    return None


def _dotted(node: Node, prefix: str) -> Iterator[str]:
    if isinstance(node, Map):
        for key, child in node.entries.items():
            yield f"{prefix}{key}"
            yield from _dotted(child, f"{prefix}{key}.")


def _extent(node: Node) -> tuple[int, int]:
    """Return how many values there are in a node, itself one of them, and how many levels they nest."""
    size = deepest = 0
    waiting = [(node, 0)]
    while waiting:
        one, levels = waiting.pop()
        size += 1
        if not isinstance(one, Scalar):
            deepest = max(deepest, levels + 1)
            below = one.entries.values() if isinstance(one, Map) else one.items
            waiting += ((child, levels + 1) for child in below)
    return size, deepest
