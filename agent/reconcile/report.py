"""Turns what a cycle did into the report of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime

from agent.errors import DocumentError, HostError, RefusedError, TruedError
from agent.model import (
    RELEASED,
    DesiredState,
    Identity,
    Outcome,
    Ownership,
    Plan,
    Report,
    ResourceId,
    Result,
    Standing,
    Verdict,
)
from agent.reconcile.ledger import Ledger
from agent.values import dataclass

TROUBLE = (Result.FAILED, Result.BLOCKED, Result.CONTESTED, Result.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A plan that was carried out as far as it went."""

    desired: DesiredState
    plan: Plan
    outcomes: tuple[Outcome, ...]
    rest: Rest | None = None  # of what the plan does not speak; None: it speaks of everything
    before: Mapping[ResourceId, Standing] = field(
        default_factory=dict
    )  # what was said last: equal lines are the same ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is said of all that was not looked at: what was said before."""

    standings: Mapping[ResourceId, Standing]  # of all, at the last look
    passed: frozenset[ResourceId]  # what was done then, and is old by now
    unwell: frozenset[ResourceId]  # what was in trouble, and counts as being so still
    dropped: frozenset[ResourceId]  # what was looked at now, and may have nothing said of it any more


def make_report(
    identity: Identity,
    ledger: Ledger,
    *,
    error: TruedError | None,
    started: datetime,
    finished: datetime,
    ended: Ended | None = None,
) -> Report:
    """Return what the status branch is to say. `ended` None: there was no commit to follow."""
    results = set(_results(ended)) if ended else set()
    return Report(
        host=identity.host,
        started=started,
        finished=finished,
        result=_verdict(error, results, held=ended is not None),
        commit=ended.desired.commit if ended else None,
        good=ledger.good,
        error=explain(error),
        exit_code=_exit_code(error, results),
        labels=identity.labels,
        facts=identity.facts,
        resources=_told(ended, ledger) if ended else {},
    )


def explain(error: TruedError | None) -> str:
    """Return an error with its way out, as a report says it; nothing for none."""
    return error.full if error else ""


def fights(report: Report, outcomes: Iterable[Outcome], rest: Rest | None) -> Iterator[str]:
    """Yield a notice of each thing that somebody else wants otherwise."""
    troubled = {one.id for one in outcomes} | (rest.unwell if rest else frozenset())
    for rid in sorted(rid for rid in troubled if rid in report.resources):
        if report.resources[rid].result == Result.CONTESTED:
            yield f"{rid} is contested: something else on this host undoes what trued does; `trued explain {rid}` says more"


def _verdict(error: TruedError | None, results: set[Result], *, held: bool) -> Verdict:
    if isinstance(error, RefusedError):
        return Verdict.REFUSED
    if isinstance(error, DocumentError):
        return Verdict.INVALID
    if not held or not results.isdisjoint(TROUBLE):
        return Verdict.FAILED
    return Verdict.HELD if Result.HELD in results else Verdict.CONVERGED


def _exit_code(error: TruedError | None, results: set[Result]) -> int:
    if error is not None:
        return error.exit_code
    return HostError.exit_code if results - {Result.CHANGED, Result.UNCHANGED} else 0


def _results(ended: Ended) -> Iterator[Result]:
    yield from (outcome.result for outcome in ended.outcomes)
    if rest := ended.rest:
        # What is only not ready yet was well in its report, too.
        yield from (Result(rest.standings[rid].result) for rid in rest.unwell if rid in rest.standings)


def _told(ended: Ended, ledger: Ledger) -> Mapping[ResourceId, Standing]:
    """Return how each stands: what was in the plan, in its order; what is let go; what is as declared, and all the rest."""
    first, settled = dict(_done(ended, ledger)), dict(_settled(ended.plan.settled, ended, ledger))
    if (rest := ended.rest) is None:
        return first | settled
    settled |= _settled(rest.passed, ended, ledger)
    told = {**first, **rest.standings, **settled, **first}
    for rid in rest.dropped | rest.passed:
        if rid not in first and rid not in settled:
            told.pop(rid, None)
    return told


def _done(ended: Ended, ledger: Ledger) -> Iterator[tuple[ResourceId, Standing]]:
    resources = ended.desired.resources
    for outcome in ended.outcomes:
        resource, owned = resources.get(outcome.id), ledger.owned.get(outcome.id)
        yield (
            outcome.id,
            Standing(
                result=str(outcome.result),
                cause=outcome.cause,
                reason=outcome.reason,
                digest=resource.digest if resource else "",
                owned=owned.ownership if owned else None,
            ),
        )
    for rid, reason in ended.plan.released.items():
        yield rid, Standing(result=RELEASED, reason=reason)


def _settled(
    settled: Collection[ResourceId], ended: Ended, ledger: Ledger
) -> Iterator[tuple[ResourceId, Standing]]:
    """Yield what is to be said of what is as declared: nothing of what only follows from others."""
    resources, before = ended.desired.resources, ended.before
    in_order = resources if ended.rest is None else [rid for rid in settled if rid in resources]
    for rid in in_order:
        if rid in settled and rid not in ended.plan.ailing and not resources[rid].implied:
            owned, digest, last = ledger.owned.get(rid), resources[rid].digest, before.get(rid)
            ownership = owned.ownership if owned else None
            yield (
                rid,
                last
                if last and _says(last, digest, ownership)
                else Standing(result=Result.UNCHANGED, digest=digest, owned=ownership),
            )


def _says(standing: Standing, digest: str, owned: Ownership | None) -> bool:
    """Return whether a line says that something is as declared, so owned, and no more."""
    plain = standing.result is Result.UNCHANGED and standing.cause is None and not standing.reason
    return plain and standing.digest == digest and standing.owned is owned
