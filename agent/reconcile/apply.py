"""Acts. Walks the plan, performs its steps, looks again before calling anything done, and writes down each outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.errors import HostError
from agent.host import Host
from agent.kinds import AnyKind
from agent.model import (
    Blocked,
    Cause,
    Change,
    Held,
    Outcome,
    Plan,
    Planned,
    ResourceId,
    Result,
    Run,
    Stale,
    Step,
    Verb,
)
from agent.reconcile.joined import in_one, mates
from agent.reconcile.ledger import Memory, Owned
from agent.reconcile.observe import Situation, look
from agent.reconcile.plan import decide_again, stays_after_all
from agent.reconcile.policy import Policy, going, objection

WELL = frozenset({Result.CHANGED, Result.UNCHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What a plan is carried out with."""

    host: Host
    memory: Memory
    policy: Policy
    stopping: Callable[[], bool] = lambda: False
    beat: Callable[[], None] = lambda: None
    waiting: Mapping[ResourceId, Outcome] = field(
        default_factory=dict
    )  # what has failed before, and is not tried now


def apply(plan: Plan, situation: Situation, hands: Hands) -> Iterator[Outcome]:
    """
    Yield one outcome for each entry, in order, then one for each that is as declared and not well. Raises LedgerError.

    `own.begin` came before. When asked to stop, the step in hand is finished and the rest is skipped.
    """
    walk = _Walk(plan, situation, hands, hands.memory.load().owned)
    entries = tuple(entry for entry in plan.entries if entry.id not in hands.waiting)
    yield from walk.note(hands.waiting.values())
    at = 0
    while at < len(entries):
        if hands.stopping():
            yield from map(_skipped, entries[at:])
            return
        group = mates(entries, at, situation.kinds, walk.broken)
        yield from walk.note(walk.together(group) if group else (walk.untouched(entries[at]),))
        at += max(1, len(group))
    # Last: what is not well holds up nobody, and may be well again once the others have their way.
    yield from (Outcome(id=rid, result=Result.FAILED, reason=reason) for rid, reason in plan.ailing.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What is seen right before something is decided late."""

    haves: Mapping[str, object | HostError | None]
    done: tuple[str, ...]  # why something had to be done for that
    trouble: tuple[str, ...]  # and what went wrong with it


@dataclass(frozen=True, slots=True)
class _Walk:
    plan: Plan
    situation: Situation
    hands: Hands
    owned: Mapping[ResourceId, Owned]
    broken: dict[ResourceId, Result] = field(default_factory=dict)
    changed: set[ResourceId] = field(default_factory=set)

    def note(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass the outcomes on, remembering those that others must not build on."""
        for outcome in outcomes:
            if _breaks(outcome):
                self.broken[outcome.id] = outcome.result
            elif outcome.result is Result.CHANGED:
                self.changed.add(outcome.id)
            yield outcome

    def untouched(self, entry: Planned) -> Outcome:
        """Return the outcome of what cannot be done."""
        if isinstance(entry, Held):
            return _outcome(entry.change, Result.HELD, entry.reason)
        if isinstance(entry, Blocked):
            return Outcome(id=entry.id, result=Result.BLOCKED, reason=entry.reason)
        missing = min(entry.needs & self.broken.keys())
        return _outcome(entry, Result.BLOCKED, f"needs {missing}, which {_words(self.broken[missing])}")

    def together(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Yield the outcomes of changes that are made in one go; what does not succeed so is tried by itself."""
        if self._kind(changes[0]).late:
            yield from self._late(changes)
        else:
            yield from self._in_one_go(changes)

    def _late(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Decide once more, on what the host is now; what was done for that is told with the first that changes."""
        ready = self._prepared(changes)
        outcomes = self._decided_late(changes, ready)
        told = "".join(f"; done first: {why}" for why in ready.done)
        for outcome in outcomes:
            if told and outcome.result is not Result.UNCHANGED:
                yield replace(outcome, reason=f"{outcome.reason}{told}")
                break
            yield outcome
        yield from outcomes

    def _decided_late(self, changes: Sequence[Change], ready: _Ready) -> Iterator[Outcome]:
        planned = {change.id: change for change in changes}
        decided: list[Change] = []
        for change in changes:
            have = ready.haves[change.id.name]
            reason, for_now = stays_after_all(change, have, self.situation)
            if reason:
                yield self._stays(change, reason, for_now=for_now)
                continue
            entry = self._decided(change, have)
            if isinstance(entry, Change):
                decided.append(entry)
            else:
                yield self._no_longer(change, entry, "; ".join(ready.trouble))
        self._begin_anew([change for change in decided if change.pending > planned[change.id].pending])
        if decided:
            yield from self._in_one_go(decided)

    def _prepared(self, changes: Sequence[Change]) -> _Ready:
        """Return what is seen once nothing stands in the way of deciding, and what was done for that."""
        kind, wants, haves = self._kind(changes[0]), self._wants(changes), self._look(changes)
        steps = tuple(kind.prepare(wants, haves))
        done, trouble = [], []
        for step in steps:
            try:
                self.hands.host.perform(step, self.hands.beat)
            except HostError as error:
                trouble.append(error.reason)
            else:
                done.append(step.why)
        return _Ready(
            haves=self._look(changes) if steps else haves,
            done=tuple(dict.fromkeys(filter(None, done))),
            trouble=tuple(trouble),
        )

    def _decided(self, change: Change, have: object | HostError | None) -> Planned | None:
        entry = decide_again(change, have, self.situation)
        if not isinstance(entry, Change):
            return entry
        others = going(self.plan, change.id.kind)
        reason = objection(entry, have, self.situation, others, self.hands.policy)
        return Held(id=entry.id, reason=reason, change=entry) if reason else entry

    def _no_longer(self, change: Change, entry: Planned | None, trouble: str) -> Outcome:
        if entry is None:
            return self._came_by_itself(change)
        outcome = self.untouched(entry)
        if trouble and isinstance(entry, Blocked):
            return replace(outcome, reason=f"{outcome.reason}; before that: {trouble}")
        return outcome

    def _stays(self, change: Change, reason: str, *, for_now: bool) -> Outcome:
        """Let go of what cannot go; but where something went wrong, that may be why: then it is tried again."""
        if for_now and self.broken:
            return _outcome(change, Result.BLOCKED, reason)
        self._finish(change.id)
        return Outcome(
            id=change.id, result=Result.UNCHANGED, reason=f"no longer declared, left in place: {reason}"
        )

    def _came_by_itself(self, change: Change) -> Outcome:
        self._finish(change.id)
        if self.changed:
            return _outcome(change, Result.CHANGED, change.why)
        return Outcome(id=change.id, result=Result.UNCHANGED)

    def _begin_anew(self, changes: Collection[Change]) -> None:
        """Write down what turned out to have more to do than was thought."""
        if changes:
            self.hands.memory.begin(
                self.plan.commit,
                touched={change.id: self.owned[change.id] for change in changes},
                pending={change.id: change.pending for change in changes},
                true={},
                gone=(),
            )

    def _in_one_go(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        steps = changes[0].steps if len(changes) == 1 else in_one(changes)
        if steps is None:
            for change in changes:
                yield from self._in_one_go((change,))
            return
        for step in steps:
            try:
                self.hands.host.perform(step, self.hands.beat)
            except HostError as error:
                yield from self._in_trouble(changes, step, error.reason)
                return
        yield from self._looked_again(changes)

    def _in_trouble(self, changes: Sequence[Change], step: Step, reason: str) -> Iterator[Outcome]:
        """Yield the outcomes after a step has failed."""
        if isinstance(step, Run) and step.common:
            yield from (_outcome(change, Result.FAILED, reason) for change in changes)
            return
        # What a command does for several may fail for the sake of one. Any other step is of one, and has had its try.
        tried = changes if len(changes) == 1 else _of(step, changes)
        for change in tried:
            so = self._is_so_anyway(change)
            yield self._done(change) if so else _outcome(change, Result.FAILED, reason)
        if rest := [change for change in changes if change not in tried]:
            yield from self._one_by_one(rest)

    def _is_so_anyway(self, change: Change) -> bool:
        """
        Return whether something is as declared though its step failed: for another's sake, as apt-get(8) does.

        Only where a kind decides late, since what it sees is all there is to it: a file may look right, and not last.
        """
        if not self._kind(change).late or change.pending is not Stale.NO:
            return False
        return not self._left_to_do(change, self._look((change,))[change.id.name])

    def _one_by_one(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Yield the outcomes after one call for all has failed: one wrong name fails alone."""
        haves = self._look(changes)
        for change in changes:
            left = self._left_to_do(change, haves[change.id.name])
            if left == "" and change.pending is Stale.NO:
                yield self._done(change)
            else:
                yield from self.together((change,))

    def _looked_again(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        haves = self._look(changes)
        for change in changes:
            if left := self._left_to_do(change, haves[change.id.name]):
                yield _outcome(change, Result.FAILED, left)
            else:
                yield self._done(change)

    def _done(self, change: Change) -> Outcome:
        self._finish(change.id)
        return _outcome(change, Result.CHANGED, change.why)

    def _look(self, changes: Sequence[Change]) -> Mapping[str, object | HostError | None]:
        kind = changes[0].id.kind
        return look(self.situation.kinds, kind, self.hands.host.probe(self.hands.beat), self._wants(changes))

    def _left_to_do(self, change: Change, have: object | HostError | None) -> str:
        """Return why the resource still is not as it is to be, or nothing when it has converged."""
        kind, want = self._kind(change), self._wants((change,))[change.id.name]
        if isinstance(have, HostError):
            return have.reason
        if want is None and have is not None and (reason := kind.leaves(change.id.name, have)):
            return f"done, and it is still not so: {reason}"  # the next plan lets it go, and says so
        try:
            left = tuple(kind.steps(change.id.name, want, have, stale=Stale.NO))
        except HostError as error:
            return error.reason
        why = ", ".join(dict.fromkeys(step.why for step in left if step.why))
        return f"done, and it is still not so: {why}" if left else ""

    def _wants(self, changes: Sequence[Change]) -> Mapping[str, object | None]:
        """Return what is declared of these, and what a section says as a whole: that holds for all of its kind."""
        declared, kind = self.situation.desired.resources, changes[0].id.kind
        whole = ResourceId(kind, self.situation.kinds[kind].only)
        ids = (*(change.id for change in changes), *((whole,) if whole in declared else ()))
        return {rid.name: declared[rid].spec if rid in declared else None for rid in ids}

    def _kind(self, change: Change) -> AnyKind:
        return self.situation.kinds[change.id.kind]

    def _finish(self, rid: ResourceId) -> None:
        resource = self.situation.desired.resources.get(rid)
        if resource is not None:
            self.hands.memory.finish(rid, replace(self.owned[rid], digest=resource.digest))
        elif rid in self.owned:
            self.hands.memory.finish(rid, None)


def _of(step: Step, changes: Collection[Change]) -> Sequence[Change]:
    """Return whose step it is, for what is no command."""
    return [
        change
        for change in changes
        if not isinstance(step, Run) and any(step is one for one in change.steps)
    ]


def _breaks(outcome: Outcome) -> bool:
    """Return whether those that need this one must wait: drift that is only reported holds up nobody."""
    drifted = outcome.cause is Cause.DRIFT and outcome.verb is Verb.UPDATE
    return outcome.result not in WELL and not (outcome.result is Result.HELD and drifted)


def _outcome(change: Change, result: Result, reason: str) -> Outcome:
    return Outcome(id=change.id, result=result, verb=change.verb, cause=change.cause, reason=reason)


def _words(result: Result) -> str:
    return "failed" if result is Result.FAILED else f"is {result}"


def _skipped(entry: Planned) -> Outcome:
    return Outcome(
        id=entry.id, result=Result.SKIPPED, reason="trued was asked to stop before it came to this"
    )
