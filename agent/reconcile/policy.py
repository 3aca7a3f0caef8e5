"""Decides what of a plan may not be done: too many removals, an empty state, what this host does not allow. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from agent.bugs import contained
from agent.errors import HostError
from agent.model import Change, DesiredState, Held, Plan, Planned, Verb
from agent.reconcile.observe import Situation
from agent.values import dataclass

LET_THROUGH: Final = "to let it through once: trued apply --allow-removals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this host allows, whatever Git says."""

    count: int = 10  # a plan that removes more than this many,
    share: float = 0.25  # and more than this part of what is owned, has its removals held
    allow: Mapping[str, tuple[str, ...]] | None = None  # kind: globs of names; None allows everything
    allow_removals: bool = False  # a person has said yes, for this once


def hold_back(plan: Plan, situation: Situation, policy: Policy) -> Plan:
    """Return the plan with what may not be done held, each with the reason and the way out."""
    desired = situation.desired
    plan = _hold(plan, lambda change: _not_allowed(change, policy))
    leaving = {kind: going(plan, kind) for kind in {change.id.kind for change in plan.changes}}
    plan = _hold(plan, lambda change: _objection(change, leaving[change.id.kind], situation, policy))
    removals = [change.id for change in plan.changes if change.id not in desired.resources]
    reason = _too_many(len(removals), len(situation.ledger.owned), desired, policy)
    return _hold(plan, lambda change: reason if change.id not in desired.resources else "")


def going(plan: Plan, kind: str) -> frozenset[str]:
    """Return the names of one kind that a plan removes."""
    return frozenset(
        change.id.name for change in plan.changes if change.id.kind == kind and change.verb is Verb.REMOVE
    )


def objection(
    change: Change,
    have: object | HostError | None,
    situation: Situation,
    others: Collection[str],
    policy: Policy,
) -> str:
    """Return why the kind of a change wants a person to say yes to it first, or nothing. `others` are going, too."""
    if policy.allow_removals or isinstance(have, HostError):
        return ""
    resource = situation.desired.resources.get(change.id)
    kind = situation.kinds[change.id.kind]
    try:
        with contained:
            reason = kind.objection(change.id.name, resource.spec if resource else None, have, others)
    except HostError as error:
        return error.reason
    return f"{reason}; {LET_THROUGH}" if reason else ""


def _objection(change: Change, others: Collection[str], situation: Situation, policy: Policy) -> str:
    return objection(change, situation.observed[change.id], situation, others, policy)


def _hold(plan: Plan, reason: Callable[[Change], str]) -> Plan:
    def judged(entry: Planned) -> Planned:
        if isinstance(entry, Change) and (why := reason(entry)):
            return Held(id=entry.id, reason=why, change=entry)
        return entry

    return replace(plan, entries=tuple(map(judged, plan.entries)))


def _not_allowed(change: Change, policy: Policy) -> str:
    if policy.allow is None:
        return ""
    if any(fnmatchcase(change.id.name, glob) for glob in policy.allow.get(change.id.kind, ())):
        return ""
    return "this host's agent.yaml does not allow it (allow)"


def _too_many(removals: int, owned: int, desired: DesiredState, policy: Policy) -> str:
    if policy.allow_removals:
        return ""
    if removals and not desired.resources:
        return f"the declared state is empty, and would remove all {removals} that trued made; {LET_THROUGH}"
    if removals > policy.count and removals > policy.share * owned:
        return (
            f"{removals} removals of {owned} owned are more than limits.removals allows"
            f" ({policy.count} and {policy.share:.0%}); {LET_THROUGH}"
        )
    return ""
