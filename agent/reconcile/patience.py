"""
Remembers what has failed again and again, or did not last, and decides when it is tried next. Only in memory: a new
process tries at once.

What fails does so for a reason that seldom goes away within a minute, and each attempt costs: a transaction of packages,
a unit that starts, a mirror that is asked. What is put right and is wrong again at the next look has failed, too: a
service that dies after some seconds. Where a thing does not change by itself, somebody else wants it otherwise: it is
contested.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import field, replace

from agent.model import Cause, Change, Outcome, Plan, ResourceId, Result, target
from agent.reconcile.observe import Situation, patient
from agent.reconcile.outcomes import as_text
from agent.values import dataclass

AT_ONCE = 3  # attempts, before the next one waits
FIRST = 120.0  # seconds; then twice as long each time,
LONGEST = 900.0  # and at most this
LASTING = 600.0  # seconds after which what may change by itself, and was put right, has lasted;
PEACE = (
    150.0  # and so has what only another writer changes: one that comes by now and then is answered at once
)
SOONEST = 5.0  # seconds before what does not last is put right the next time; then twice as long as it took until now
WAY_OUT = "find out what else writes it, and stop that, or declare it with drift: report"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    what: Hashable  # was tried
    count: int
    until: float  # seconds of the clock
    outcome: Outcome
    began: float = 0.0  # when it was tried first,
    last: float = 0.0  # and last
    lasted: float = math.inf  # the time after which it was none
    let_be: bool = False  # until then; otherwise it is tried at the next look

    @property
    def contested(self) -> bool:
        return self.outcome.result is Result.CONTESTED


@dataclass(slots=True)
class Patience:
    """What has failed when it was last tried."""

    clock: Callable[[], float] = time.monotonic
    _failures: dict[ResourceId, _Failure] = field(default_factory=dict)

    def waiting(self, plan: Plan) -> Mapping[ResourceId, Outcome]:
        """
        Return what became of those changes that are not tried again yet.

        If anything else is to change, that may be what they lacked, and only what is contested has to wait.
        """
        tries = {change.id: _what(plan, change) for change in plan.changes}
        known = {rid: self._failures[rid] for rid in tries if rid in self._failures}
        known = {rid: one for rid, one in known.items() if one.what == tries[rid]}
        now, others = self.clock(), len(known) < len(tries)
        return {
            rid: one.outcome
            for rid, one in known.items()
            if now < one.until and (one.contested or not others)
        }

    def ends(self, after: float) -> float:
        """Return the first moment after this one (of the clock) at which something is to be let be no longer."""
        ends = (one.until for one in self._failures.values() if one.let_be and one.until > after)
        return min(ends, default=math.inf)

    def over(self) -> frozenset[ResourceId]:
        """Return what was let be, and is to be tried again."""
        now = self.clock()
        return frozenset(rid for rid, one in self._failures.items() if one.let_be and one.until <= now)

    def learn(
        self,
        plan: Plan,
        outcomes: Iterable[Outcome],
        waited: Mapping[ResourceId, Outcome],
        situation: Situation,
    ) -> None:
        """Remember what has come to nothing now, and forget all that has not; what was not looked at stays as it was."""
        changes = {change.id: change for change in plan.changes}
        failures = {
            one.id: self._failures[one.id]
            if one.id in waited
            else self._once_more(plan, changes[one.id], one, situation)
            for one in outcomes
            if one.id in changes and _may_come_to_nothing(one)
        }
        # What was put right is in no plan for a while, and may have been so in vain.
        now = self.clock()
        unseen = {rid for rid in self._failures if situation.only is not None and rid not in situation.only}
        vain = {
            rid for rid, one in self._failures.items() if rid not in changes and now < one.lasted < math.inf
        }
        self._failures = {**{rid: self._failures[rid] for rid in unseen | vain}, **failures}

    def _once_more(self, plan: Plan, change: Change, outcome: Outcome, situation: Situation) -> _Failure:
        what, before, now = _what(plan, change), self._failures.get(change.id), self.clock()
        vain = outcome.result is Result.CHANGED or (
            outcome.undone and _has_been_right(outcome.id, situation)
        )
        if before and (before.what != what or now >= before.lasted):
            before = None
        count = before.count if before else 0
        # What was only blocked by another one costs nothing, and waits for that one: no attempt was made.
        if outcome.result is Result.BLOCKED:
            return _Failure(what=what, count=count, until=now, outcome=outcome)
        # What comes right after it has failed has come right once.
        if vain and before and before.lasted == math.inf:
            before, count = None, 0
        count += 1
        if not vain:
            wait = _wait(count)
            return _Failure(what=what, count=count, until=now + wait, outcome=outcome, let_be=wait > 0)
        began, last = (before.began, before.last) if before else (now, now)
        until = now if count < AT_ONCE else now + min(LONGEST, max(SOONEST, 2 * (now - last)))
        by_itself = patient(situation.kinds[outcome.id.kind])
        told = _in_vain(replace(outcome, reason=change.why), count, now - began, by_itself=by_itself)
        lasted = until + (LASTING if by_itself else PEACE)
        return _Failure(
            what=what,
            count=count,
            until=until,
            outcome=told,
            began=began,
            last=now,
            lasted=lasted,
            let_be=until > now,
        )


def _in_vain(outcome: Outcome, count: int, seconds: float, *, by_itself: bool) -> Outcome:
    """Return what is said of something that does not stay as it was put, while it is left alone."""
    if by_itself:
        words = f"put right {count} times in a row, and it does not stay so"
        return replace(outcome, result=Result.FAILED, reason=f"{outcome.reason}; {words}")
    within = as_text(max(1.0, seconds if seconds < 120 else round(seconds / 60) * 60))
    words = f"put right {count} times within {within}, and undone each time; {WAY_OUT}"
    return replace(outcome, result=Result.CONTESTED, reason=f"{outcome.reason}; {words}")


def _has_been_right(rid: ResourceId, situation: Situation) -> bool:
    """Return whether it was ever seen to be as it is declared now: then it can be so."""
    owned, resource = situation.ledger.owned.get(rid), situation.desired.resources.get(rid)
    return owned is not None and resource is not None and owned.digest == resource.digest


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
