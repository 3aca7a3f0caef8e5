"""Which containers use something, as messages tell of them; and which of them trued did not make."""

from __future__ import annotations

from collections.abc import Collection

from agent.host.servers import Engine
from agent.kinds._engine.names import DECLARED
from agent.model import few


def strangers_among(engine: Engine, names: Collection[str]) -> tuple[str, ...]:
    """Return those of these containers that trued did not make: its own are changed, or go, before what they use does."""
    found = engine.containers(names) if names else {}
    return tuple(
        name
        for name, container in found.items()
        if DECLARED not in (container["Config"].get("Labels") or {})
    )


def containers(names: Collection[str]) -> str:
    return f"{'container' if len(names) == 1 else 'containers'} {few(names)}"


def used_by_strangers(names: Collection[str]) -> str:
    """Return that somebody else's containers use something, or nothing if there are none."""
    return f"used by {containers(names)}, which trued did not make" if names else ""
