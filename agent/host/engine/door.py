"""The way to the engine: one connection, what is remembered of containers until something happens to them. Acts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.errors import HostError
from agent.host import Engine
from agent.model import EngineStep


class Door:
    """The engine of this host. Nothing is connected before it is asked."""

    def __init__(self, socket: Path | None = None) -> None:
        self._socket = socket

    def look(self) -> Engine:
        """Return fresh eyes; raises HostError where no engine answers."""
        raise HostError("no container engine answers on this host")

    def perform(self, step: EngineStep, beat: Callable[[], None]) -> None:
        """Do one step; raises HostError."""
        del step, beat
        raise HostError("no container engine answers on this host")
