"""Decides what trued answers for, and writes it down before anything is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from agent.model import Blocked, Cause, Change, Ownership, Plan, Resource, ResourceId, Stale, Verb
from agent.reconcile.ledger import Ledger, Memory, Owned
from agent.reconcile.observe import Situation, there


def begin(
    plan: Plan, situation: Situation, memory: Memory, waiting: Collection[ResourceId] = frozenset()
) -> None:
    """
    Write down what is about to be touched; write nothing when there is nothing new to say. Raises LedgerError.

    `waiting`: what has been tried before, and is not now.
    """
    ledger, desired = situation.ledger, situation.desired
    tried = [change for change in plan.changes if change.id not in waiting]
    touched = {change.id: owned for change in tried if (owned := _touched(change, situation)) is not None}
    missed = dict(_missed(plan, ledger, frozenset(change.id for change in tried)))
    touched |= {rid: ledger.owned[rid] for rid in missed}
    true = {
        rid: owned
        for rid in plan.settled
        if (owned := _found_true(desired.resources[rid], before := ledger.owned.get(rid))) is not None
        and ((owned is not before and owned != before) or rid in ledger.unfinished)
    }
    # From now on the kind is known, and nobody is asked to recognize what could not be touched yet.
    true |= {
        rid: ledger.owned[rid] for rid in situation.recognized - touched.keys() - true.keys() - plan.gone
    }
    if touched or true or plan.gone or ledger.held != desired.commit:
        pending = {change.id: change.pending for change in tried} | missed
        memory.begin(desired.commit, touched=touched, pending=pending, true=true, gone=plan.gone)


def finish(
    ids: Iterable[ResourceId], situation: Situation, memory: Memory, owned: Mapping[ResourceId, Owned]
) -> None:
    """Write down that things are as they are to be. `owned`: what is remembered since `begin`. Raises LedgerError."""
    declared = situation.desired.resources
    outcomes = {
        rid: replace(owned[rid], digest=declared[rid].digest) if rid in declared else None
        for rid in ids
        if rid in declared or rid in owned
    }
    if outcomes:
        memory.finish(outcomes)


def _missed(plan: Plan, ledger: Ledger, tried: frozenset[ResourceId]) -> Iterator[tuple[ResourceId, Stale]]:
    """Yield what cannot, or may not, restart or reload now though something changes that it listens to: it does so once it can."""
    for entry in plan.entries:
        if isinstance(entry, Change) or entry.id not in ledger.owned:
            continue
        stale = entry.stale if isinstance(entry, Blocked) else _told(entry.change, tried)
        if stale > ledger.unfinished.get(entry.id, Stale.NO):
            yield entry.id, stale


def _told(change: Change, tried: frozenset[ResourceId]) -> Stale:
    """Return what something that is held has to do for those that change now: they may be held themselves."""
    return Stale.NO if tried.isdisjoint(change.moved) else change.stale


def _found_true(resource: Resource, before: Owned | None) -> Owned | None:
    """Return how something that is as declared is owned; None: it is not ours to answer for."""
    if before is None and resource.implied:
        return None
    if (
        before is not None
        and before.digest == resource.digest
        and before.keep == resource.keep
        and before.needs == _needs(resource)
    ):
        return before
    return _owned(resource, before.ownership if before else Ownership.ADOPTED, resource.digest)


def _touched(change: Change, situation: Situation) -> Owned | None:
    """Return how what is about to change is owned; None for a stray, which is nobody's."""
    before, resource = situation.ledger.owned.get(change.id), situation.desired.resources.get(change.id)
    if resource is None:
        return before
    return _owned(resource, _ownership(change, resource, before, situation), before.digest if before else "")


def _ownership(change: Change, resource: Resource, before: Owned | None, situation: Situation) -> Ownership:
    kind = situation.kinds[change.id.kind]
    if kind.absent(resource.spec):
        return Ownership.ADOPTED  # what comes back after this is somebody else's, never to be removed by us
    if before and not (change.verb is Verb.CREATE and change.cause is Cause.COMMIT):
        return before.ownership
    return Ownership.ADOPTED if there(kind, situation.observed[change.id]) else Ownership.CREATED


def _owned(resource: Resource, ownership: Ownership, digest: str) -> Owned:
    return Owned(digest=digest, ownership=ownership, keep=resource.keep, needs=_needs(resource))


def _needs(resource: Resource) -> tuple[ResourceId, ...]:
    return tuple(sorted(after)) if len(after := resource.after) > 1 else tuple(after)
