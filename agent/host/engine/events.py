"""
Listens to what happens in the engine, on a thread and a connection of its own: forgets what was known of a container that it
happens to, and wakes who decides. Decides nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from agent.errors import HostError
from agent.host.engine.client import Client, LateError, the_socket
from agent.host.engine.look import Remembered
from agent.model import Json

log = logging.getLogger(__name__)

SOON: Final = 1.0  # seconds before the engine is tried again; then twice as long each time,
LATE: Final = 60.0  # and at most this
ALIVE: Final = 600.0  # seconds of silence after which the engine is taken to hang, and asked anew

MANY: Final = 64  # events whose containers are remembered

# What may make a difference to somebody who keeps the host true. Not exec_*: each health check is three of these.
TELLING: Final = {
    "container": "create start restart die stop destroy remove rename update pause unpause oom health_status",
    "network": "connect disconnect create destroy remove",
    "volume": "create destroy remove prune",
    "image": "delete untag tag remove pull import load",
}

KINDS: Final = frozenset(
    TELLING
)  # what the engine has; what happens to one of them, others are told by as well


class Listener:
    """A thread that reads the stream of events until it is stopped; after a break it begins anew."""

    def __init__(
        self, socket: Path | None, remembered: Remembered, wake: Callable[[frozenset[str]], None]
    ) -> None:
        """`socket`: None for wherever one is found."""
        self._socket = socket
        self._remembered = remembered
        self._wake = wake
        self._pause = SOON
        self._lately: deque[tuple[float, str]] = deque(maxlen=MANY)  # the containers that events were of
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    @property
    def hears(self) -> frozenset[str]:
        """The kinds of which nothing goes unheard at this moment."""
        return KINDS if self._remembered.watched else frozenset()

    def others(self, names: Collection[str], since: float) -> bool:
        """Say whether something has happened since then (time.monotonic) to other containers than these."""
        return any(moment > since and name not in names for moment, name in tuple(self._lately))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end. It is a daemon thread, and may still wait for the engine: nobody waits for it."""
        self._stopped.set()
        self._remembered.watched = False

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
                self._remembered.lacking = {}  # the engine has ended
            except LateError:
                pass
            except HostError:  # whoever looks next meets the same trouble, and says it
                self._remembered.lacking = {}
            except Exception:
                log.exception("hearing of the engine ended in an unexpected error, and begins anew")
            finally:
                self._remembered.watched = False
            self._stopped.wait(self._pause)
            self._pause = min(LATE, self._pause * 2)

    def _listen(self) -> None:
        """Read events as long as they come. Raises HostError."""
        client = Client(the_socket(self._socket))
        try:
            filters = {"type": sorted(TELLING)}
            with client.lines("GET", "/events", {"filters": filters}, silence=ALIVE) as events:
                # From here on nothing is missed; what was read before may be old.
                self._remembered.forget()
                self._remembered.watched = True
                self._pause = SOON
                self._wake(KINDS)
                for event in events:
                    if self._stopped.is_set():
                        return
                    self._hear(event)
        finally:
            client.close()

    def _hear(self, event: Json) -> None:
        sort, action = str(event.get("Type")), str(event.get("Action")).partition(":")[0]
        if action not in TELLING.get(sort, "").split():
            return
        actor = event.get("Actor") or {}
        container = (
            actor.get("ID") if sort == "container" else (actor.get("Attributes") or {}).get("container")
        )
        self._remembered.forget(str(container or ""))
        if sort == "container":
            self._lately.append((time.monotonic(), str((actor.get("Attributes") or {}).get("name"))))
        # A container that goes has an image and volumes that are of no use any more.
        self._wake(KINDS)
