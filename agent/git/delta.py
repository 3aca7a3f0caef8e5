"""
Makes an object of another one and what is different in it. Pure.

gitformat-pack(5), "Deltified representation". dulwich has the same, and with it come 3 MiB that a daemon would keep for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

ONE_COPY = 0x10000  # bytes, where a copy does not say how many


class DeltaError(ValueError):
    """A delta that leads nowhere."""


def result_size(delta: bytes) -> int:
    """Return how large the result is, of a delta or of how it begins: the second of the two numbers there; raises DeltaError."""
    return _size(delta, _size(delta, 0)[1])[0]


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """Return the result; raises DeltaError for what is no delta of this base, before it is larger than it says."""
    size, place = _size(delta, 0)
    if size != len(base):
        raise DeltaError("a delta is of another object than its base")
    size, place = _size(delta, place)
    pieces, left = list[bytes](), size
    try:
        for piece in _pieces(base, delta, place):
            left -= len(piece)
            if left < 0:
                break
            pieces.append(piece)
    except IndexError:
        raise DeltaError("a delta is cut off") from None
    if left:
        raise DeltaError("a delta leads elsewhere than it says")
    return b"".join(pieces)


def _pieces(base: bytes, delta: bytes, place: int) -> Iterator[bytes]:
    while place < len(delta):
        order = delta[place]
        place += 1
        if not order:
            raise DeltaError("a delta holds an order that is none")
        if not order & 0x80:
            if place + order > len(delta):
                raise DeltaError("a delta is cut off")
            yield delta[place : place + order]
            place += order
            continue
        start = count = 0
        for bit in range(4):
            if order & 1 << bit:
                start |= delta[place] << 8 * bit
                place += 1
        for bit in range(3):
            if order & 0x10 << bit:
                count |= delta[place] << 8 * bit
                place += 1
        count = count or ONE_COPY
        if start + count > len(base):
            raise DeltaError("a delta copies what its base does not hold")
        yield base[start : start + count]


def _size(delta: bytes, place: int) -> tuple[int, int]:
    """Return a number, seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    for at in range(place, min(len(delta), place + 10)):
        value |= (delta[at] & 0x7F) << shift
        shift += 7
        if not delta[at] & 0x80:
            return value, at + 1
    raise DeltaError("a delta does not say its size")
