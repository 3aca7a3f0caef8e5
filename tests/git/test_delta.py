"""Deltas make of a base what Git says that they make."""

from __future__ import annotations

import pytest
from dulwich.pack import apply_delta as dulwichs
from dulwich.pack import create_delta
from hypothesis import given
from hypothesis import strategies as st

from agent.git.delta import DeltaError, apply_delta, result_size

PIECES = (b"one\n", b"two\n", b"three\n" * 40, b"\0", b"x" * 700)
TEXTS = st.lists(st.integers(0, len(PIECES) - 1), max_size=12)
BASE = bytes(range(256)) * 300


@given(TEXTS, TEXTS)
def test_makes_what_the_delta_was_made_of(one: list[int], other: list[int]) -> None:
    """A delta between two texts makes of the first the second, and says how large that is."""
    base, wanted = (b"".join(PIECES[at] for at in text) for text in (one, other))
    delta = b"".join(create_delta(base, wanted))

    assert wanted == apply_delta(base, delta)
    assert len(wanted) == result_size(delta)


@given(st.binary(max_size=40), st.integers(0, 40))
def test_never_makes_what_another_would_not(orders: bytes, size: int) -> None:
    """Of any bytes it makes what dulwich makes of them, or nothing."""
    base = b"0123456789"
    delta = bytes([len(base), size]) + orders
    try:
        made = apply_delta(base, delta)
    except DeltaError:
        return

    assert made == b"".join(dulwichs(base, delta))
    assert len(made) == size


def test_a_copy_without_a_size_is_of_64_kib() -> None:
    """gitformat-pack(5): "size zero is automatically converted to 0x10000"."""
    delta = b"\x80\xd8\x04" + b"\x80\x80\x04" + b"\x80"  # 76,800 bytes, 65,536 bytes, from the start

    assert BASE[:0x10000] == apply_delta(BASE, delta)


@pytest.mark.parametrize(
    ("delta", "why"),
    [
        (b"", "a delta does not say its size"),
        (b"\xff" * 20, "a delta does not say its size"),
        (b"\x09\x01\x01x", "a delta is of another object than its base"),
        (b"\x03\x01\x00", "a delta holds an order that is none"),
        (b"\x03\x02\x02x", "a delta is cut off"),
        (b"\x03\x01\x91", "a delta is cut off"),
        (b"\x03\x01\x91\x02\x02", "a delta copies what its base does not hold"),
        (b"\x03\x01\x02xy", "a delta leads elsewhere than it says"),
        (b"\x03\x05\x02xy", "a delta leads elsewhere than it says"),
    ],
)
def test_says_what_is_wrong(delta: bytes, why: str) -> None:
    """What is no delta of its base is refused with the reason."""
    with pytest.raises(DeltaError, match=f"^{why}$"):
        apply_delta(b"abc", delta)
