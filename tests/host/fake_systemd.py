"""
A systemd that keeps the state of its units, and tells of them on a real dbus-daemon, or to who connects to it itself.

Its bytes are made here, by the specification, and not by the code that is tested; a dbus-daemon lets no wrong ones through.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from agent.host.bus.link import BUS, PRIVATE
from tests.waiting import until

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = "/org/freedesktop/systemd1"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow send_type="signal"/>
<allow receive_type="signal"/><allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/></policy></busconfig>
"""


@contextmanager
def bus(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a dbus-daemon where a host has its system bus."""
    path = root / BUS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    config = root / "bus.conf"
    config.write_text(CONFIG.format(path=path))
    with subprocess.Popen(["dbus-daemon", "--nofork", f"--config-file={config}"]) as daemon:
        try:
            until(lambda: _listens(path))  # it is there a moment before it can be connected to
            yield daemon
        finally:
            daemon.kill()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as plug:
        return plug.connect_ex(str(path)) == 0


def put(data: bytearray, kind: str, value: Any) -> None:
    """Append a value of one complete type."""
    code = kind[0]
    align = {"y": 1, "g": 1, "v": 1, "t": 8, "(": 8, "{": 8}.get(code, 4)
    data += bytes(-len(data) % align)
    if code in "ybiut":
        data += struct.pack({"y": "<B", "b": "<I", "i": "<i", "u": "<I", "t": "<Q"}[code], value)
    elif code in "so":
        data += struct.pack("<I", len(value)) + value.encode() + b"\0"
    elif code == "g":
        data += bytes((len(value),)) + value.encode() + b"\0"
    elif code == "v":
        put(data, "g", value[0])
        put(data, *value)
    elif code == "a":
        at = len(data)
        data += bytes(4)
        data += bytes(-len(data) % (8 if kind[1] in "({t" else 4 if kind[1] in "usoab" else 1))
        begin = len(data)
        for each in value.items() if isinstance(value, dict) else value:
            put(data, kind[1:], each)
        struct.pack_into("<I", data, at, len(data) - begin)
    else:
        for each, part in zip(re.findall(r"a?\(.*\)|a\{.*\}|a?.", kind[1:-1]), value, strict=True):
            put(data, each, part)


def message(sort: int, serial: int, signature: str = "", *body: Any, **fields: Any) -> bytes:
    """Return a message; fields by their names: path, interface, member, reply, destination."""
    kinds = {
        "path": (1, "o"),
        "interface": (2, "s"),
        "member": (3, "s"),
        "error": (4, "s"),
        "reply": (5, "u"),
    }
    kinds |= {"destination": (6, "s"), "sender": (7, "s")}
    header = [(kinds[name][0], (kinds[name][1], value)) for name, value in fields.items()]
    if signature:
        header.append((8, ("g", signature)))
    content = bytearray()
    for each, value in zip(re.findall(r"a\{..\}|a?\(.*?\)|a?.", signature), body, strict=True):
        put(content, each, value)
    data = bytearray(struct.pack("<4BII", ord("l"), sort, 0, 1, len(content), serial))
    put(data, "a(yv)", header)
    return bytes(data) + bytes(-len(data) % 8) + bytes(content)


def escaped(name: str) -> str:
    return "".join(each if each.isalnum() else f"_{ord(each):02x}" for each in name)


class Systemd:
    """What listens may ask, it answers; what is done to a unit, it tells: to all on its own socket, on the bus if asked to."""

    def __init__(
        self, root: Path, *, private: bool = False, aliases: Mapping[str, str] | None = None
    ) -> None:
        self.active: dict[str, str] = {}  # by the object of the unit
        self.facts: dict[
            tuple[str, str], tuple[str, Any]
        ] = {}  # properties by object and name, with their types
        self.loaded: dict[str, tuple[str, str, str]] = {}  # ActiveState, SubState and job by the unit's name
        self.files: dict[str, str] = {}  # how unit files are enabled
        self.mute = False  # it hears, and answers nothing
        self.asked: list[str] = []  # the members that were called
        self.with_answer: dict[
            str, tuple[str, str]
        ] = {}  # to a member: what a unit becomes, told in one breath
        self._breath: bytearray | None = None  # what is written at once when it is all said
        self.breath: dict[
            str, tuple[str, str]
        ] = {}  # what becomes of a unit as a member is answered: both are one write
        self._aliases = aliases or {}
        self._serial = 1
        self._plugs: list[socket.socket] = []
        self._private = private
        self._subscribed = private
        self._lock = threading.Lock()
        if private:
            path = root / PRIVATE
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._server = socket.socket(socket.AF_UNIX)
            self._server.bind(str(path))
            self._server.listen()
            self._start(self._accept)
        else:
            plug = socket.socket(socket.AF_UNIX)
            plug.connect(str(root / BUS))
            plug.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
            plug.recv(4096)
            plug.sendall(b"BEGIN\r\n")
            self._plugs.append(plug)
            driver = {"destination": "org.freedesktop.DBus", "path": "/org/freedesktop/DBus"}
            for member, kind, words in (("Hello", "", ()), ("RequestName", "su", (SYSTEMD, 0))):
                self._send(1, kind, *words, interface="org.freedesktop.DBus", member=member, **driver)
            self._start(lambda: self._serve(plug))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        for plug in self._plugs:
            with suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()
        if self._private:
            self._server.close()

    def becomes(self, name: str, active: str, *, job: int = 0, **more: tuple[str, Any]) -> None:
        """Have a unit be so, and tell it as systemd does: by its own type first, then as any unit."""
        self.active[name] = active
        path = f"{MANAGER}/unit/" + "".join(each if each.isalnum() else f"_{ord(each):02x}" for each in name)
        properties = {"ActiveState": ("s", active), "SubState": ("s", "any"), "Job": ("(uo)", (job, "/"))}
        for interface, changed in (("Service", {"StatusText": ("s", "()")}), ("Unit", properties | more)):
            words = (f"{SYSTEMD}.{interface}", changed, [])
            self.signal(path, "org.freedesktop.DBus.Properties.PropertiesChanged", "sa{sv}as", *words)

    def general(self, member: str, signature: str = "", *body: Any) -> None:
        self.signal(MANAGER, f"{SYSTEMD}.Manager.{member}", signature, *body)

    def signal(self, path: str, name: str, signature: str = "", *body: Any, **fields: str) -> None:
        if self._subscribed:
            interface, _, member = name.rpartition(".")
            self._send(4, signature, *body, path=path, interface=interface, member=member, **fields)

    def _send(
        self, sort: int, signature: str, *body: Any, to: socket.socket | None = None, **fields: Any
    ) -> None:
        """Say something to everybody, or to who has asked."""
        with self._lock:
            self._serial += 1
            for plug in (to,) if to else tuple(self._plugs):
                own = {"sender": SYSTEMD} if self._private else {}
                said = message(sort, self._serial, signature, *body, **own, **fields)
                if self._breath is not None:
                    self._breath += said
                    continue
                with suppress(OSError):
                    plug.sendall(said)

    def _start(self, work: Any) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plug, _ = self._server.accept()
                said = b""
                while not said.endswith(b"\r\nBEGIN\r\n"):  # what comes with it would never be read
                    said += plug.recv(4096)
                plug.sendall(b"OK 0123456789abcdef\r\n")
                self._plugs.append(plug)
                self._start(lambda plug=plug: self._serve(plug))

    def _serve(self, plug: socket.socket) -> None:
        """Answer calls. Only their members and strings matter, and these can be seen in the bytes."""
        with suppress(OSError), plug.makefile("rb") as stream:
            while len(head := stream.read(16)) == 16:
                size, serial, fields = struct.unpack_from("<III", head, 4)
                header = stream.read(fields + -fields % 8)
                body = stream.read(size)
                if head[1] == 1:
                    (member,) = re.findall(rb"\x03\x01s\0....([A-Za-z]+)\0", header, re.DOTALL)
                    if news := self.with_answer.pop(member.decode(), None):
                        self._breath = bytearray()
                        self._answer(plug, member, serial, header, body)
                        self.becomes(*news)
                        said, self._breath = self._breath, None
                        plug.sendall(said)
                    else:
                        self._answer(plug, member, serial, header, body)

    def _answer(self, plug: socket.socket, member: bytes, serial: int, header: bytes, body: bytes) -> None:
        sender = re.findall(rb"\x07\x01s\0....([0-9:.]+)\0", header, re.DOTALL)
        self.asked.append(member.decode())
        if self.mute:
            return
        fields: dict[str, Any] = {"reply": serial, "to": plug} | (
            {"destination": sender[0].decode()} if sender else {}
        )
        if member == b"Subscribe":
            self._subscribed = True
        if member in {b"Get", b"ListUnitsByPatterns", b"GetUnitFileState"}:
            (path,) = re.findall(rb"\x01\x01o\0....(/[^\0]*)\0", header, re.DOTALL)
            words = [each.decode() for each in re.findall(rb"[\w.@\\-]{3,}", body)]
            signature, value = self._told(member.decode(), path.decode(), words)
            if signature:
                self._send(2, signature, value, **fields)
            else:
                self._send(3, "s", "so it is", error=value, **fields)
            return
        if member != b"LoadUnit":
            self._send(2, "", **fields)
            return
        name = body[4:-1].decode()
        own = self._aliases.get(name, name)
        if own.startswith("bad"):
            self._send(3, "s", "no", error="org.freedesktop.systemd1.LoadFailed", **fields)
        else:
            self._send(2, "o", f"{MANAGER}/unit/{escaped(own)}", **fields)

    def _told(self, member: str, path: str, words: list[str]) -> tuple[str, Any]:
        """Return the type of an answer and the answer; no type, and the name of an error."""
        if member == "ListUnitsByPatterns":
            found = ((name, *self.loaded[name]) for name in words if name in self.loaded)
            units = [
                (n, "Words", "loaded", active, sub, "", "/", 7, job, "/") for n, active, sub, job in found
            ]
            return "a(ssssssouso)", units
        if member == "GetUnitFileState":
            word = self.files.get(words[0])
            return ("s", word) if word else ("", "org.freedesktop.DBus.Error.FileNotFound")
        if words[1] == "ActiveState":
            return "v", ("s", self.active.get(path, "active"))
        fact = self.facts.get((path, words[1]))
        return ("v", fact) if fact else ("", "org.freedesktop.DBus.Error.UnknownProperty")
