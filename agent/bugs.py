"""
What nobody foresaw, turned into the trouble of the one thing at hand, so that all others still get their due. Logs the way to it.

Where it comes from outside of any one thing it goes on as it is, and whoever runs the cycle has the last word.
"""

from __future__ import annotations

import logging
from contextlib import ContextDecorator
from pathlib import Path
from types import TracebackType
from typing import Final

from agent.errors import HostError, TruedError

REPORT: Final = "the log has the way to it; please report it as a bug"
ROOM: Final = Path(__file__).parent

log = logging.getLogger(__name__)

_logged: set[str] = set()  # ten thousand files may meet the same one at every look


class _Contained(ContextDecorator):
    """Has a block, or a function, raise HostError where it would raise anything that trued does not raise on purpose."""

    def __enter__(self) -> None:
        """Nothing is begun."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, TruedError):
            raise HostError(told(error), hint=REPORT) from error


contained: Final = _Contained()


def told(error: Exception) -> str:
    """Return what may be said of a bug: not its own words, which may be a file's content. Logged once at each place."""
    where = f"{type(error).__name__} at {_place(error)}"
    if where not in _logged:
        _logged.add(where)
        log.error("an unexpected error: %s", where, exc_info=error)
    return f"an unexpected error in trued: {where}"


def _place(error: Exception) -> str:
    """Return the last line of ours on the way."""
    found, trace = "an unknown place", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(ROOM):
            found = f"{file.relative_to(ROOM.parent)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found
