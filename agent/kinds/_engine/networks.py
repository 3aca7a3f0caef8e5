"""A network as it is declared; or as it follows from a container that names none. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """The keys of a network of the Compose specification (06-networks.md)."""

    implied: bool = field(default=False, metadata={"hidden": True})
