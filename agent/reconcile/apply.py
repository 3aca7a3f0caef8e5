"""Acts. Walks the plan, performs its steps, looks again before calling anything done, and writes down each outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from agent.errors import HostError
from agent.host import Host
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
    Step,
    Verb,
)
from agent.reconcile.ledger import Memory, Owned
from agent.reconcile.observe import Situation, look


def apply(
    plan: Plan, situation: Situation, host: Host, memory: Memory, stopping: Callable[[], bool]
) -> Iterator[Outcome]:
    """
    Yield one outcome for each entry, in order. Raises LedgerError.

    `own.begin` came before. When asked to stop, the step in hand is finished and the rest is skipped.
    """
    walk = _Walk(situation, host, memory, memory.load().owned)
    at = 0
    while at < len(plan.entries):
        if stopping():
            yield from map(_skipped, plan.entries[at:])
            return
        joined = walk.joined(plan.entries, at)
        yield from walk.note(walk.together(joined) if joined else (walk.one(plan.entries[at]),))
        at += max(1, len(joined))


@dataclass(frozen=True, slots=True)
class _Walk:
    situation: Situation
    host: Host
    memory: Memory
    owned: Mapping[ResourceId, Owned]
    broken: dict[ResourceId, Result] = field(default_factory=dict)

    def note(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass the outcomes on, remembering those that others must not build on."""
        for outcome in outcomes:
            if _breaks(outcome):
                self.broken[outcome.id] = outcome.result
            yield outcome

    def one(self, entry: Planned) -> Outcome:
        if isinstance(entry, Held):
            return _outcome(entry.change, Result.HELD, entry.reason)
        if isinstance(entry, Blocked):
            return Outcome(id=entry.id, result=Result.BLOCKED, reason=entry.reason)
        if missing := sorted(entry.needs & self.broken.keys()):
            return _outcome(
                entry, Result.BLOCKED, f"needs {missing[0]}, which {_words(self.broken[missing[0]])}"
            )
        return self._perform(entry)

    def joined(self, entries: Sequence[Planned], at: int) -> Sequence[Change]:
        """Return the changes from there on that one command can do together; nothing for fewer than two."""
        together: dict[ResourceId, Change] = {}
        for change in _alike(entries, at):
            if change.needs & (together.keys() | self.broken.keys()):
                break
            together[change.id] = change
        return tuple(together.values()) if len(together) > 1 else ()

    def together(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Yield the outcomes of one call for all; if it fails, of one call each: one wrong name fails alone."""
        try:
            self.host.perform(_one_call(changes))
        except HostError:
            yield from map(self._perform, changes)
        else:
            yield from map(self._look_again, changes)

    def _perform(self, change: Change) -> Outcome:
        try:
            for step in change.steps:
                self.host.perform(step)
        except HostError as error:
            return _outcome(change, Result.FAILED, error.reason)
        return self._look_again(change)

    def _look_again(self, change: Change) -> Outcome:
        try:
            left = self._left_to_do(change.id)
        except HostError as error:
            return _outcome(change, Result.FAILED, error.reason)
        if left:
            return _outcome(change, Result.FAILED, f"done, and it is still not so: {left}")
        self._finish(change.id)
        return _outcome(change, Result.CHANGED, change.why)

    def _left_to_do(self, rid: ResourceId) -> str:
        """Return why the resource still differs, or nothing when it has converged."""
        kinds, resource = self.situation.kinds, self.situation.desired.resources.get(rid)
        want = resource.spec if resource else None
        have = look(kinds, rid.kind, self.host.probe(), {rid.name: want})[rid.name]
        if isinstance(have, HostError):
            raise have
        if want is None and have is not None and (reason := kinds[rid.kind].leaves(rid.name, have)):
            return reason  # the next plan lets it go, and says so
        return ", ".join(step.why for step in kinds[rid.kind].steps(rid.name, want, have, stale=False))

    def _finish(self, rid: ResourceId) -> None:
        resource = self.situation.desired.resources.get(rid)
        if resource is not None:
            self.memory.finish(rid, replace(self.owned[rid], digest=resource.digest))
        elif rid in self.owned:
            self.memory.finish(rid, None)


def _alike(entries: Sequence[Planned], at: int) -> Iterator[Change]:
    """Yield the changes from there on that run the same command as the first, with other operands."""
    first = _command(entries[at])
    for entry in islice(entries, at, None):
        if first is None or not isinstance(entry, Change) or _command(entry) != first:
            return
        yield entry


def _command(entry: Planned) -> tuple[str, tuple[str, ...], bytes] | None:
    match entry:
        case Change(steps=(Run(operands=(_, *_)) as run,)):
            return entry.id.kind, run.argv, run.stdin
    return None


def _one_call(changes: Sequence[Change]) -> Step:
    runs = [step for change in changes for step in change.steps if isinstance(step, Run)]
    operands = tuple(operand for run in runs for operand in run.operands)
    return replace(runs[0], operands=operands, timeout=max(run.timeout for run in runs))


def _breaks(outcome: Outcome) -> bool:
    """Return whether those that need this one must wait: drift that is only reported holds up nobody."""
    drifted = outcome.cause is Cause.DRIFT and outcome.verb is Verb.UPDATE
    return outcome.result is not Result.CHANGED and not (outcome.result is Result.HELD and drifted)


def _outcome(change: Change, result: Result, reason: str) -> Outcome:
    return Outcome(id=change.id, result=result, verb=change.verb, cause=change.cause, reason=reason)


def _words(result: Result) -> str:
    return "failed" if result is Result.FAILED else f"is {result}"


def _skipped(entry: Planned) -> Outcome:
    return Outcome(
        id=entry.id, result=Result.SKIPPED, reason="trued was asked to stop before it came to this"
    )
