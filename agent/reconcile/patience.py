"""
Remembers what has failed again and again, and decides when it is tried next. Only in memory: a new process tries at once.

What fails does so for a reason that seldom goes away within a minute, and each attempt costs: a transaction of packages,
a unit that starts, a mirror that is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.model import Change, Outcome, Plan, ResourceId, Result, Run

AT_ONCE = 3  # attempts, before the next one waits
FIRST = 120.0  # seconds; then twice as long each time,
LONGEST = 900.0  # and at most this


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    what: Hashable  # was tried
    count: int
    until: float  # seconds of the clock
    outcome: Outcome


@dataclass(slots=True)
class Patience:
    """What has failed when it was last tried."""

    clock: Callable[[], float] = time.monotonic
    _failures: dict[ResourceId, _Failure] = field(default_factory=dict)

    def waiting(self, plan: Plan) -> Mapping[ResourceId, Outcome]:
        """
        Return what became of those changes that are not tried again yet; none if anything else is to change.

        Since that may be what they lacked.
        """
        tries = {change.id: _what(plan, change) for change in plan.changes}
        if any(rid not in self._failures or self._failures[rid].what != what for rid, what in tries.items()):
            return {}
        now = self.clock()
        return {rid: self._failures[rid].outcome for rid in tries if now < self._failures[rid].until}

    def learn(self, plan: Plan, outcomes: Iterable[Outcome], waited: Mapping[ResourceId, Outcome]) -> None:
        """Remember what has come to nothing now, and forget all that has not."""
        changes = {change.id: change for change in plan.changes}
        self._failures = {
            one.id: self._failures[one.id]
            if one.id in waited
            else self._once_more(plan, changes[one.id], one)
            for one in outcomes
            if one.id in changes and one.result not in {Result.CHANGED, Result.UNCHANGED}
        }

    def _once_more(self, plan: Plan, change: Change, outcome: Outcome) -> _Failure:
        what, before = _what(plan, change), self._failures.get(change.id)
        count = before.count + 1 if before and before.what == what else 1
        # What was only blocked by another one costs nothing, and waits for that one.
        wait = _wait(count) if outcome.result is Result.FAILED else 0.0
        return _Failure(what=what, count=count, until=self.clock() + wait, outcome=outcome)


def _wait(count: int) -> float:
    return 0.0 if count < AT_ONCE else min(LONGEST, FIRST * 2.0 ** min(count - AT_ONCE, 16))


def _what(plan: Plan, change: Change) -> Hashable:
    """Return what tells one attempt from another; not the reasons, in which a program's own words may stand."""
    return plan.commit, change.verb, change.stale, change.moved, tuple(_deeds(change))


def _deeds(change: Change) -> Iterator[Hashable]:
    for step in change.steps:
        yield (step.argv, step.operands) if isinstance(step, Run) else (type(step).__name__, step.path)
