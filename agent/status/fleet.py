"""Judges a whole fleet by the statuses of its hosts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agent.model import Verdict
from agent.status.document import TROUBLE, Status
from agent.values import dataclass

HEARTBEAT = 3600.0  # seconds: the default of status.heartbeat
MISSED = 3  # so many heartbeats without a report, and the host has fallen silent

STALE = "STALE"
UNREADABLE = "unreadable"
_ODDEST_FIRST = (
    UNREADABLE,
    STALE,
    Verdict.FAILED.value,
    Verdict.REFUSED.value,
    Verdict.INVALID.value,
    Verdict.ROLLED_BACK.value,
    Verdict.HELD.value,
    Verdict.SUSPENDED.value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One host of the fleet table. `age`: seconds since its last report, None if that cannot be read."""

    host: str
    result: str  # of its last report, or "unreadable"
    commit: str = ""
    age: float | None = None
    stale: bool = False
    failing: int = 0  # resources that are not as declared
    agent: str = ""
    error: str = ""

    @property
    def verdict(self) -> str:
        """What matters most: a host that fell silent may be in any state."""
        return STALE if self.stale else self.result


def rows(
    statuses: Mapping[str, Status | ValueError], *, now: datetime, heartbeat: float = HEARTBEAT
) -> tuple[Row, ...]:
    """Return a row for each host, by its name; those that need a person first, then by name."""
    judged = (_row(host, status, now, heartbeat) for host, status in statuses.items())
    return tuple(sorted(judged, key=lambda row: (_oddness(row), row.host)))


def _row(host: str, status: Status | ValueError, now: datetime, heartbeat: float) -> Row:
    if isinstance(status, ValueError):
        return Row(host=host, result=UNREADABLE, error=str(status))
    age = (now - status.finished).total_seconds()
    return Row(
        host=host,
        result=status.result,
        commit=status.commit or "",
        age=age,
        stale=age > MISSED * heartbeat,
        failing=sum(line.result in TROUBLE for line in status.resources.values()),
        agent=status.agent,
        error=status.error,
    )


def _oddness(row: Row) -> int:
    if row.verdict in _ODDEST_FIRST:
        return _ODDEST_FIRST.index(row.verdict)
    known = row.verdict == Verdict.CONVERGED
    return len(_ODDEST_FIRST) + (known and not row.failing and not row.error)
