"""What is not known of something because who would say it does not answer. Pure."""

from __future__ import annotations

from agent.kinds import NotYetError
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nothing is known. That may change with what comes first in the same plan."""

    reason: str
    hint: str = ""

    @property
    def error(self) -> NotYetError:
        return NotYetError(self.reason, hint=self.hint)
