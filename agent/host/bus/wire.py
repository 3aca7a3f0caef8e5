"""
Messages of D-Bus as bytes: makes calls, and reads whatever comes. Pure; what is garbled ends in HostError, soon.

https://dbus.freedesktop.org/doc/dbus-specification.html, "Type System" and "Message Protocol".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final, TypeAlias

from agent.errors import HostError
from agent.values import dataclass

LARGEST: Final = (
    1 << 18
)  # bytes of a message; the protocol allows 512 times as much, and systemd's have a thousand
HEAD: Final = 16  # bytes from which the length of a message is known
_DEEPEST: Final = 64  # containers in each other, as the protocol has it

ORDERS: Final = {ord("l"): "<", ord("B"): ">"}
_FIXED: Final = {
    "y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I",
}  # fmt: skip
_ALIGNED: Final = {code: struct.calcsize(f"<{form}") for code, form in _FIXED.items()} | {
    "s": 4, "o": 4, "g": 1, "v": 1, "a": 4, "(": 8, "{": 8,
}  # fmt: skip
_CLOSES: Final = {"(": ")", "{": "}"}

Value: TypeAlias = "bool | int | float | str | list[Value] | tuple[Value, ...] | dict[Value, Value]"


class Sort(IntEnum):
    """Which kind of message one is."""

    CALL = 1
    RETURN = 2
    ERROR = 3
    SIGNAL = 4


class Field(IntEnum):
    """A field of a message's header."""

    PATH = 1
    INTERFACE = 2
    MEMBER = 3
    ERROR_NAME = 4
    REPLY_SERIAL = 5
    DESTINATION = 6
    SENDER = 7
    SIGNATURE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, as it came."""

    sort: int
    serial: int
    fields: Mapping[Value, Value]
    body: tuple[Value, ...] = ()

    def text(self, field: Field) -> str:
        return str(self.fields.get(field, ""))


def call(serial: int, destination: str, path: str, member: str, *words: str | Sequence[str]) -> bytes:
    """Return a call of `interface.member` with strings, and arrays of strings."""
    interface, _, name = member.rpartition(".")
    fields = {Field.PATH: ("o", path), Field.INTERFACE: ("s", interface), Field.MEMBER: ("s", name)}
    if destination:
        fields[Field.DESTINATION] = ("s", destination)
    body = bytearray()
    for word in words:
        _put_text(body, word) if isinstance(word, str) else _put_texts(body, word)
    if words:
        fields[Field.SIGNATURE] = ("g", "".join("s" if isinstance(word, str) else "as" for word in words))
    header = bytearray()
    for field, (code, text) in fields.items():
        header += bytes(-len(header) % 8) + bytes((field, 1)) + code.encode() + b"\0"
        if code == "g":
            header += bytes((len(text),)) + text.encode() + b"\0"
        else:
            _put_text(header, text)
    head = struct.pack("<4B3I", ord("l"), Sort.CALL, 0, 1, len(body), serial, len(header))
    return head + bytes(header) + bytes(-len(header) % 8) + bytes(body)


def _put_text(data: bytearray, text: str) -> None:
    raw = text.encode()
    data += bytes(-len(data) % 4) + struct.pack("<I", len(raw)) + raw + b"\0"


def _put_texts(data: bytearray, texts: Sequence[str]) -> None:
    data += bytes(-len(data) % 4)
    at = len(data)
    data += bytes(4)
    for text in texts:
        _put_text(data, text)
    struct.pack_into("<I", data, at, len(data) - at - 4)


def size(head: bytes, largest: int = LARGEST) -> int:
    """Return how long the message is that begins so, by its first HEAD bytes; raises HostError."""
    order = ORDERS.get(head[0])
    if order is None or head[3] != 1:
        raise HostError("the bus says what is no message")
    body, _, fields = struct.unpack_from(f"{order}3I", head, 4)
    total = int(HEAD + fields + -fields % 8 + body)
    if total > largest:
        raise HostError(f"the bus sends a message of {total} bytes, and {largest} are the most that is read")
    return total


def parse(data: bytes) -> Message:
    """Return the message that these bytes are; raises HostError."""
    try:
        reader = _Reader(data, ORDERS[data[0]])
        reader.at = 12
        pairs = reader.value("a(yv)", 0)
        fields = dict(pairs)  # type: ignore[arg-type]
        reader.align(8)
        signature = str(fields.get(Field.SIGNATURE, ""))
        body = tuple(reader.value(each, 0) for each in _types(signature))
    except (struct.error, LookupError, ValueError, TypeError) as error:
        raise HostError("the bus sends a message that is garbled") from error
    return Message(sort=data[1], serial=reader.number(8), fields=fields, body=body)


class _Reader:
    """Reads values from one message. Each takes at least a byte of it, so that reading comes to an end."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order
        self.at = 0

    def number(self, at: int) -> int:
        return int(struct.unpack_from(f"{self._order}I", self._data, at)[0])

    def align(self, boundary: int) -> None:
        self.at += -self.at % boundary

    def value(self, kind: str, depth: int) -> Value:
        """Return the next value, which is of this one complete type."""
        if depth > _DEEPEST:
            raise ValueError(kind)
        code = kind[0]
        self.align(_ALIGNED[code])
        if code in _FIXED:
            return self._fixed(code)
        if code in "so":
            return self._text(4)
        if code == "g":
            return self._text(1)
        if code == "v":
            (inner,) = _types(self._text(1))
            return self.value(inner, depth + 1)
        if code == "a":
            return self._array(kind[1:], depth + 1)
        return tuple(self.value(each, depth + 1) for each in _types(kind[1:-1]))

    def _fixed(self, code: str) -> Value:
        found = struct.unpack_from(self._order + _FIXED[code], self._data, self.at)[0]
        self.at += _ALIGNED[code]
        return bool(found) if code == "b" else found

    def _text(self, width: int) -> str:
        length = self.number(self.at) if width == 4 else self._data[self.at]
        begin = self.at + width
        self.at = begin + length + 1
        if self.at > len(self._data):
            raise ValueError(length)
        return self._data[begin : self.at - 1].decode()

    def _array(self, kind: str, depth: int) -> Value:
        length = self.number(self.at)
        self.at += 4
        self.align(_ALIGNED[kind[0]])
        end = self.at + length
        if end > len(self._data):
            raise ValueError(length)
        found = []
        while self.at < end:
            found.append(self.value(kind, depth))
        return dict(found) if kind[0] == "{" else found  # type: ignore[arg-type]


def _types(signature: str) -> Iterator[str]:
    """Yield the complete types that a signature consists of; raises ValueError and LookupError for what is none."""
    at = 0
    while at < len(signature):
        end = _end(signature, at)
        yield signature[at:end]
        at = end


def _end(signature: str, at: int) -> int:
    while signature[at] == "a":
        at += 1
    if (closing := _CLOSES.get(signature[at])) is None:
        _ALIGNED[signature[at]]  # an unknown code is no type
        return at + 1
    inner = at + 1
    while signature[inner] != closing:
        inner = _end(signature, inner)
    if inner == at + 1:  # an empty one has no bytes: an array of such would have no end
        raise ValueError(signature)
    return inner + 1
