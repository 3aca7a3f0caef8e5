"""
Docker's SDK, without the library that guesses character sets: 2 MiB, and an engine speaks UTF-8. Imported when first used.

requests is made to do without that one (it takes the absence of both that it knows for granted), and warns of it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

GUESSERS: Final = ("charset_normalizer", "chardet")


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Have these not be there for as long as the block lasts, but for those that are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    # None: it cannot be imported.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for name in hidden:
            del sys.modules[name]


with suppress(ModuleNotFoundError), _without(GUESSERS):  # requests before 2.32 does not do without
    import docker  # noqa: F401
from docker import APIClient, auth  # noqa: E402
from docker.errors import DockerException  # noqa: E402

__all__ = ["APIClient", "DockerException", "auth"]
