"""Words that the kinds use alike. Pure."""

from __future__ import annotations

from typing import Final

HEADER: Final = "# From Git, by trued.\n"  # of a file that is trued's as a whole
UNDECLARED: Final = "no longer declared"
ABSENT: Final = "is declared absent"


def why_gone(want: object | None) -> str:
    """Return why something is taken away: nothing declares it, or it is declared absent."""
    return UNDECLARED if want is None else ABSENT
