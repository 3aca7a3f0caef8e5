"""Turns what a cycle did into the report of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from agent.errors import DocumentError, HostError, RefusedError, TruedError
from agent.model import (
    RELEASED,
    DesiredState,
    Identity,
    Outcome,
    Plan,
    Report,
    ResourceId,
    Result,
    Standing,
    Verdict,
)
from agent.reconcile.ledger import Ledger

TROUBLE = (Result.FAILED, Result.BLOCKED, Result.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A plan that was carried out as far as it went."""

    desired: DesiredState
    plan: Plan
    outcomes: tuple[Outcome, ...]


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
    results = {outcome.result for outcome in ended.outcomes} if ended else set()
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
        resources=dict(_standings(ended, ledger)) if ended else {},
    )


def explain(error: TruedError | None) -> str:
    """Return an error with its way out, as a report says it; nothing for none."""
    return error.full if error else ""


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


def _standings(ended: Ended, ledger: Ledger) -> Iterator[tuple[ResourceId, Standing]]:
    """Yield how each stands: what was in the plan, in its order; what is let go; what is as declared."""
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
    for rid, resource in resources.items():
        if rid in ended.plan.settled and rid not in ended.plan.ailing and not resource.implied:
            owned = ledger.owned.get(rid)
            yield (
                rid,
                Standing(
                    result=Result.UNCHANGED, digest=resource.digest, owned=owned.ownership if owned else None
                ),
            )
