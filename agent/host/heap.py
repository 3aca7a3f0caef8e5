"""Has the process give back what it has freed: glibc keeps it, above and between what is in use. Changes nothing on the host."""

from __future__ import annotations

import ctypes
from typing import Final

_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of malloc.h
LARGE: Final = 128 << 10  # bytes: where glibc begins


def keep_apart() -> None:
    """
    Have large tables be mappings of their own for as long as the process lives, which go back whole when they are freed.

    Once one was freed, glibc would put those of its size between all else (mallopt(3), M_MMAP_THRESHOLD, "dynamic"). Not by the
    environment, which commands inherit. Nothing where the C library is another one than glibc, as with `give_back`.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Have the kernel take back what is free (malloc_trim(3))."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
