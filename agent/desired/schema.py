"""The JSON Schema of fleet.yaml and of state documents, for editors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.desired.entries import META, Meta
from agent.desired.fleet import FleetFile, LayerEntry
from agent.desired.section import COMPOSE, Section
from agent.documents.fields import fields
from agent.documents.schema import DIALECT, NULL, TEXT, VARIABLE, Definitions, Json, either, schema
from agent.kinds import AnyKind
from agent.model import ResourceId


def document_schema(kinds: Mapping[str, AnyKind]) -> Json:
    """
    Return the schema of one state document.

    As a layer may say it: what another layer gives may be missing, null takes away, a variable stands anywhere.
    """
    definitions = Definitions(layered=True)
    sections = {kind.section: _section(kind, definitions) for kind in (*kinds.values(), COMPOSE)}
    return {
        "$schema": DIALECT,
        "title": "trued: a state document",
        "type": ["object", "null"],
        "properties": sections,
        "additionalProperties": False,
        "$defs": definitions.made,
    }


def _section(kind: Section, definitions: Definitions) -> Json:
    name = f"entry-of-{kind.section}"
    definitions.made[name] = _entry(kind, definitions)
    shapes: list[Json] = [{"$ref": f"#/$defs/{name}"}, NULL]
    if kind.shorthand:
        shapes.append(definitions.of(fields(_spec(kind))[kind.shorthand].shape))
    if not kind.verbatim:
        shapes.append(VARIABLE)
    one = either(*shapes)
    return one if kind.only else {"type": ["object", "null"], "additionalProperties": one}


def _entry(kind: Section, definitions: Definitions) -> Json:
    own, meta = definitions.record(_spec(kind)), definitions.record(Meta)
    listening = definitions.of(tuple[ResourceId, ...])
    triggers = {key: {"description": "what it listens to", **listening} for key in kind.triggers}
    return own | {"properties": own["properties"] | meta["properties"] | triggers}


def _spec(kind: Section) -> Any:
    spec: Any = kind.spec
    clash = META & fields(spec).keys()
    if clash:
        raise TypeError(f"{kind.section}: {', '.join(sorted(clash))} belongs to every entry, not to a kind")
    return spec


def fleet_schema() -> Json:
    """Return the schema of fleet.yaml."""
    whole = schema(FleetFile)
    definitions = Definitions()
    layer = definitions.record(LayerEntry)
    conditions = {
        "type": "object",
        "propertyNames": {"pattern": r"^(host|(labels|facts)\..+)$"},
        "additionalProperties": either(TEXT, {"type": "array", "items": TEXT}),
    }
    layer["properties"]["when"] |= either(conditions, NULL)
    made = whole["$defs"] | definitions.made
    made["FleetFile"]["properties"]["layers"]["items"] = either(TEXT, layer)
    return {**whole, "$defs": made}
