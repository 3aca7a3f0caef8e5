"""
Remembers what has failed again and again, or did not last, and decides when it is tried next. Only in memory: a new
process tries at once.

What fails does so for a reason that seldom goes away within a minute, and each attempt costs: a transaction of packages,
a unit that starts, a mirror that is asked. What is put right and is wrong again at the next look has failed, too: a
service that dies after some seconds, or something else that wants it otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agent.model import Cause, Change, Outcome, Plan, ResourceId, Result, target

AT_ONCE = 3  # attempts, before the next one waits
FIRST = 120.0  # seconds; then twice as long each time,
LONGEST = 900.0  # and at most this
LASTING = 600.0  # seconds after which what was put right has lasted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    what: Hashable  # was tried
    count: int
    until: float  # seconds of the clock
    outcome: Outcome
    lasted: float = math.inf  # the time after which it was none


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
        failures = {
            one.id: self._failures[one.id]
            if one.id in waited
            else self._once_more(plan, changes[one.id], one)
            for one in outcomes
            if one.id in changes and _may_come_to_nothing(one)
        }
        # What was put right is in no plan for a while, and may have been so in vain.
        now = self.clock()
        vain = {rid: one for rid, one in self._failures.items() if rid not in changes and now < one.lasted}
        self._failures = {**{rid: one for rid, one in vain.items() if one.lasted < math.inf}, **failures}

    def _once_more(self, plan: Plan, change: Change, outcome: Outcome) -> _Failure:
        what, before, now = _what(plan, change), self._failures.get(change.id), self.clock()
        vain = outcome.result is Result.CHANGED
        count = before.count if before and before.what == what and now < before.lasted else 0
        # What was only blocked by another one costs nothing, and waits for that one: no attempt was made.
        if outcome.result is Result.BLOCKED:
            return _Failure(what=what, count=count, until=now, outcome=outcome)
        # What comes right after it has failed has come right once.
        count = 1 if vain and before and before.lasted == math.inf else count + 1
        until = now + _wait(count)
        if not vain:
            return _Failure(what=what, count=count, until=until, outcome=outcome)
        words = f"{outcome.reason}; put right {count} times in a row, and it does not stay so"
        told = replace(outcome, result=Result.FAILED, reason=words)
        return _Failure(what=what, count=count, until=until, outcome=told, lasted=until + LASTING)


def _may_come_to_nothing(outcome: Outcome) -> bool:
    """Return whether it has failed; or was put right, as may have to be done again at the next look."""
    # It counts as unfinished while it waits.
    drifted = outcome.result is Result.CHANGED and outcome.cause in {Cause.DRIFT, Cause.UNFINISHED}
    return drifted or outcome.result not in {Result.CHANGED, Result.UNCHANGED}


def _wait(count: int) -> float:
    return 0.0 if count < AT_ONCE else min(LONGEST, FIRST * 2.0 ** min(count - AT_ONCE, 16))


def _what(plan: Plan, change: Change) -> Hashable:
    """Return what tells one attempt from another; not the reasons, in which a program's own words may stand."""
    return plan.commit, change.verb, change.stale, change.moved, tuple(_deeds(change))


def _deeds(change: Change) -> Iterator[Hashable]:
    for step in change.steps:
        yield type(step).__name__, target(step)
