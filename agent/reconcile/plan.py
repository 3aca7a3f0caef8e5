"""Decides. Pure: the same inputs give the same plan, and nothing is read or written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from agent.bugs import contained
from agent.errors import HostError
from agent.kinds import AnyKind, Kind, NotYetError
from agent.model import (
    Blocked,
    Cause,
    Change,
    Drift,
    Held,
    KeepFirst,
    Ownership,
    Plan,
    Planned,
    Resource,
    ResourceId,
    Stale,
    Step,
    Verb,
)
from agent.reconcile.observe import Situation, patient, there
from agent.reconcile.order import in_order
from agent.values import dataclass


def make_plan(situation: Situation, resting: Collection[ResourceId] = frozenset()) -> Plan:
    """
    Return what must happen, in order. What is declared is in order already.

    Where only some may be otherwise than at the last look, it is of these that the plan speaks. `resting`: drift that
    is left as it is for now, so that nothing restarts for its sake.
    """
    desired, planner = situation.desired, _Planner(situation, resting)
    entries: dict[ResourceId, Planned] = {}
    declared = planner.in_turn()
    for rid in declared:
        if entry := planner.declared(desired.resources[rid], entries):
            entries[rid] = entry
    released: dict[ResourceId, str] = {}
    needing: dict[ResourceId, list[ResourceId]] = {}  # those that go, and may take their time
    for rid in planner.undeclared():
        reason = planner.stays(rid)
        if isinstance(reason, Blocked):
            entries[rid] = reason
        elif reason:
            released[rid] = reason
        elif entry := planner.removal(rid, frozenset(needing.get(rid, ()))):
            entries[rid] = entry
            if isinstance(entry, Change) and patient(situation.kinds[rid.kind]):
                for need in planner.needed(rid):
                    needing.setdefault(need, []).append(rid)
    return Plan(
        commit=desired.commit,
        entries=tuple(entries.values()),
        settled=frozenset(rid for rid in declared if rid not in entries),
        gone=frozenset(
            rid for rid in planner.owned() if rid not in desired.resources and rid not in entries
        ),
        released=released,
        ailing=dict(planner.ailing(rid for rid in declared if rid not in entries)),
    )


def decide_again(change: Change, have: object | HostError | None, situation: Situation) -> Planned | None:
    """Return what is left of a planned change now that the host has moved on; None: nothing is left to do."""
    planner = _Planner(situation)
    resource = situation.desired.resources.get(change.id)
    if resource is None:
        return planner.removing(change.id, have)
    return planner.change(resource, have, change)


def stays_after_all(
    change: Change, have: object | HostError | None, situation: Situation
) -> tuple[str, bool]:
    """Return why what was to go does not, or nothing; and whether that may only be so for now."""
    if change.id in situation.desired.resources:
        return "", False
    planner = _Planner(situation)
    if reason := planner.leaves(change.id, have):
        return reason, False
    return planner.clings(change.id, have), True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something is looked at with an eye to change, and what it has to do in any case."""

    cause: Cause
    stale: Stale = Stale.NO
    moved: tuple[ResourceId, ...] = ()


_DRIFTED, _COMMITTED = Reason(cause=Cause.DRIFT), Reason(cause=Cause.COMMIT)


