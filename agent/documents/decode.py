"""
Nodes into the dataclasses that describe them; every problem is gathered, with its place. Reads no files.

What a field may be: str, int, bool, float, object, T | None and other unions, Literal, StrEnum, tuple[T, ...],
frozenset[T], Mapping[str, T], a dataclass, a path, a node as it is, or any class with `parse(text)` or
`beside(document, text)`. A field's metadata: `doc` describes it, `hidden` keeps it out of documents, `secret`
keeps its value out of messages. A trailing underscore (`from_`) is no part of a key. A dataclass may have `REFUSED`: keys
that people will look for there, each with why it is none, and what to do instead.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Final, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

from agent.documents.fields import fields
from agent.documents.nodes import Map, Node, Scalar, Seq, to_plain
from agent.documents.problems import Findings, found, near
from agent.errors import ConfigError, DocumentError

T = TypeVar("T")
Reader: TypeAlias = Callable[[Node, str, Findings], Any]

BAD: Final = object()
"""What a reader answers when it found a problem."""

_NODES: Final = (Scalar, Seq, Map)


def decode(node: Node, shape: type[T], *, error: type[DocumentError | ConfigError] = DocumentError) -> T:
    """Return the value that a node describes; raises `error` with every problem found."""
    findings = Findings()
    value: T = reader(shape)(node, "", findings)
    findings.check(error)
    return value


def reader(shape: Any, *, secret: bool = False) -> Reader:
    """Return the function that reads one shape: (node, path, findings) to a value, or BAD."""
    return _reader(shape, secret)


@functools.cache
def _reader(shape: Any, secret: bool) -> Reader:  # noqa: FBT001 # positional: a faster key
    origin = get_origin(shape)
    if origin is Union or origin is types.UnionType:
        return _union(get_args(shape), secret=secret)
    if origin is Literal:
        return _choice({_spelling(choice): choice for choice in get_args(shape)}, secret=secret)
    if origin in {tuple, frozenset}:
        return _list(origin, reader(get_args(shape)[0], secret=secret))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(reader(get_args(shape)[1], secret=secret))
    if shape in _NODES:
        return _as_it_is(shape)
    if dataclasses.is_dataclass(shape) and not hasattr(shape, "parse"):
        return Record(shape)
    return _value(shape, secret=secret)


def _value(shape: Any, *, secret: bool) -> Reader:
    if shape is object or shape is Any:
        return lambda node, _path, _findings: to_plain(node)
    if hasattr(shape, "beside"):
        return _beside(shape, secret=secret)
    if hasattr(shape, "parse"):
        return _parsed(shape.parse, secret=secret)
    if issubclass(shape, enum.Enum):
        return _choice({str(member.value): member for member in shape}, secret=secret)
    if issubclass(shape, PurePath):
        return _parsed(functools.partial(_path_of, shape), secret=secret)
    return _BASIC[shape](secret)


class Record:
    """Reads a mapping into one dataclass. Its fields are looked up late: a dataclass may contain itself."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape

    @functools.cached_property
    def readers(self) -> Mapping[str, tuple[str, Reader]]:
        every = fields(self.shape).items()
        return {key: (field.name, reader(field.shape, secret=field.secret)) for key, field in every}

    @functools.cached_property
    def required(self) -> tuple[tuple[str, str], ...]:
        return tuple((key, field.name) for key, field in fields(self.shape).items() if field.required)

    def __call__(self, node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Map:
            return _wrong(node, "a mapping", path, findings)
        before = len(findings.problems)
        values: dict[str, Any] = {}
        for key, child in node.entries.items():
            if (known := self.readers.get(key)) is None:
                self._unknown(node, key, path, findings)
            else:
                values[known[0]] = known[1](child, f"{path}.{key}", findings)
        for key, name in self.required:
            if name not in values:
                findings.add(node.place, path, f"key {key!r} is missing")
        return BAD if len(findings.problems) > before else self._made(values, node, path, findings)

    def _unknown(self, node: Map, key: str, path: str, findings: Findings) -> None:
        if refused := getattr(self.shape, "REFUSED", {}).get(key):
            findings.add(node.keys[key], f"{path}.{key}", f"not supported: {refused}")
            return
        known = tuple(self.readers)
        hint = near(key, known) or (f"; expected one of {', '.join(known)}" if len(known) < 20 else "")
        findings.add(node.keys[key], f"{path}.{key}", f"unknown key{hint}")

    def _made(self, values: Mapping[str, Any], node: Map, path: str, findings: Findings) -> Any:
        try:
            return self.shape(**values)
        except ValueError as error:
            findings.add(node.place, path, str(error))
            return BAD


def _wrong(node: Node, wanted: str, path: str, findings: Findings, *, secret: bool = False) -> Any:
    findings.add(node.place, path, f"expected {wanted}, found {found(node, secret=secret)}")
    return BAD


def _as_it_is(shape: type) -> Reader:
    wanted = {Scalar: "one value", Seq: "a list", Map: "a mapping"}[shape]

    def read(node: Node, path: str, findings: Findings) -> Any:
        return node if type(node) is shape else _wrong(node, wanted, path, findings)

    return read


def _text(secret: bool) -> Reader:  # noqa: FBT001 # an entry of a table: all are called alike
    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Scalar or node.value is None:
            return _wrong(node, "text", path, findings, secret=secret)
        return node.text  # as it is spelled: 1.10, no, 0644

    return read


def _exactly(shape: type, wanted: str) -> Callable[[bool], Reader]:
    def make(secret: bool) -> Reader:  # noqa: FBT001 # see _text
        def read(node: Node, path: str, findings: Findings) -> Any:
            if type(node) is not Scalar or type(node.value) is not shape:
                return _wrong(node, wanted, path, findings, secret=secret)
            return node.value

        return read

    return make


def _number(secret: bool) -> Reader:  # noqa: FBT001 # see _text
    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Scalar or type(node.value) not in {int, float}:
            return _wrong(node, "a number", path, findings, secret=secret)
        return float(node.text)

    return read


def _parsed(parse: Callable[[str], Any], *, secret: bool) -> Reader:
    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Scalar or node.value is None:
            return _wrong(node, "text", path, findings, secret=secret)
        try:
            return parse(node.text)
        except ValueError as error:
            return _refused(node, error, path, findings, secret=secret)

    return read


def _beside(shape: Any, *, secret: bool) -> Reader:
    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Scalar or node.value is None:
            return _wrong(node, "a path", path, findings, secret=secret)
        try:
            source = shape.beside(node.place.file, node.text)
        except ValueError as error:
            return _refused(node, error, path, findings, secret=secret)
        findings.sources.add(source)
        return source

    return read


def _refused(node: Scalar, error: ValueError, path: str, findings: Findings, *, secret: bool) -> Any:
    message = "expected something else (the value is secret)" if secret else str(error)
    findings.add(node.place, path, message)
    return BAD


def _path_of(shape: type[PurePath], text: str) -> PurePath:
    if not text or "\0" in text or len(text) > 4096:  # PATH_MAX, see limits.h(0p)
        raise ValueError("expected a path of 1 to 4096 characters")
    return shape(text)


def _choice(choices: Mapping[str, Any], *, secret: bool) -> Reader:
    wanted = "one of " + ", ".join(choices) if len(choices) > 1 else "".join(choices)

    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is Scalar and node.value is not None and node.text in choices:
            return choices[node.text]
        return _wrong(node, wanted, path, findings, secret=secret)

    return read


def _spelling(choice: object) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _list(make: Callable[[list[Any]], Any], read_item: Reader) -> Reader:
    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Seq:
            return _wrong(node, "a list", path, findings)
        before = len(findings.problems)
        values = [read_item(item, f"{path}[{index}]", findings) for index, item in enumerate(node.items)]
        return BAD if len(findings.problems) > before else make(values)

    return read


def _mapping(read_item: Reader) -> Reader:
    def read(node: Node, path: str, findings: Findings) -> Any:
        if type(node) is not Map:
            return _wrong(node, "a mapping", path, findings)
        before = len(findings.problems)
        values = {key: read_item(item, f"{path}.{key}", findings) for key, item in node.entries.items()}
        return BAD if len(findings.problems) > before else values

    return read


def _union(members: tuple[Any, ...], *, secret: bool) -> Reader:
    """Read the first member that the node can be; of several that fail, the first one's problems are told."""
    optional = type(None) in members
    shapes = [member for member in members if member is not type(None)]
    readers = {
        kind: [reader(shape, secret=secret) for shape in shapes if kind in _nodes_of(shape)]
        for kind in _NODES
    }
    fallback = [reader(shapes[0], secret=secret)]

    def read(node: Node, path: str, findings: Findings) -> Any:
        if optional and type(node) is Scalar and node.value is None:
            return None
        fitting = readers[type(node)] or fallback
        for attempt in fitting[1:] and fitting:
            trial = Findings()
            if (value := attempt(node, path, trial)) is not BAD:
                findings.sources |= trial.sources
                return value
        return fitting[0](node, path, findings)

    return read


def _nodes_of(shape: Any) -> tuple[type, ...]:
    """Return what a shape is written as."""
    origin = get_origin(shape)
    if shape is object or shape is Any:
        return _NODES
    if shape in _NODES:
        return (shape,)
    if origin in {tuple, frozenset}:
        return (Seq,)
    record = dataclasses.is_dataclass(shape) and not hasattr(shape, "parse")
    return (Map,) if record or (isinstance(origin, type) and issubclass(origin, Mapping)) else (Scalar,)


_BASIC: Final[Mapping[type, Callable[[bool], Reader]]] = {
    str: _text,
    int: _exactly(int, "a whole number"),
    bool: _exactly(bool, "true or false"),
    float: _number,
}
