"""What one cycle found and did, as the status branch says it. No content, no secret."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from agent.model.plan import Cause
from agent.model.words import ResourceId
from agent.values import dataclass

REPORT_LIMIT = 32 << 20  # bytes of a report as text, for all who read one; 100,000 resources are about 15 MB


class Verdict(enum.StrEnum):
    """The result of a whole cycle, as the status branch says it (Trued-Result)."""

    CONVERGED = "converged"
    FAILED = "failed"
    HELD = "held"
    INVALID = "invalid"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"
    SUSPENDED = "suspended"


class Ownership(enum.StrEnum):
    CREATED = enum.auto()  # trued made it, and removes it when Git stops declaring it
    ADOPTED = enum.auto()  # it was there already, and is let go when Git stops declaring it


# What becomes of something no longer declared and left in place; beside it, a standing's result is a `Result`.
RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one resource stands at the end of a cycle: a line of status.json."""

    result: str  # a Result, or RELEASED
    cause: Cause | None = None
    reason: str = ""
    digest: str = ""
    owned: Ownership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one cycle found and did. No content, no secret."""

    host: str
    started: datetime
    finished: datetime
    result: Verdict
    commit: str | None = None  # the commit that the host now follows
    good: str | None = None  # the last commit under which all was as declared
    error: str = ""  # why the newest commit is not the one followed, or why nothing could be done
    exit_code: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    resources: Mapping[ResourceId, Standing] = field(default_factory=dict)  # in the order of the plan
    notices: tuple[str, ...] = ()  # what a person should know of this host, and no change follows from
    reboot: tuple[str, ...] = ()  # why this host needs a reboot
