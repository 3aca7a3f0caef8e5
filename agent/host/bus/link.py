"""
One connection to the system bus, or to systemd itself where there is no bus: calls, and the signals that come meanwhile.

https://dbus.freedesktop.org/doc/dbus-specification.html, "Authentication Protocol"; EXTERNAL: by the user that the kernel names.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.errors import HostError
from agent.host.bus import wire
from agent.host.bus.wire import Field, Message, Sort

BUS: Final = "run/dbus/system_bus_socket"
PRIVATE: Final = "run/systemd/private"  # for root alone, and of systemd alone; systemctl(1) uses it
DRIVER: Final = "org.freedesktop.DBus"
WAIT: Final = 5.0  # seconds for an answer
_MOST: Final = 1 << 16  # bytes that are read at once
_LINE: Final = 4096  # bytes of a line while it authenticates


class Link:
    """A connection that is open; `hear` gets each signal. What it raises is HostError; then it is of no more use."""

    def __init__(self, plug: socket.socket, hear: Callable[[Message], None], *, bus: bool) -> None:
        self.bus = bus
        self._hear = hear
        self._plug = plug
        self._data = bytearray()
        self._serial = 0
        try:
            self._authenticate()
            if bus:
                self.call(DRIVER, "/org/freedesktop/DBus", "org.freedesktop.DBus.Hello")
        except HostError:
            self.close()
            raise

    def call(self, destination: str, path: str, member: str, *words: str) -> Message:
        """Return the answer, once the signals that come before it are heard. Raises HostError, DeniedError for an error."""
        self._serial += 1
        self._send(wire.call(self._serial, destination if self.bus else "", path, member, *words))
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            message = self._next()
            if message is None:
                self._receive(until)
            elif message.sort == Sort.SIGNAL:
                self._hear(message)
            elif message.fields.get(Field.REPLY_SERIAL) == self._serial:
                if message.sort == Sort.ERROR:
                    raise DeniedError(f"{member}: {message.text(Field.ERROR_NAME)}")
                return message
        raise HostError("the bus does not answer for all it says")

    def read(self) -> None:
        """Take in what has come, which is something: see poll(2)."""
        self._receive(time.monotonic())
        self.drain()

    def drain(self) -> None:
        """Hear what has come together with an answer: poll(2) knows nothing of it any more."""
        while (message := self._next()) is not None:
            if message.sort == Sort.SIGNAL:
                self._hear(message)

    def fileno(self) -> int:
        return self._plug.fileno()

    def close(self) -> None:
        self._plug.close()

    def _next(self) -> Message | None:
        """Return the next whole message of what was received."""
        if len(self._data) < wire.HEAD:
            return None
        length = wire.size(bytes(self._data[: wire.HEAD]))
        if len(self._data) < length:
            return None
        message = wire.parse(bytes(self._data[:length]))
        del self._data[:length]
        return message

    def _receive(self, until: float) -> None:
        waiting = select.poll()
        waiting.register(self._plug, select.POLLIN)
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise HostError("the bus does not answer")
        try:
            data = self._plug.recv(_MOST)
        except OSError as error:
            raise HostError(f"the bus is gone: {error.strerror}") from error
        if not data:
            raise HostError("the bus has hung up")
        self._data += data

    def _send(self, data: bytes) -> None:
        try:
            self._plug.sendall(data)  # with the time limit of the socket
        except OSError as error:
            raise HostError(f"the bus takes nothing: {error}") from error

    def _authenticate(self) -> None:
        """
        Say who we are, and begin at once, as sd-bus does; the first call waits for the answer.

        systemd leaves a call that it reads together with BEGIN lying until more comes. What follows the answer is a message.
        """
        user = str(os.geteuid()).encode().hex().encode()
        self._send(b"\0AUTH EXTERNAL " + user + b"\r\nBEGIN\r\n")
        until = time.monotonic() + WAIT
        while b"\r\n" not in self._data:
            if len(self._data) > _LINE:
                raise HostError("the bus does not answer as one")
            self._receive(until)
        line, _, rest = bytes(self._data).partition(b"\r\n")
        if not line.startswith(b"OK ") or (rest and rest[0] not in wire.ORDERS):
            raise HostError("the bus does not let this user in")
        self._data[:] = rest


class DeniedError(HostError):
    """The bus, or systemd, answered with an error; the connection is as good as before."""


def connect(root: Path, hear: Callable[[Message], None]) -> Link:
    """Return a connection to the bus, or else to systemd; raises HostError."""
    try:
        return Link(_plugged(root / BUS), hear, bus=True)
    except (FileNotFoundError, ConnectionRefusedError):
        pass
    except OSError as error:
        raise HostError(f"/{BUS}: {error.strerror or error}") from error
    try:
        return Link(_plugged(root / PRIVATE), hear, bus=False)
    except OSError as error:
        raise HostError(f"/{BUS}: there is no system bus; /{PRIVATE}: {error.strerror or error}") from error


def _plugged(path: Path) -> socket.socket:
    plug = socket.socket(socket.AF_UNIX)
    try:
        plug.settimeout(WAIT)
        plug.connect(str(path))
    except OSError:
        plug.close()
        raise
    return plug