class _Planner:
    def __init__(self, situation: Situation, resting: Collection[ResourceId] = frozenset()) -> None:
        self.resting = resting
        self.desired, self.observed = situation.desired, situation.observed
        self.ledger, self.kinds, self.only = situation.ledger, situation.kinds, situation.only

    def in_turn(self) -> Collection[ResourceId]:
        """Return what is declared and may be otherwise, each after what it needs."""
        resources = self.desired.resources
        if self.only is None:
            return resources.keys()
        # A few are soon put in order: ten thousand need not be gone through for that.
        graph = {rid: resources[rid].after for rid in self.only if rid in resources}
        return tuple(in_order(graph, self.kinds))

    def owned(self) -> Collection[ResourceId]:
        owned = self.ledger.owned.keys()
        return owned if self.only is None else self.only & owned

    def declared(self, resource: Resource, entries: Mapping[ResourceId, Planned]) -> Planned | None:
        """Return what is to be done about something declared, given what comes before it."""
        reason = self._reason(resource, entries)
        ahead = bool(entries) and any(isinstance(entries.get(need), Change) for need in resource.after)
        entry = self.change(resource, self.observed[resource.id], reason, ahead=ahead)
        if not isinstance(entry, Change):
            return entry
        if missing := sorted(need for need in resource.after if isinstance(entries.get(need), Blocked)):
            why = f"needs {missing[0]}, which is blocked"
            return Blocked(id=resource.id, reason=why, stale=reason.stale)
        if reason.cause is Cause.DRIFT and resource.drift is Drift.REPORT:
            return Held(id=resource.id, reason=f"drift is only reported: {entry.why}", change=entry)
        return entry

    def change(
        self,
        resource: Resource,
        have: object | HostError | None,
        reason: Reason | Change,
        *,
        ahead: bool = False,
    ) -> Change | Blocked | None:
        """Return what turns what is seen into what is declared. `ahead`: what it needs changes before its turn."""
        rid, kind = resource.id, self.kinds[resource.id.kind]
        if isinstance(have, HostError):
            return Blocked(id=rid, reason=have.reason, stale=reason.stale)
        try:
            with contained:
                steps = self._steps(resource, have, reason.stale, ahead=ahead and kind.late)
                if not steps or (reason.cause is Cause.DRIFT and resource.drift is Drift.IGNORE):
                    return None
                return Change(
                    id=rid,
                    verb=_verb(kind, resource, have),
                    cause=reason.cause,
                    steps=(*self._first(rid, have), *steps),
                    needs=resource.after,
                    stale=reason.stale,
                    moved=reason.moved,
                )
        except HostError as error:
            return Blocked(id=rid, reason=error.reason, stale=reason.stale)

    def ailing(self, settled: Iterable[ResourceId]) -> Iterator[tuple[ResourceId, str]]:
        """Yield what is as declared and yet not well, and why."""
        knowing = {name for name, kind in self.kinds.items() if type(kind).health is not Kind.health}
        for rid in settled:
            have = self.observed[rid] if rid.kind in knowing else None
            if have is None or isinstance(have, HostError):
                continue
            if reason := self._health(rid, have):
                yield rid, reason

    def _health(self, rid: ResourceId, have: object) -> str:
        try:
            with contained:
                return self.kinds[rid.kind].health(rid.name, self.desired.resources[rid].spec, have)
        except HostError as error:
            return error.reason

    def _steps(
        self, resource: Resource, have: object | None, stale: Stale, *, ahead: bool
    ) -> tuple[Step, ...]:
        """Return what a kind answers; raises HostError. `ahead`: what it cannot do yet, it may be able to then."""
        rid, kind = resource.id, self.kinds[resource.id.kind]
        try:
            return tuple(kind.steps(rid.name, resource.spec, have, stale=stale))
        except NotYetError as error:
            if not ahead:
                raise
            try:
                return tuple(kind.steps(rid.name, resource.spec, None, stale=stale))
            except HostError:
                raise error from None

    def undeclared(self) -> Iterator[ResourceId]:
        """Yield what is to go, in the reverse of the order in which it came."""
        there = self.observed if self.only is None else self.only & self.observed.keys()
        going = {rid: self.needed(rid) for rid in there if rid not in self.desired.resources}
        yield from reversed(tuple(in_order(going, self.kinds)))

    def stays(self, rid: ResourceId) -> str | Blocked:
        """Return why something of ours that is no longer declared is left in place, or nothing; or that this cannot be told."""
        try:
            with contained:
                return self._stays(rid)
        except HostError as error:
            return Blocked(id=rid, reason=error.reason)

    def _stays(self, rid: ResourceId) -> str:
        owned, have = self.ledger.owned.get(rid), self.observed[rid]
        if owned is None or rid.kind not in self.kinds or not there(self.kinds[rid.kind], have):
            return ""
        claimed = self.kinds[rid.kind].claimed(have)
        if owned.keep and not claimed:
            return "no longer declared, kept as it was declared to be"
        if owned.ownership is Ownership.ADOPTED and not claimed:
            return "no longer declared, left as it is: it was there before trued"
        reason = self.leaves(rid, have)
        return f"no longer declared, left in place: {reason}" if reason else ""

    def leaves(self, rid: ResourceId, have: object | HostError | None) -> str:
        kind = self.kinds[rid.kind]
        return kind.leaves(rid.name, have) if there(kind, have) else ""

    def clings(self, rid: ResourceId, have: object | HostError | None) -> str:
        kind = self.kinds[rid.kind]
        return kind.clings(rid.name, have) if there(kind, have) else ""

    def removal(self, rid: ResourceId, before: frozenset[ResourceId]) -> Change | Blocked | None:
        entry = self.removing(rid, self.observed[rid])
        return replace(entry, outlives=before) if before and isinstance(entry, Change) else entry

    def removing(self, rid: ResourceId, have: object | HostError | None) -> Change | Blocked | None:
        """Return what takes away something that is no longer declared."""
        if isinstance(have, HostError):
            return Blocked(id=rid, reason=have.reason)
        stale = self.ledger.unfinished.get(rid, Stale.NO)
        try:
            with contained:
                steps = tuple(self.kinds[rid.kind].steps(rid.name, None, have, stale=stale))
                every = (*self._first(rid, have), *steps)
        except HostError as error:
            return Blocked(id=rid, reason=error.reason)
        if not steps:
            return None
        cause = Cause.COMMIT if rid in self.ledger.owned else Cause.DRIFT
        return Change(id=rid, verb=Verb.REMOVE, cause=cause, steps=every, stale=stale)

    def needed(self, rid: ResourceId) -> tuple[ResourceId, ...]:
        return self.ledger.owned[rid].needs if rid in self.ledger.owned else ()

    def _reason(self, resource: Resource, entries: Mapping[ResourceId, Planned]) -> Reason:
        unfinished = self.ledger.unfinished.get(resource.id)
        if unfinished is None and not resource.restart_on and not resource.reload_on:  # nearly always
            owned = self.ledger.owned.get(resource.id)
            known = owned is not None and owned.digest == resource.digest
            return _DRIFTED if known else _COMMITTED
        stale = unfinished or Stale.NO
        restarts = self._moved(resource.restart_on, entries)
        reloads = self._moved(resource.reload_on, entries)
        if restarts or reloads:
            stale = max(stale, Stale.RESTART if restarts else Stale.RELOAD)
            return Reason(cause=Cause.TRIGGER, stale=stale, moved=(*restarts, *reloads))
        if unfinished is not None:
            return Reason(cause=Cause.UNFINISHED, stale=stale)
        owned = self.ledger.owned.get(resource.id)
        return _DRIFTED if owned is not None and owned.digest == resource.digest else _COMMITTED

    def _moved(
        self, listened: Iterable[ResourceId], entries: Mapping[ResourceId, Planned]
    ) -> tuple[ResourceId, ...]:
        return tuple(
            sorted(
                rid for rid in listened if rid not in self.resting and isinstance(entries.get(rid), Change)
            )
        )

    def _first(self, rid: ResourceId, have: object | None) -> tuple[Step, ...]:
        """
        Return what keeps something that trued did not make, before it is touched for the first time.

        What is kept already stays as it is; so this may be asked for more often than needed: something adopted
        may have been as declared until now, and what could not be made may have been made by hand meanwhile.
        """
        owned = self.ledger.owned.get(rid)
        if not there(self.kinds[rid.kind], have) or (owned is not None and owned.made):
            return ()
        anew = rid in self.desired.resources and (owned is None or not owned.digest)
        steps = self.kinds[rid.kind].first(rid.name, have)
        return tuple(replace(step, anew=anew) if isinstance(step, KeepFirst) else step for step in steps)


def _verb(kind: AnyKind, resource: Resource, have: object | None) -> Verb:
    if kind.absent(resource.spec):
        return Verb.REMOVE
    return Verb.UPDATE if there(kind, have) else Verb.CREATE
