"""How a package may be called. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.model import quoted

LONGEST: Final = 200  # bytes; a package's file, named after it, has to fit into 255

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]")
_ARCHITECTURE: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_NO_MACHINE: Final = frozenset({"any", "all", "native"})


def checked_name(written: str) -> str:
    """
    Return a name as it is; raises ValueError for what is none.

    The form is that of Debian policy 5.6.1, with the architecture after a colon where it is not the host's own. A name
    that ends in a dash is refused though policy has it: to apt-get(8) it would be a removal.
    """
    name, colon, architecture = written.partition(":")
    if not _NAME.fullmatch(name) or len(written) > LONGEST:
        raise ValueError(
            "expected the name of a package: lower case letters, digits, '+', '-' and '.', as in nginx or"
            f" libssl3:i386, got {quoted(written)}"
        )
    if colon and (not _ARCHITECTURE.fullmatch(architecture) or architecture in _NO_MACHINE):
        raise ValueError(
            f"expected an architecture after the colon, as in libssl3:i386, got {quoted(written)}"
        )
    return written
