"""The deb822 style of sources.list(5): stanzas of fields, written and read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from agent.kinds._words import HEADER

Stanza: TypeAlias = Mapping[str, tuple[str, ...]]
"""The words of each field, by its name in small letters."""

_YES: Final = frozenset(("yes", "true", "with", "on", "enable", "1"))  # as apt reads a boolean


def written(fields: Iterable[tuple[str, str]]) -> str:
    """Return a file of one stanza; no value has a line end."""
    return HEADER + "".join(f"{name}: {value}\n" for name, value in fields if value)


def stanzas(text: str) -> tuple[Stanza, ...]:
    """Return what a file says; what is no field says nothing."""
    return tuple(_stanzas(text))


def plain(stanza: Stanza) -> Stanza:
    """Return a stanza that says whether it is enabled only if it is not, and in one word."""
    enabled = " ".join(stanza.get("enabled", ("yes",))).lower() in _YES
    rest = {name: words for name, words in stanza.items() if name != "enabled"}
    return rest if enabled else {**rest, "enabled": ("no",)}


def _stanzas(text: str) -> Iterator[Stanza]:
    fields: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in (*text.splitlines(), ""):
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            fields[name] = (*fields.get(name, ()), *line.split())
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = tuple(value.split())
