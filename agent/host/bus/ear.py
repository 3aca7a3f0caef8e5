"""
Hears of what happens to the units that are kept, on a thread of its own, and wakes who decides. Decides nothing.

docs/decisions/0019 says what counts. The thread sleeps in poll(2) until the bus has something for it.
"""

from __future__ import annotations

import logging
import math
import os
import select
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.errors import HostError
from agent.host.bus import units
from agent.host.bus.link import DRIVER, DeniedError, Link, connect
from agent.host.bus.units import MANAGER, PROPERTIES, SYSTEMD
from agent.host.bus.wire import Field, Message
from agent.model import ResourceId

log = logging.getLogger(__name__)

NEWS: Final = frozenset({"unit"})  # what is told: the kind whose things may be otherwise now
GATHER: Final = 0.005  # seconds between two readings: one for a burst, and not one for each message
SOON: Final = 0.1  # seconds before the bus is tried again; then twice as long each time,
LATE: Final = 60.0  # and at most this
PROMPT: Final = 0.5  # seconds for which a look waits for the bus; then it goes on without
FEW: Final = 5  # attempts in a row after which it is told that nothing is heard
UNSURE: Final = (
    150.0  # seconds in which a unit may be otherwise than was told: two usual intervals, and some more
)
_ALL: Final = ""  # beside the names: something that may be about any unit


class UnitEar:
    """
    Listens for the units that are kept. Between `attend` and `rest` a look is at work: then it only takes notes.

    All but the thread's own work is called by one thread.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._wake: Callable[[frozenset[str]], None] | None = None
        self._ear: _Ear | None = None
        self._places: Collection[str] = ()
        self._names: frozenset[str] = frozenset()
        self.notices: tuple[str, ...] = ()  # why nothing is heard, for a person

    @property
    def hears(self) -> frozenset[str]:
        """
        The kind, while it is told of what happens, and nothing has happened of late that it keeps to itself.

        A service that systemd starts again by itself tells no drift; one that ends again and again is found by looking.
        """
        ear = self._ear
        sure = ear is not None and ear.hears.is_set() and time.monotonic() - ear.moved > UNSURE
        return NEWS if sure else frozenset()

    def listen(self, wake: Callable[[frozenset[str]], None]) -> None:
        """From the next look on, have `wake` called by another thread when something happens to a unit that is kept."""
        self._wake = wake

    def attend(self, places: Collection[str]) -> frozenset[str]:
        """
        Begin a look: hear of the units among these places from now on. Opens nothing where there are none.

        Returns what has happened that was not told.
        """
        if places is not self._places:
            self._places, self._names = places, units.names(places)
        ear = self._listening()
        if ear is None:
            return frozenset()
        self._say(ear.trouble)
        return NEWS if ear.begin(self._names) else frozenset()

    def seen(self, places: Collection[str]) -> None:
        """These are about to be looked at again: what has happened to them until now, be it our own work, will be seen."""
        if self._ear is not None and (names := units.names(places)):
            self._ear.forget(names)

    def others(self, ids: Collection[ResourceId], since: float) -> bool:  # noqa: ARG002 - notes begin with the look
        """Say whether something has happened to other units since the look began, that was not seen."""
        names = {rid.name for rid in ids if rid.kind in NEWS}
        return self._ear is not None and self._ear.noted(besides=names)

    def rest(self, *, well: bool) -> None:
        """End a look. Not `well`: what was to be seen may have been somebody else's work after all, and counts."""
        if self._ear is not None:
            self._ear.end(well=well)

    def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _listening(self) -> _Ear | None:
        if self._ear is not None and (not self._names or not self._ear.is_alive):
            self.close()
        if self._ear is None and self._names and self._wake is not None:
            self._ear = _Ear(self._root, self._wake)
        return self._ear

    def _say(self, trouble: str) -> None:
        """Log it once, and have it in each report for as long as it is so."""
        notice = f"systemd is not heard, and what happens to units is found at the interval only: {trouble}"
        notices = (notice,) if trouble else ()
        if notices and not self.notices:
            log.warning("%s", notice)
        if self.notices and not notices:
            log.info("what happens to units is heard of again")
        self.notices = notices


