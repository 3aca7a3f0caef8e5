"""Keys with values, as Compose lets people write them: as a mapping, or as a list of KEY=VALUE. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from agent.model import quoted

Pairs: TypeAlias = Mapping[str, str | None] | tuple[str, ...]

RESERVED: Final = "io.trued."  # labels that begin so are trued's own


def labels_of(written: Pairs) -> Mapping[str, str]:
    """Return labels by their keys; one without a value is empty. Raises ValueError."""
    labels = pairs_of(written, "labels")
    if taken := sorted(key for key in labels if key.startswith(RESERVED)):
        raise ValueError(f"labels: those that begin with {RESERVED} are trued's own, got {quoted(taken[0])}")
    return labels


def pairs_of(written: Pairs, where: str) -> Mapping[str, str]:
    """Return values by their keys; raises ValueError for a key that is empty, or there twice."""
    if isinstance(written, Mapping):
        found = [(key, value or "") for key, value in written.items()]
    else:
        found = [(line.partition("=")[0], line.partition("=")[2]) for line in written]
    pairs: dict[str, str] = {}
    for key, value in found:
        if not key or not key.isprintable():
            raise ValueError(f"{where}: expected a key, as in KEY=VALUE, got {quoted(key)}")
        if key in pairs:
            raise ValueError(f"{where}: {quoted(key)} is given twice")
        pairs[key] = value
    return pairs
