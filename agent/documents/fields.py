"""Which keys a dataclass has in a document. Pure."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, get_type_hints

from agent.values import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One key that a record may have."""

    name: str
    key: str
    shape: Any
    required: bool
    secret: bool
    doc: str


@functools.cache
def fields(shape: type) -> Mapping[str, Field]:
    """Return the keys that a document may give for a dataclass, in their order."""
    hints = get_type_hints(shape)
    given = (each for each in dataclasses.fields(shape) if each.init and not each.metadata.get("hidden"))
    return {(one := _field(each, hints[each.name])).key: one for each in given}


def _field(field: dataclasses.Field[Any], shape: Any) -> Field:
    return Field(
        name=field.name,
        key=field.name.removesuffix("_"),
        shape=shape,
        required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        secret=bool(field.metadata.get("secret")),
        doc=field.metadata.get("doc", ""),
    )
