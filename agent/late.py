"""Regular expressions that are compiled when they are first used: a process uses few of those that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, AnyStr, Generic

_compile = re.compile  # also while that is another one, below


class _Late(Generic[AnyStr]):
    """Stands for a compiled expression; a method of it is looked for here once, and is that of the real one then."""

    def __init__(self, pattern: AnyStr, flags: int = 0) -> None:
        self._pattern: AnyStr = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        found: object = getattr(_compile(self._pattern, self._flags), name)
        setattr(self, name, found)
        return found


@contextmanager
def patterns() -> Iterator[None]:
    """Have a library that is imported meanwhile compile its expressions late as well. For the start of a process, which has one thread."""
    usual = re.compile
    re.compile = pattern
    try:
        yield
    finally:
        re.compile = usual


if TYPE_CHECKING:
    pattern = re.compile
else:
    pattern = _Late
