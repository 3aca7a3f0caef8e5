"""Names of what a container engine has, and the labels by which trued knows its own. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.model import quoted

DECLARED: Final = "io.trued.declared"  # label: what was declared, key by key, as digests
NAME: Final = "io.trued.name"  # label: what a container was called when trued made it
DEFAULT_NETWORK: Final = "trued_default"  # the one that a container is in that names none

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
_OURS: Final = (".trued-new", ".trued-old")


def checked_name(written: str) -> str:
    """
    Return the name of a container, network or volume; raises ValueError for what Docker Engine would not take.

    As `RestrictedNamePattern` of its daemon has it: two characters at least.
    """
    if not _NAME.fullmatch(written):
        raise ValueError(
            "expected a name of 2 to 128 letters, digits, '_', '.' and '-', that begins with a letter or digit,"
            f" got {quoted(written)}"
        )
    if written.endswith(_OURS):
        raise ValueError(f"names that end in {' or '.join(_OURS)} are trued's own, got {quoted(written)}")
    return written
