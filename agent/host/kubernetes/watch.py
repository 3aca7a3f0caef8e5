"""
Listens to what happens to the objects of this host in the cluster, and wakes who decides. Decides nothing, changes nothing.

One thread, and for each kind of object a connection with a watch of metadata (kubernetes.io/docs/reference/using-api/api-concepts:
Efficient detection of changes). Each begins with what there is; so nothing has to be remembered from one to the next.
"""

from __future__ import annotations

import json
import logging
import math
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import field
from typing import Final
from urllib.parse import urlencode

from agent.bugs import told
from agent.errors import HostError
from agent.host.kubernetes.client import Client
from agent.host.kubernetes.events import Events
from agent.host.kubernetes.kubeconfig import Kubeconfig
from agent.host.kubernetes.objects import collection
from agent.host.kubernetes.trouble import SilentError
from agent.host.kubernetes.wire import Wire
from agent.host.servers import ApiKind
from agent.model import OWNER, Json
from agent.values import dataclass

SOON: Final = 1.0  # seconds before a watch that has broken is begun anew; then twice as long each time,
LATE: Final = 60.0  # and at most this
LASTING: Final = 6 * 3600  # seconds: then the server ends a watch. A new one costs a look
SILENCE: Final = 60  # seconds after which the kernel asks whether the other end is still there
MOST: Final = 8 << 20  # bytes of an event
PIECE: Final = 1 << 16
KINDS: Final = frozenset({"manifest"})  # of which trued keeps what is in a cluster
PARTIAL: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watch:
    """A watch of one kind; without `wire` it has to be begun, at `due` (monotonic seconds)."""

    kind: ApiKind
    events: Events
    wire: Wire | None = None
    due: float = 0.0
    since: float = 0.0
    pause: float = SOON
    begun: bool = False  # the head of the answer was read
    rest: bytearray = field(default_factory=bytearray)


