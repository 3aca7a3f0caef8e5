"""What is said of entries that were carried out, or could not be, and what others may build on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from agent.model import Blocked, Cause, Change, Held, Outcome, Plan, Planned, ResourceId, Result, Verb

WELL: Final = frozenset({Result.CHANGED, Result.UNCHANGED})


def outcome_of(change: Change, result: Result, reason: str) -> Outcome:
    return Outcome(id=change.id, result=result, verb=change.verb, cause=change.cause, reason=reason)


def untouched(
    entry: Planned, broken: Mapping[ResourceId, Result], coming: Collection[ResourceId]
) -> Outcome:
    """Return the outcome of what cannot be done: it is no change, or something that it needs is in trouble."""
    if isinstance(entry, Held):
        return outcome_of(entry.change, Result.HELD, entry.reason)
    if isinstance(entry, Blocked):
        return Outcome(id=entry.id, result=Result.BLOCKED, reason=entry.reason)
    return outcome_of(entry, Result.BLOCKED, _in_the_way(entry, broken, coming))


def skipped(entry: Planned) -> Outcome:
    return Outcome(
        id=entry.id, result=Result.SKIPPED, reason="trued was asked to stop before it came to this"
    )


def breaks(outcome: Outcome) -> bool:
    """Return whether those that need this one must wait: drift that is left as it is holds up nobody."""
    drifted = outcome.cause is Cause.DRIFT and outcome.verb is Verb.UPDATE
    return outcome.result not in WELL and not (outcome.result in {Result.HELD, Result.CONTESTED} and drifted)


def resting(plan: Plan, waiting: Mapping[ResourceId, Outcome]) -> frozenset[ResourceId]:
    """Return the drift that is left as it is now, and that something would restart for all the same."""
    held = (outcome_of(one.change, Result.HELD, "") for one in plan.entries if isinstance(one, Held))
    left = frozenset(one.id for one in (*held, *waiting.values()) if not breaks(one))
    return left if any(not left.isdisjoint(change.moved) for change in plan.changes) else frozenset()


def _in_the_way(change: Change, broken: Mapping[ResourceId, Result], coming: Collection[ResourceId]) -> str:
    if missing := sorted(need for need in change.needs if need in broken):
        result = broken[missing[0]]
        return f"needs {missing[0]}, which {'failed' if result is Result.FAILED else f'is {result}'}"
    if unready := sorted(need for need in change.needs if need in coming):
        return f"needs {unready[0]}, which is not ready yet"
    return f"is needed by {min(rid for rid in change.outlives if rid in coming)}, which is not gone yet"


def as_text(seconds: float) -> str:
    """Return a span as a document says it: 5m, 90s."""
    whole = round(seconds)
    if whole and whole % 3600 == 0:
        return f"{whole // 3600}h"
    return f"{whole // 60}m" if whole and whole % 60 == 0 else f"{whole}s"
