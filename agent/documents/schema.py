"""The dataclasses that documents are read into, as JSON Schema 2020-12 for editors. Pure."""

from __future__ import annotations

import dataclasses
import enum
import re
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from agent.documents.fields import Field, fields
from agent.documents.nodes import Map, Scalar, Seq

Json: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TEXT: Final[Json] = {"type": ["string", "number", "boolean"]}  # text keeps its spelling: 1.10, no, true
NULL: Final[Json] = {"type": "null"}
VARIABLE: Final[Json] = {"type": "string", "pattern": r"\$\{"}


def schema(shape: Any) -> Json:
    """Return the schema of a whole document that is read into one shape."""
    definitions = Definitions()
    top = definitions.of(shape)
    return {"$schema": DIALECT, **top, "$defs": definitions.made}


def either(*schemas: Json) -> Json:
    """Return the schema of what fits one of these, each named once."""
    flat: list[Json] = []
    for one in schemas:
        flat += [part for part in one.get("anyOf", [one]) if part not in flat]
    return {"anyOf": flat}


class Definitions:
    """Describes shapes, each dataclass once under its name."""

    def __init__(self, *, layered: bool = False) -> None:
        """`layered`: as a layer may say it, where keys may be missing, null, or a string with a variable."""
        self.layered = layered
        self.made: dict[str, Json] = {}

    def of(self, shape: Any) -> Json:
        """Return the schema of one shape."""
        exact = self._exact(shape)
        loose = self.layered and exact not in ({}, TEXT) and type(None) not in get_args(shape)
        return either(exact, VARIABLE) if loose else exact

    def _exact(self, shape: Any) -> Json:
        origin, arguments = get_origin(shape), get_args(shape)
        if origin is Union or origin is types.UnionType:
            return either(*(NULL if one is type(None) else self.of(one) for one in arguments))
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in {tuple, frozenset}:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self._inside(self.of(arguments[1]))}
        if dataclasses.is_dataclass(shape) and not hasattr(shape, "parse"):
            return self._record(shape)
        return _value(shape)

    def _inside(self, schema: Json) -> Json:
        return either(schema, NULL) if self.layered and schema else schema

    def _record(self, shape: Any) -> Json:
        name = shape.__qualname__
        if name not in self.made:
            self.made[name] = {}  # a dataclass may contain itself
            self.made[name].update(self.record(shape))
        return {"$ref": f"#/$defs/{name}"}

    def record(self, shape: type) -> Json:
        """Return the schema of a mapping that is read into a dataclass."""
        known = fields(shape)
        required = [key for key, field in known.items() if field.required and not self.layered]
        properties = {key: self._property(field) for key, field in known.items()}
        whole: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        return whole | ({"required": required} if required else {})

    def _property(self, field: Field) -> Json:
        described = {"description": field.doc} if field.doc else {}
        return described | self._inside(self.of(field.shape))


def _value(shape: Any) -> Json:
    if shape is object or shape is Any:
        return {}
    if shape in _PLAIN:
        return dict(_PLAIN[shape])
    if pattern := getattr(shape, "PATTERN", ""):
        return {"type": ["string", "number"] if _fits_a_number(pattern) else "string", "pattern": pattern}
    if issubclass(shape, enum.Enum):
        return {"enum": [str(member.value) for member in shape]}
    return {"type": "string", "minLength": 1} if issubclass(shape, PurePath) else dict(TEXT)


def _fits_a_number(pattern: str) -> bool:
    """Return whether an editor may take this text, unquoted, for a number (0644)."""
    return re.search(pattern, "644") is not None


_PLAIN: Final[Mapping[Any, Json]] = {
    str: TEXT,
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    Map: {"type": "object"},
    Seq: {"type": "array"},
    Scalar: TEXT,
}
