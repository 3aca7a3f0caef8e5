"""
Waits for what is as declared and not well yet, or was told to go and is not gone: for all of it at once, and only as
long as its kind has patience. Looks and sleeps, and changes nothing but what the ledger knows of removals.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Final

from agent.errors import HostError
from agent.model import Outcome, Plan, ResourceId, Result
from agent.reconcile.hands import Deadline, Hands
from agent.reconcile.observe import patient
from agent.reconcile.outcomes import as_text
from agent.reconcile.sight import Seen, Sight
from agent.values import dataclass

SOONEST: Final = 0.5  # seconds between two looks; then ever more,
LATEST: Final = 2.0  # and at most this
GROWTH: Final = 1.5
SLICE: Final = 0.5  # seconds after which somebody who asks to stop is heard


@dataclass(frozen=True, slots=True, kw_only=True)
class _Awaited:
    outcome: Outcome  # once it is well
    deadline: Deadline
    ill: str  # what was wrong with it when it was last seen


class Coming:
    """What a walk leaves behind to become well while it goes on with others."""

    def __init__(self, plan: Plan, sight: Sight, hands: Hands, finish: Callable[[ResourceId], None]) -> None:
        """`finish` writes down that something is as it is to be."""
        self._sight, self._hands, self._finish = sight, hands, finish
        self._awaited: dict[ResourceId, _Awaited] = {}
        concerned = {*plan.ailing, *(entry.id for entry in plan.entries)}
        only = sight.situation.only
        looked = [rid for rid in hands.deadlines if only is None or rid in only]
        for rid in [rid for rid in looked if rid not in concerned]:
            del hands.deadlines[rid]  # it was well when it was looked at
        for rid, reason in plan.ailing.items():
            if patient(sight.situation.kinds[rid.kind]):
                patience = sight.patience(rid, sight.situation.observed[rid])
                self._await(Outcome(id=rid, result=Result.UNCHANGED), Seen(ill=reason, patience=patience))

    @property
    def ids(self) -> Collection[ResourceId]:
        """What is still waited for."""
        return self._awaited.keys()

    def add(self, outcome: Outcome, seen: Seen) -> None:
        """Wait for what was just done. `outcome`: what is to be said of it when it is well."""
        if not self._sight.goes(outcome.id):
            self._hands.deadlines.pop(outcome.id, None)  # a new attempt has all the time there is
        self._await(outcome, seen)

    def until_well(self, ids: Collection[ResourceId], *, any_of: bool = False) -> Iterator[Outcome]:
        """
        Yield what became of these, and of others of their kinds, as soon as it is known; then none of them is coming.

        Or not all of them, for `any_of`. Unless trued is asked to stop, or is overdue after a look: then they still are.
        """
        pause, looked = SOONEST, False
        while left := [rid for rid in ids if rid in self._awaited]:
            if any_of and len(left) < len(ids):
                return
            if self._hands.stopping() or (looked and self._hands.overdue()):
                return
            self._sleep(min(pause, self._soonest(left)))
            if self._hands.stopping():
                return
            for kind in dict.fromkeys(rid.kind for rid in left):
                yield from self._look(kind)
            pause, looked = min(LATEST, pause * GROWTH), True

    def to_the_end(self) -> Iterator[Outcome]:
        """Yield what became of all; of what could not be waited for, that it is not well yet."""
        yield from self.until_well(tuple(self._awaited))
        for rid, one in self._awaited.items():
            yet = f"not {self._word(rid, 'ready')} yet"
            reason = ": ".join(filter(None, (yet, one.ill)))
            told = "; ".join(filter(None, (one.outcome.reason, reason)))
            yield replace(one.outcome, reason=told, unready=True)
        self._awaited.clear()

    def _await(self, outcome: Outcome, seen: Seen) -> None:
        deadline = self._deadline(outcome.id, seen.patience)
        self._awaited[outcome.id] = _Awaited(outcome=outcome, deadline=deadline, ill=seen.ill or seen.left)

    def _deadline(self, rid: ResourceId, patience: float) -> Deadline:
        """Return the one there is for what is declared now, or from now on."""
        resource = self._sight.situation.desired.resources.get(rid)
        digest = resource.digest if resource else ""
        known = self._hands.deadlines.get(rid)
        if known and known.digest == digest:
            return known
        deadline = Deadline(digest=digest, span=patience, until=self._hands.clock() + patience)
        if patience > 0:
            self._hands.deadlines[rid] = deadline
        return deadline

    def _soonest(self, ids: Collection[ResourceId]) -> float:
        """Return the seconds until the first of these is out of time."""
        return max(0.0, min(self._awaited[rid].deadline.until for rid in ids) - self._hands.clock())

    def _sleep(self, seconds: float) -> None:
        until = self._hands.clock() + seconds
        while (left := until - self._hands.clock()) > 0:
            if self._hands.stopping() or self._hands.overdue():
                return
            self._hands.sleep(min(SLICE, left))
            self._hands.beat()

    def _look(self, kind: str) -> Iterator[Outcome]:
        ids = tuple(rid for rid in self._awaited if rid.kind == kind)
        haves = self._sight.look(ids)
        self._hands.beat()
        for rid in ids:
            if outcome := self._judged(rid, haves[rid.name]):
                del self._awaited[rid]
                yield outcome

    def _judged(self, rid: ResourceId, have: object | HostError | None) -> Outcome | None:
        """Return what became of one, or None while that is open."""
        one, seen = self._awaited[rid], self._sight.judge(rid, have)
        reason = seen.ill or seen.left
        if isinstance(have, HostError):
            return self._still(rid, replace(one, ill=reason))
        if seen.patience > 0:
            return self._still(rid, replace(one, ill=reason, deadline=self._deadline(rid, seen.patience)))
        if reason:
            return self._failed(rid, replace(one, ill=reason))
        self._hands.deadlines.pop(rid, None)
        if self._sight.goes(rid):
            self._finish(rid)
        return one.outcome

    def _still(self, rid: ResourceId, one: _Awaited) -> Outcome | None:
        self._awaited[rid] = one
        return None if self._hands.clock() < one.deadline.until else self._failed(rid, one)

    def _failed(self, rid: ResourceId, one: _Awaited) -> Outcome:
        """Return that something is not well: because its time is up, or since it cannot become so any more."""
        span, until = one.deadline.span, one.deadline.until
        # Its kind counts from another moment than this clock does.
        in_vain = span >= SOONEST and self._hands.clock() > until - SOONEST
        within = f"not {self._word(rid, 'well')} within {as_text(span)}" if in_vain else ""
        return replace(one.outcome, result=Result.FAILED, reason=": ".join(filter(None, (within, one.ill))))

    def _word(self, rid: ResourceId, word: str) -> str:
        return "gone" if self._sight.goes(rid) else word
