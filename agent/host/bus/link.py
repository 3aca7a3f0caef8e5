"""
One connection to the system bus, or to systemd itself: calls, and the signals that come meanwhile.

https://dbus.freedesktop.org/doc/dbus-specification.html, "Authentication Protocol"; EXTERNAL: by the user that the kernel names.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from agent.errors import HostError
from agent.host import shown
from agent.host.bus import wire
from agent.host.bus.wire import Field, Message, Sort

BUS: Final = "run/dbus/system_bus_socket"
PRIVATE: Final = "run/systemd/private"  # for root alone, and of systemd alone; systemctl(1) uses it
DRIVER: Final = "org.freedesktop.DBus"
WAIT: Final = 5.0  # seconds for an answer
Hear: TypeAlias = Callable[[Message], None]
Asked: TypeAlias = tuple[
    str, str, tuple[str | Sequence[str], ...]
]  # an object, interface.member, and its words
_MOST: Final = 1 << 16  # bytes that are read at once
_LINE: Final = 4096  # bytes of a line while it authenticates


class DeniedError(HostError):
    """The bus, or systemd, answered with an error; the connection is as good as before. `name` is that of the error."""

    def __init__(self, member: str, answer: Message) -> None:
        self.name = answer.text(Field.ERROR_NAME)
        words = answer.body[0] if answer.body and isinstance(answer.body[0], str) else ""
        super().__init__(f"{member}: {self.name}{words and f': {shown(words)}'}")


class Link:
    """
    A connection that is open; `hear` gets each signal. What it raises is HostError; then it is of no more use.

    `wait`: seconds for an answer. `largest`: bytes of a message.
    """

    def __init__(
        self,
        plug: socket.socket,
        hear: Hear,
        *,
        bus: bool,
        wait: float = WAIT,
        largest: int = wire.LARGEST,
    ) -> None:
        self.bus = bus
        self._hear = hear
        self._plug = plug
        self._wait = wait
        self._largest = largest
        self._data = bytearray()
        self._serial = 0
        try:
            self._authenticate()
            if bus:
                self.call(DRIVER, "/org/freedesktop/DBus", "org.freedesktop.DBus.Hello")
        except HostError:
            self.close()
            raise

    def call(self, destination: str, path: str, member: str, *words: str | Sequence[str]) -> Message:
        """Return the answer, once the signals that come before it are heard. Raises HostError, DeniedError for an error."""
        (answer,) = self.calls(destination, ((path, member, words),))
        if isinstance(answer, DeniedError):
            raise answer
        return answer

    def calls(self, destination: str, asked: Sequence[Asked]) -> Sequence[Message | DeniedError]:
        """Return the answers to calls that are made all at once: none waits for the one before. Raises HostError."""
        members = {self._serial + at: member for at, (_, member, _) in enumerate(asked, 1)}
        name = destination if self.bus else ""
        self._send(
            b"".join(
                wire.call(serial, name, path, member, *words)
                for serial, (path, member, words) in zip(members, asked, strict=True)
            )
        )
        self._serial += len(asked)
        answers: dict[int, Message | DeniedError] = {}
        until = time.monotonic() + self._wait
        while len(answers) < len(members):
            if time.monotonic() > until:
                raise HostError("the bus does not answer for all it says")
            message = self._next()
            if message is None:
                self._receive(until)
            elif message.sort == Sort.SIGNAL:
                self._hear(message)
            elif isinstance(serial := message.fields.get(Field.REPLY_SERIAL), int) and serial in members:
                failed = message.sort == Sort.ERROR
                answers[serial] = DeniedError(members[serial], message) if failed else message
        return [answers[serial] for serial in members]

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
        length = wire.size(bytes(self._data[: wire.HEAD]), self._largest)
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
        until = time.monotonic() + self._wait
        while b"\r\n" not in self._data:
            if len(self._data) > _LINE:
                raise HostError("the bus does not answer as one")
            self._receive(until)
        line, _, rest = bytes(self._data).partition(b"\r\n")
        if not line.startswith(b"OK ") or (rest and rest[0] not in wire.ORDERS):
            raise HostError("the bus does not let this user in")
        self._data[:] = rest


def connect(root: Path, hear: Hear) -> Link:
    """Return a connection to the bus, or else to systemd; raises HostError."""
    try:
        return Link(plugged(root, BUS), hear, bus=True)
    except (FileNotFoundError, ConnectionRefusedError):
        pass
    except OSError as error:
        raise HostError(f"/{BUS}: {error.strerror or error}") from error
    try:
        return Link(plugged(root, PRIVATE), hear, bus=False)
    except OSError as error:
        raise HostError(f"/{BUS}: there is no system bus; /{PRIVATE}: {error.strerror or error}") from error


def plugged(root: Path, path: str, wait: float = WAIT) -> socket.socket:
    """Return a socket that is connected; raises OSError."""
    plug = socket.socket(socket.AF_UNIX)
    try:
        plug.settimeout(wait)
        plug.connect(str(root / path))
    except OSError:
        plug.close()
        raise
    return plug