class _Ear:
    """The thread, its connection, and what was heard and not told yet."""

    def __init__(self, root: Path, wake: Callable[[frozenset[str]], None]) -> None:
        self.hears = threading.Event()
        self.trouble = ""  # why it has not heard anything for a while
        self.moved = -math.inf  # when something last happened that is not told (monotonic seconds)
        self._root = root
        self._wake = wake
        self._lock = threading.Lock()  # for all that follows
        self._names: frozenset[str] = frozenset()
        self._busy = True  # it is made when a look begins
        self._heard: set[str] = set()
        self._forgiven: set[str] = set()  # what was heard, and then looked at again
        # Of the thread alone:
        self._known: dict[str, str] = {}  # the names of what is asked for, by the object that the unit is
        self._rules: frozenset[str] = frozenset()
        self._states: dict[str, str] = {}  # what was last heard of each, by its object
        self._systemd = ""  # its name on the bus
        self._links = 0  # connections that were made
        self._stale = False  # a unit may go by another name than it did
        self._stopped = threading.Event()
        self._asked: threading.Event | None = (
            None  # is set once all is heard that has happened until it was put here
        )
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="units", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def begin(self, names: frozenset[str]) -> bool:
        """Only take notes from now on; of these units. Return whether something was heard and not told."""
        new = names != self._names
        with self._lock:
            self._names, self._busy = names, True
        if new:
            self._catch_up()
        with self._lock:
            untold = bool(self._heard)
            self._heard.clear()
            self._forgiven.clear()
        return untold

    def forget(self, names: Collection[str]) -> None:
        """Unlike the kernel's, these words take their time: first all is heard that has happened until now."""
        links = self._links
        if not self.hears.is_set() or not self._catch_up() or self._links != links:
            return  # what happened until it was heard again is not known
        with self._lock:
            found = self._heard.intersection((*names, _ALL))
            self._forgiven |= found
            self._heard -= found

    def noted(self, *, besides: Collection[str]) -> bool:
        """Say whether a unit by name was heard of: our own work makes what may be about any."""
        with self._lock:
            return not self._heard.issubset((*besides, _ALL))

    def end(self, *, well: bool) -> None:
        """Tell what was noted."""
        with self._lock:
            self._busy = False
            tells = bool(self._heard or (self._forgiven and not well))
            self._heard.clear()
        if tells:
            self._wake(NEWS)

    def close(self) -> None:
        self._stopped.set()
        os.eventfd_write(self._bell, 1)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            os.close(self._bell)

    def _catch_up(self) -> bool:
        """Wait until the thread has heard all that has happened until now; return whether it has, in time."""
        asked = self._asked = threading.Event()
        os.eventfd_write(self._bell, 1)
        if not asked.wait(PROMPT):
            self._asked = None  # nobody waits any more: whoever hears from now on has to say so
        return asked.is_set()

    def _note(self, *names: str) -> None:
        with self._lock:
            self._heard.update(names)
            tells = not self._busy
            if tells:
                self._heard.clear()
        if tells:
            self._wake(NEWS)

    def _run(self) -> None:
        try:
            self._go_on()
        except Exception:
            log.exception("hearing of units ended in an unexpected error, and begins anew")
            self._wake(NEWS)  # the look that follows finds this thread dead
        finally:
            self.hears.clear()

    def _go_on(self) -> None:
        pause, failures = SOON, 0
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._listen()
            except HostError as error:
                failures = 0 if self.hears.is_set() else failures + 1
                self.trouble = str(error) if failures >= FEW else ""
            self.hears.clear()
            self._stopped.wait(pause)
            pause = SOON if time.monotonic() - began > LATE + pause else min(LATE, pause * 2)

    def _listen(self) -> None:
        """Hear for as long as the connection lasts. Raises HostError."""
        link = connect(self._root, self._hear)
        try:
            self._subscribe(link)
            waiting = select.poll()
            waiting.register(link, select.POLLIN)
            waiting.register(self._bell, select.POLLIN)
            asked = select.poll()
            asked.register(self._bell, select.POLLIN)
            while not self._stopped.is_set():
                link.drain()
                if self._stale:
                    self._choose(link)
                    continue
                ready = {descriptor for descriptor, _ in waiting.poll()}
                if link.fileno() in ready:
                    link.read()
                if self._bell in ready:
                    self._answer(link)
                asked.poll(GATHER * 1000)  # who asks meanwhile need not wait
        finally:
            link.close()

    def _subscribe(self, link: Link) -> None:
        """Have all told that is to be heard. What was before is not known, so that somebody has to look."""
        self._known, self._rules, self._states, self._systemd = {}, frozenset(), {}, SYSTEMD
        self._choose(link)
        if link.bus:
            found = link.call(DRIVER, "/org/freedesktop/DBus", f"{DRIVER}.GetNameOwner", SYSTEMD).body
            self._systemd = str(found[0]) if found else ""
            link.call(SYSTEMD, MANAGER, f"{SYSTEMD}.Manager.Subscribe")
        self.trouble = ""
        self.hears.set()
        self._links += 1
        if self._asked is None or self._links > 1:  # the first is made for a look, which sees everything
            self._note(_ALL)

    def _choose(self, link: Link) -> None:
        """Ask for what happens to the units that are kept, each by the name that is its own: one may have several."""
        self._stale = False
        known = {units.path_of(name): name for name in self._names}
        for name in self._names:
            with suppress(DeniedError):  # one that cannot be loaded: its own name is as good as any
                found = link.call(SYSTEMD, MANAGER, f"{SYSTEMD}.Manager.LoadUnit", name).body
                known[str(found[0]) if found else ""] = name
        self._known = known
        if link.bus:
            self._ask_for(link, frozenset(units.rules(known)))
        for path in known:
            self._learn(link, path)

    def _learn(self, link: Link, path: str) -> None:
        """Ask how a unit is, so that the first that is told of it is no news if it is not."""
        if path not in self._states:
            with suppress(DeniedError):
                found = link.call(SYSTEMD, path, f"{PROPERTIES}.Get", units.UNIT, "ActiveState").body
                self._states[path] = str(found[0]) if found else ""

    def _ask_for(self, link: Link, rules: frozenset[str]) -> None:
        for rule in sorted(rules - self._rules):
            link.call(DRIVER, "/org/freedesktop/DBus", f"{DRIVER}.AddMatch", rule)
        for rule in sorted(self._rules - rules):
            link.call(DRIVER, "/org/freedesktop/DBus", f"{DRIVER}.RemoveMatch", rule)
        self._rules = rules

    def _answer(self, link: Link) -> None:
        """Hear all that has happened until now: systemd answers a question after what it has told before."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        asked, self._asked = self._asked, None
        if frozenset(self._known.values()) != self._names:
            self._choose(link)
        if asked is not None:
            link.call(SYSTEMD, MANAGER, "org.freedesktop.DBus.Peer.Ping")
            asked.set()

    def _hear(self, message: Message) -> None:
        """Raises HostError when systemd is another one now: it knows nothing of who listened to the one before."""
        owner = units.owner(message) if self._systemd else None
        if owner is not None and owner != self._systemd:
            raise HostError("systemd begins anew")
        if message.text(Field.SENDER) != self._systemd:  # anybody may send us a signal
            return
        if units.is_of_all(message):
            self._stale = True
            self._note(_ALL)
            return
        path, state = message.text(Field.PATH), units.settled(message)
        if path in self._known and not state:
            self.moved = time.monotonic()
        elif path in self._known and self._states.get(path) != state:
            self._states[path] = state
            self._note(self._known[path])
