"""What a YAML document says, and where: light frozen nodes. Nothing here reads or writes anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from agent.late import pattern

Plain: TypeAlias = "str | int | float | bool | None | list[Plain] | dict[str, Plain]"


class Place(NamedTuple):
    """Where something stands; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Scalar(NamedTuple):
    """One value: `text` as it is spelled, `value` as YAML 1.2 understands it."""

    place: Place
    text: str
    value: str | int | float | bool | None


class Seq(NamedTuple):
    """A list."""

    place: Place
    items: tuple[Node, ...]


class Map(NamedTuple):
    """A mapping. `keys` says where each key stands."""

    place: Place
    entries: Mapping[str, Node]
    keys: Mapping[str, Place]


Node: TypeAlias = Scalar | Seq | Map

_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER: Final = pattern(r"[-+]?(?:0|[1-9][0-9]{0,17})(\.[0-9]+(?:[eE][-+]?[0-9]+)?)?")


class Spelled(float):
    """A number that prints as it was written: 1.10 stays 1.10 in a template."""

    __slots__ = ("text",)
    text: str

    @classmethod
    def of(cls, text: str) -> Spelled:
        number = cls(text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


def resolve(text: str) -> str | int | float | bool | None:
    """
    Return what a plain scalar means.

    YAML 1.2.2, 10.3 (core schema), without its surprises: only `true`, `false`, `null`, `~`, nothing, decimal
    whole numbers and decimal fractions mean anything; `no`, `on`, `0644`, `0x1f`, `12:30:45`, `1e3`, `.inf` and
    dates are text.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-0123456789" or not (found := _NUMBER.fullmatch(text)):
        return text
    if found[1] is None:
        return int(text)
    return number if math.isfinite(number := float(text)) else text


def plain_scalar(place: Place, text: str) -> Scalar:
    """Return a scalar that stands without quotes."""
    return Scalar(place, text, resolve(text))


def text_scalar(place: Place, text: str) -> Scalar:
    """Return a scalar that is text whatever it looks like."""
    return Scalar(place, text, text)


def empty_map(place: Place) -> Map:
    return Map(place, {}, {})


def to_plain(node: Node) -> Plain:
    """Return the value without its places; a fraction remembers its spelling."""
    if isinstance(node, Map):
        return {key: to_plain(child) for key, child in node.entries.items()}
    if isinstance(node, Seq):
        return [to_plain(child) for child in node.items]
    return Spelled.of(node.text) if isinstance(node.value, float) else node.value


def from_plain(value: object, place: Place) -> Node:
    """Return plain data as nodes that all stand at one place; what is no plain data becomes its text."""
    if isinstance(value, Mapping):
        entries = {str(key): from_plain(child, place) for key, child in value.items()}
        return Map(place, entries, dict.fromkeys(entries, place))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Seq(place, tuple(from_plain(child, place) for child in value))
    if value is None:
        return Scalar(place, "null", None)
    if isinstance(value, bool):
        return Scalar(place, "true" if value else "false", value)
    return Scalar(place, str(value), value if isinstance(value, int | float) else str(value))
