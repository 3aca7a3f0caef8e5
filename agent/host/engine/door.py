"""
The way to the engine: one connection, opened when it is first needed and anew when it broke; what is remembered of containers.

A step may take minutes: it is done by a thread of its own, while the one that decides shows life. Acts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.host.engine.registry import Registries
from agent.host.servers import Engine
from agent.model import EngineStep, ResourceId, predecessor, successor
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.host.engine.client import Client
    from agent.host.engine.events import Listener
    from agent.host.engine.look import Remembered

BEAT: Final = 2.0  # seconds between two signs of life


def _nobody() -> None:
    return


@dataclass(slots=True)
class Door:
    """The engine of this host. Nothing is connected, and no library loaded, before it is asked."""

    socket: Path | None = None  # None: wherever one is found
    registries: Registries = field(default_factory=Registries)
    _client: Client | None = None
    _remembered: Remembered | None = None  # since the first connection
    _listener: Listener | None = None
    _wake: Callable[[frozenset[str]], None] | None = None

    def look(self, beat: Callable[[], None] = _nobody) -> Engine:
        """Return fresh eyes; raises HostError where no engine answers."""
        from agent.host.engine.look import EngineView  # noqa: PLC0415 - most hosts have no engine to look at

        client, remembered = self._connected()
        return EngineView(client, remembered, self.registries, beat)

    def perform(self, step: EngineStep, beat: Callable[[], None]) -> None:
        """Do one step; raises HostError."""
        from agent.host.engine.acts import LackError, act  # noqa: PLC0415

        client, remembered = self._connected()
        remembered.forget()  # whatever it does, and to whom: what is asked next is asked anew
        try:
            _attended(lambda: act(client, step, self.registries), beat)
        except LackError as error:
            remembered.lacking = {**remembered.lacking, **error.lacking}
            raise
        finally:
            remembered.forget()

    def listen(self, wake: Callable[[frozenset[str]], None]) -> None:
        """From the first look on, have `wake` called (by another thread) with the kinds to which something happened."""
        self._wake = wake

    @property
    def hears(self) -> frozenset[str]:
        """The kinds of which nothing goes unheard at this moment."""
        return self._listener.hears if self._listener is not None else frozenset()

    def others(self, ids: Collection[ResourceId], since: float) -> bool:
        """Say whether something has happened since then (time.monotonic) to other containers than these."""
        mine = [rid.name for rid in ids if rid.kind == "container"]
        # A container that is put is made under another name, and the one before goes under another.
        names = {*mine, *map(successor, mine), *map(predecessor, mine)}
        return self._listener is not None and self._listener.others(names, since)

    def drop(self) -> None:
        """Let go of the connection; the next question opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        self.drop()
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def _connected(self) -> tuple[Client, Remembered]:
        from agent.host.engine.client import Client, the_socket  # noqa: PLC0415
        from agent.host.engine.events import Listener  # noqa: PLC0415
        from agent.host.engine.look import Remembered  # noqa: PLC0415

        if self._remembered is None:
            self._remembered = Remembered()
        if self._client is not None and self._client.broken:
            self.drop()  # the engine that comes back may be another version
        try:
            if self._client is None:
                self._client = Client(the_socket(self.socket))
                self._remembered.lacking = {}
        finally:  # if it cannot be reached, too: then its ear is the one to tell when it can
            if self._wake is not None and self._listener is None:
                socket = self._client.socket if self._client is not None else self.socket
                self._listener = Listener(socket, self._remembered, self._wake)
                self._listener.start()
        return self._client, self._remembered


def _attended(work: Callable[[], None], beat: Callable[[], None]) -> None:
    """Do something that may take long, and show life meanwhile. What it raises is raised here."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed on, below
            raised.append(error)

    thread = threading.Thread(target=run, name="engine", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(BEAT)
        beat()
    if raised:
        raise raised[0]
