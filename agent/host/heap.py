"""Gives memory back that the process has freed: glibc keeps it, above what is still in use. Changes nothing on the host."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Have the kernel take back what is free (malloc_trim(3)); nothing where the C library is another one than glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