class Listener:
    """
    A thread that reads watches until it is stopped; after a break they begin anew.

    Where a look has found no server that is ready, it asks for one, too.
    """

    def __init__(self, kubeconfig: Kubeconfig, owner: str, wake: Callable[[frozenset[str]], None]) -> None:
        """`kubeconfig` is for this thread alone."""
        self._kubeconfig, self._owner, self._wake = kubeconfig, owner, wake
        self._expected: set[str] = set()
        self._heeded: set[ApiKind] = set()  # the thread's own copy is `_watches`
        self._watches: dict[ApiKind, _Watch] = {}
        self._moved = False  # something has that is no reason to look at once: a status
        self._knock_at = math.inf  # when to ask next whether the server is ready (monotonic seconds),
        self._knock_pause = SOON  # and how long to wait before it is asked
        self._stopped = threading.Event()
        self._prepare()

    def _prepare(self) -> None:
        """Have a thread that can be started: at first, and after one has ended in a bug."""
        self._watches.clear()
        self._ear, self._bell = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def heed(self, kind: ApiKind) -> None:
        """Listen to the objects of one more kind."""
        if kind in self._heeded and self._thread.is_alive():
            return
        self._heeded = {*self._heeded, kind}
        self._go_on()

    def knock(self) -> None:
        """Wake who decides once the server is ready, of which a look has just found that it is not."""
        if self._knock_at == math.inf:
            self._knock_at = time.monotonic() + self._knock_pause
            self._go_on()

    def let_in(self) -> None:
        """Know that a look has found the server ready."""
        self._knock_at, self._knock_pause = math.inf, SOON

    def _go_on(self) -> None:
        if self._thread.ident is not None and not self._thread.is_alive():
            self._prepare()
        if self._thread.ident is None:
            self._thread.start()
        self._ring()

    def begin(self) -> None:
        """Know that a look begins: it sees what has moved until now."""
        self._moved = False

    @property
    def hears(self) -> frozenset[str]:
        """What of nothing has gone unheard, and how it is has not moved, since the last look began."""
        watches = [self._watches.get(kind) for kind in self._heeded]
        whole = all(watch is not None and watch.wire is not None and watch.begun for watch in watches)
        return KINDS if whole and watches and not self._moved else frozenset()

    def expect(self, uid: str) -> None:
        """Know that this object goes because trued itself has told it to."""
        self._expected.add(uid)

    def stop(self) -> None:
        """Ask it to end. It is a daemon thread, and may still wait for an answer: nobody waits for it."""
        self._stopped.set()
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # closed by the thread as it ended
            self._bell.send(b"\0")

    def _run(self) -> None:
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        try:
            while not self._stopped.is_set():
                if time.monotonic() >= self._knock_at:
                    self._knock()
                self._begin()
                for key, _ in self._selector.select(self._until_due()):
                    if key.data is None:
                        self._ear.recv(PIECE)
                    else:
                        self._read(key.data)
        except Exception as error:  # noqa: BLE001 - whoever heeds next begins anew, and until then nothing is heard
            told(error)
        finally:
            for watch in self._watches.values():
                self._drop(watch)
            self._selector.close()
            self._ear.close()
            self._bell.close()

    def _until_due(self) -> float | None:
        waiting = [watch.due for watch in self._watches.values() if watch.wire is None]
        due = min([*waiting, self._knock_at])
        return max(0.0, due - time.monotonic()) if due < math.inf else None

    def _knock(self) -> None:
        """
        Ask once whether the server is ready; the next time later, unless a look has meanwhile found it so.

        Also if it is: what else a look lacks is asked for by the next one, and not by one a second.
        """
        self._knock_pause = min(LATE, self._knock_pause * 2)
        try:
            client = Client(self._kubeconfig)
            try:
                client.begin()
                client.ready()
            finally:
                client.close()
        except HostError:
            self._knock_at = time.monotonic() + self._knock_pause
            return
        self._knock_at = math.inf
        for watch in self._watches.values():
            watch.due = 0.0
        self._wake(KINDS)

    def _begin(self) -> None:
        """Begin those that are due. What has happened before is for the look that follows."""
        for kind in self._heeded - self._watches.keys():
            self._watches[kind] = _Watch(kind, Events(self._expected))
        anew = [w for w in self._watches.values() if w.wire is None and w.due <= time.monotonic()]
        other: Wire | None = None
        for watch in anew:
            if self._stopped.is_set():
                return
            try:
                other = watch.wire = self._opened(watch.kind, other)
            except HostError:  # whoever looks next meets the same trouble, and says it
                self._fail(watch)
            except Exception as error:  # noqa: BLE001 - of one kind only
                told(error)
                self._fail(watch)
            else:
                watch.events, watch.begun, watch.since = Events(self._expected), False, time.monotonic()
                watch.rest.clear()
                self._selector.register(watch.wire.sock, selectors.EVENT_READ, watch)

    def _opened(self, kind: ApiKind, other: Wire | None) -> Wire:
        access = self._kubeconfig.access()
        wire = Wire(access, other)
        query = {"watch": "true", "labelSelector": f"{OWNER}={self._owner}", "timeoutSeconds": LASTING}
        wire.send_only(f"{collection(kind)}?{urlencode(query)}", {"User-Agent": "trued", "Accept": PARTIAL})
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE)
        return wire

    def _read(self, watch: _Watch) -> None:
        """Read what has come. TLS may have decrypted more than was asked for, which no selector knows of."""
        assert watch.wire is not None  # noqa: S101 # for the type checker: only those are waited for
        try:
            while piece := watch.wire.sock.recv(PIECE):
                watch.rest += piece
                for event in _events(watch):
                    if event is None or watch.events.tells(event):
                        self._wake(KINDS)
                    elif event.get("type") == "MODIFIED":
                        self._moved = True
        except ssl.SSLWantReadError:
            return
        except (OSError, SilentError, ValueError, LookupError, TypeError, AttributeError) as error:
            log.debug("the watch of %s broke off: %s", watch.kind.plural, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - of one kind only
            told(error)
        self._fail(watch)

    def _fail(self, watch: _Watch) -> None:
        """Have a watch begin anew: soon if it has lasted, ever later if not."""
        self._drop(watch)
        if watch.begun and time.monotonic() - watch.since > LATE:
            watch.pause = SOON
        watch.due, watch.pause = time.monotonic() + watch.pause, min(LATE, watch.pause * 2)

    def _drop(self, watch: _Watch) -> None:
        if watch.wire is not None:
            with suppress(KeyError, ValueError):  # it was not waited for yet
                self._selector.unregister(watch.wire.sock)
            watch.wire.close()
            watch.wire = None


def _events(watch: _Watch) -> Iterator[Json | None]:
    """Yield the events that are there as a whole; None when a watch has begun. Raises SilentError, ValueError."""
    if not watch.begun:
        head, end, rest = watch.rest.partition(b"\r\n\r\n")
        if not end:
            return
        if head.split(None, 2)[1] != b"200":
            raise SilentError("no watch")
        watch.begun, watch.rest = True, rest
        yield None
    *lines, watch.rest = watch.rest.split(b"\n")
    for line in lines:
        event = json.loads(line)
        if event.get("type") == "ERROR":
            raise SilentError("the watch has ended")
        yield event
    if len(watch.rest) > MOST:
        raise SilentError("an event that has no end")
