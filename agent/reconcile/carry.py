"""
Carries out changes that go together, looks again before calling anything done, and writes down what has come true.

Which they are, and when it is their turn, is decided in `apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from agent.bugs import contained
from agent.errors import HostError
from agent.kinds import AnyKind
from agent.model import (
    Blocked,
    Cause,
    Change,
    Outcome,
    Planned,
    ResourceId,
    Result,
    Run,
    Stale,
    Step,
)
from agent.reconcile.again import Again, Ready
from agent.reconcile.coming import Coming
from agent.reconcile.hands import Hands
from agent.reconcile.joined import in_one, jobs, of_files
from agent.reconcile.observe import Situation, patient
from agent.reconcile.outcomes import outcome_of, untouched
from agent.reconcile.plan import stays_after_all
from agent.reconcile.sight import Seen, Sight
from agent.values import dataclass

SLICE: Final = 0.05  # seconds after which what happens elsewhere is heard


@dataclass(frozen=True, slots=True)
class Carrier:
    """Carries out groups of changes, one group after the other. `broken` and `changed`: what has become of the others."""

    situation: Situation
    hands: Hands
    sight: Sight
    again: Again
    coming: Coming
    finish: Callable[..., None]
    broken: dict[ResourceId, Result] = field(default_factory=dict)
    changed: set[ResourceId] = field(default_factory=set)

    def untouched(self, entry: Planned) -> Outcome:
        """Return the outcome of what cannot be done."""
        return untouched(entry, self.broken, self.coming.ids)

    def together(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Yield the outcomes of changes that are made in one go; what does not succeed so is tried by itself."""
        told: set[ResourceId] = set()
        try:
            with contained:
                for outcome in self._together(changes):
                    told.add(outcome.id)
                    yield outcome
        except HostError as error:
            told.update(self.coming.ids)
            left = [change for change in changes if change.id not in told]
            yield from (outcome_of(change, Result.FAILED, error.reason) for change in left)

    def _together(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        if self._kind(changes[0]).late:
            yield from self._late(changes)
        elif len(changes) > 1 and of_files(changes[0]):
            yield from self._side_by_side(changes)
        else:
            yield from self._in_one_go(changes)

    def _late(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Decide once more, on what the host is now; what was done for that is told with the first that changes."""
        ready = self.again.prepared(changes, len(self.changed))
        outcomes = self._decided_late(changes, ready)
        told = "".join(f"; done first: {why}" for why in ready.done)
        for outcome in outcomes:
            if told and outcome.result is not Result.UNCHANGED:
                yield replace(outcome, reason=f"{outcome.reason}{told}")
                break
            yield outcome
        yield from outcomes

    def _decided_late(self, changes: Sequence[Change], ready: Ready) -> Iterator[Outcome]:
        planned = {change.id: change for change in changes}
        decided: list[Change] = []
        for change in changes:
            have = ready.haves[change.id.name]
            reason, for_now = stays_after_all(change, have, self.situation)
            if reason:
                yield self._stays(change, reason, for_now=for_now)
                continue
            entry = self.again.decided(change, have)
            if isinstance(entry, Change):
                decided.append(entry)
            else:
                yield from self._no_longer(change, entry, have, "; ".join(ready.trouble))
        self.again.begin([change for change in decided if change.pending > planned[change.id].pending])
        if decided:
            yield from self._in_one_go(decided)

    def _no_longer(
        self, change: Change, entry: Planned | None, have: object | HostError | None, trouble: str
    ) -> Iterator[Outcome]:
        if entry is None:
            come = outcome_of(change, Result.CHANGED, change.why) if self.changed else None
            yield from self._done(change, have, come or Outcome(id=change.id, result=Result.UNCHANGED))
            return
        outcome = self.untouched(entry)
        blocked = trouble and isinstance(entry, Blocked)
        yield replace(outcome, reason=f"{outcome.reason}; before that: {trouble}") if blocked else outcome

    def _stays(self, change: Change, reason: str, *, for_now: bool) -> Outcome:
        """Let go of what cannot go; but where something went wrong, that may be why: then it is tried again."""
        if for_now and self.broken:
            return outcome_of(change, Result.BLOCKED, reason)
        self.finish(change.id)
        return Outcome(
            id=change.id, result=Result.UNCHANGED, reason=f"no longer declared, left in place: {reason}"
        )

    def _in_one_go(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        steps = changes[0].steps if len(changes) == 1 else in_one(changes)
        if steps is None:
            for change in changes:
                yield from self._in_one_go((change,))
            return
        for at, step in enumerate(steps):
            try:
                self._perform(step, changes)
            except HostError as error:
                yield from self._in_trouble(changes, step, error.reason, steps[:at])
                return
        yield from self._looked_again(changes)

    @contained
    def _perform(self, step: Step, changes: Sequence[Change]) -> None:
        """
        Do a step; raises HostError.

        What has drifted has been right before, and whoever hears of others hears of it, too, should it end at once:
        so it does not keep waiting what happens elsewhere meanwhile. Of a new commit it has to be known first.
        """
        elsewhere, drifted = self.hands.elsewhere, all(change.cause is Cause.DRIFT for change in changes)
        if not (isinstance(step, Run) and step.settles and elsewhere and drifted):
            self.hands.host.perform(step, self.hands.beat)
            return
        ids, until = [change.id for change in changes], self.hands.clock() + step.settles
        while (left := until - self.hands.clock()) > 0 and not (self.hands.stopping() or elsewhere(ids)):
            self.hands.sleep(min(SLICE, left))
            self.hands.beat()

    def _side_by_side(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Yield the outcomes of changes that share nothing but the disk: one that fails holds up what needs it."""
        met = self.hands.host.perform_all(jobs(changes), self.hands.beat)
        done = [change for at, change in enumerate(changes) if at in met and met[at] is None]
        seen = self._judged(done)
        for at, change in enumerate(changes):
            if at not in met:
                yield self.untouched(change)
            elif error := met[at]:
                yield outcome_of(change, Result.FAILED, error.reason)
            else:
                yield from self._told(
                    change, outcome_of(change, Result.CHANGED, change.why), seen[change.id]
                )

    def _in_trouble(
        self, changes: Sequence[Change], step: Step, reason: str, before: Sequence[Step]
    ) -> Iterator[Outcome]:
        """Yield the outcomes after a step has failed. `before`: those that were done."""
        if isinstance(step, Run) and step.common:
            yield from (outcome_of(change, Result.FAILED, reason) for change in changes)
            return
        # What a command does for several may fail for the sake of one. Any other step is of one, and has had its try.
        tried = changes if len(changes) == 1 else _of(step, changes)
        for change in tried:
            yield from self._tried(change, reason)
        if rest := [change for change in changes if change not in tried]:
            yield from self._one_by_one(rest, before)

    def _tried(self, change: Change, reason: str) -> Iterator[Outcome]:
        """
        Yield what became of something whose step failed: it may be as declared, for it was for another's sake.

        As apt-get(8) does. Only where a kind decides late, since what it sees is all there is to it: a file may look
        right, and not last. If it is not well, that is what the step has met with.
        """
        if self._kind(change).late and change.pending is Stale.NO:
            have = self._look((change,))[change.id.name]
            if not self.sight.left_to_do(change.id, have):
                ill = "" if patient(self._kind(change)) else self.sight.illness(change.id, have)
                yield from self._done(change, have, outcome_of(change, Result.FAILED, ill) if ill else None)
                return
        yield outcome_of(change, Result.FAILED, reason)

    def _one_by_one(self, changes: Sequence[Change], before: Sequence[Step]) -> Iterator[Outcome]:
        """Yield the outcomes after one call for all has failed: one wrong name fails alone, and nothing restarts twice."""
        haves, done = (
            self._look(changes),
            {(step.argv, step.stdin) for step in before if isinstance(step, Run)},
        )
        for change in changes:
            have = haves[change.id.name]
            owed = [step for step in change.steps if isinstance(step, Run) and step.unseen]
            paid = bool(owed) and all((step.argv, step.stdin) in done for step in owed)
            if (paid or change.pending is Stale.NO) and not self.sight.left_to_do(change.id, have):
                yield from self._done(change, have)
            else:
                yield from self.together((change,))

    def _looked_again(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        seen = self._judged(changes)
        for change in changes:
            yield from self._told(change, outcome_of(change, Result.CHANGED, change.why), seen[change.id])

    def _judged(self, changes: Sequence[Change]) -> Mapping[ResourceId, Seen]:
        """Return how things stand now, in one look, and remember it in one go."""
        if not changes:
            return {}
        haves = self._look(changes)
        seen = {change.id: self.sight.judge(change.id, haves[change.id.name]) for change in changes}
        self._write_down(seen)
        return seen

    def _done(
        self, change: Change, have: object | HostError | None, well: Outcome | None = None
    ) -> Iterator[Outcome]:
        """Yield what became of something that was carried out; nothing while it is coming, and may become well."""
        seen = self.sight.judge(change.id, have)
        self._write_down({change.id: seen})
        yield from self._told(change, well or outcome_of(change, Result.CHANGED, change.why), seen)

    def _write_down(self, seen: Mapping[ResourceId, Seen]) -> None:
        """Remember what is as declared; also where it is not well: then the next plan says so."""
        self.finish(
            *(
                rid
                for rid, one in seen.items()
                if not one.left and not (one.patience > 0 and self.sight.goes(rid))
            )
        )

    def _told(self, change: Change, well: Outcome, seen: Seen) -> Iterator[Outcome]:
        if seen.patience > 0:
            self.changed.add(change.id)
            self.coming.add(well, seen)
        elif reason := seen.left or seen.ill:
            yield replace(outcome_of(change, Result.FAILED, reason), undone=bool(seen.left))
        else:
            yield well

    def _look(self, changes: Sequence[Change]) -> Mapping[str, object | HostError | None]:
        return self.sight.look([change.id for change in changes])

    def _kind(self, change: Change) -> AnyKind:
        return self.situation.kinds[change.id.kind]


def _of(step: Step, changes: Collection[Change]) -> Sequence[Change]:
    """Return whose step it is, for what is no command."""
    return [
        change
        for change in changes
        if not isinstance(step, Run) and any(step is one for one in change.steps)
    ]
