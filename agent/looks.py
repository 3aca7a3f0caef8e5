"""
What a look leaves behind for the next one, and what the next one therefore has to look at. Reads only.

docs/decisions/0018 says what is looked at when.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from agent.host import Probe
from agent.model import DesiredState, Observed, Outcome, Plan, Report, ResourceId, Result
from agent.reconcile.attention import Attention
from agent.reconcile.ledger import Ledger
from agent.reconcile.observe import Situation, look_again
from agent.reconcile.outcomes import WELL
from agent.reconcile.plan import make_plan
from agent.reconcile.report import Rest
from agent.reconcile.ties import Ties
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a cycle is run now, and so what it has to look at. By default: to have everything as it is to be."""

    poll: bool = True  # ask Git; otherwise the host is kept true to the commit that it holds
    whole: bool = True  # look at everything; otherwise at
    heard: frozenset[str] = frozenset()  # what was heard of,
    due: bool = False  # and at what no ear hears, or was not well, or has been changed at the last look
    again: bool = False  # and at what was let be for a while that is over, and who needs that


AT_ALL: Final = Occasion()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is known since the last look. What was done then is in it, but for how that has turned out."""

    situation: Situation  # the ledger is the one after all was done
    report: Report
    ties: Ties
    unsure: frozenset[ResourceId]  # done, or in trouble, or built on what was done: to be seen
    unwell: frozenset[ResourceId]  # of these, what was in trouble

    def fits(self, desired: DesiredState, ledger: Ledger) -> bool:
        """Return whether the same is declared and remembered still."""
        known = self.situation
        return known.desired.resources is desired.resources and known.ledger is ledger

    def rest(self, only: frozenset[ResourceId]) -> Rest:
        """Return what the report has to say of all that was not looked at now."""
        left = self.unsure - only
        return Rest(
            standings=self.report.resources,
            passed=left - self.unwell,
            unwell=left & self.unwell,
            dropped=only,
        )


def to_look_at(
    before: Look, attention: Attention, occasion: Occasion, over: frozenset[ResourceId]
) -> frozenset[ResourceId]:
    """
    Return what to look at. Asked before the look begins: it is about how well one has heard until now.

    `over`: what was let be, and is to be tried again.
    """
    found = attention.concerned(occasion.heard).union(over, before.ties.following(over))
    if not occasion.due:
        return found
    return found.union(before.unsure, attention.unheard(), _claiming(_strays(before), attention))


def with_strays(before: Look, attention: Attention, ids: frozenset[ResourceId]) -> frozenset[ResourceId]:
    """Return these, and the strays that were in what they claim: what is not found again is gone."""
    return ids.union(rid for rid in _strays(before) if not _claiming([rid], attention).isdisjoint(ids))


def held_removals(before: Look, attention: Attention) -> frozenset[ResourceId]:
    """Return what was to go and was held, and those that claim it: how much goes at once is counted of all of it."""
    told, declared = before.report.resources, before.situation.desired.resources
    held = [
        rid
        for rid in before.unwell
        if rid not in declared and rid in told and told[rid].result == Result.HELD
    ]
    return frozenset(held) | _claiming(held, attention)


def _strays(before: Look) -> list[ResourceId]:
    return [rid for rid in before.unsure if rid not in before.situation.desired.resources]


def _claiming(strays: Collection[ResourceId], attention: Attention) -> frozenset[ResourceId]:
    return frozenset().union(*(attention.claiming(rid.name) for rid in strays if rid.name.startswith("/")))


def look_piecewise(
    before: Look,
    now: DesiredState,
    ledger: Ledger,
    probe: Probe,
    ids: frozenset[ResourceId],
    unheard: Collection[ResourceId],
    held: Collection[ResourceId] = (),
) -> tuple[Situation, Plan]:
    """
    Return what is to be done about these, and about what hangs on them.

    What listens to one that changes is in the plan as well. What nobody has heard of for a while, and what was in trouble,
    is looked at too where a change needs it, or would have it restart: it may be otherwise than it is remembered to be.
    """
    known = replace(before.situation, desired=now)
    situation = look_again(known, ledger, probe, ids)
    looked = only = situation.only or frozenset()
    while True:  # what is found so may change as well, and others listen to it, or it needs others
        plan = make_plan(situation)
        changing = frozenset(change.id for change in plan.changes)
        listening = before.ties.listening(changing)
        more = before.unwell.union(unheard) & (before.ties.needed(changing) | listening)
        if not changing <= now.resources.keys():
            more |= frozenset(held)
        more -= looked
        if not more and listening <= only:
            return situation, plan
        if more:
            situation = look_again(situation, ledger, probe, more)
            looked |= situation.only or frozenset()
        only |= looked | listening
        situation = replace(situation, only=only)


def plan_for_difference(before: Look, situation: Situation) -> tuple[Situation, Plan]:
    """
    Return what is to be done when everything was looked at: about what is seen otherwise than at the last look, and what hangs on it.

    What is seen as it was, and was well, is as declared still: it is not decided again, nor told anew.
    """
    seen, known = situation.observed, before.situation.observed
    only = before.unsure.union(
        situation.recognized,
        (rid for rid, state in seen.items() if rid not in known or known[rid] != state),
        known.keys() - seen.keys(),
    )
    while True:
        situation = replace(situation, only=only)
        plan = make_plan(situation)
        listening = before.ties.listening(frozenset(change.id for change in plan.changes))
        if listening <= only:
            return situation, plan
        only |= listening


def remember(
    before: Look | None,
    situation: Situation,
    ledger: Ledger,
    plan: Plan,
    outcomes: Collection[Outcome],
    report: Report,
) -> Look:
    """Return what is known when a look is over. `before`: what was known of all that it did not look at."""
    told = plan.gone.union((entry.id for entry in plan.entries), (one.id for one in outcomes))
    ill = frozenset(one.id for one in outcomes if one.result not in WELL or one.unready)
    changed = [one.id for one in outcomes if one.result is Result.CHANGED]
    known = replace(
        situation,
        observed=_without(situation, ledger, told),
        ledger=ledger,
        only=None,
        recognized=frozenset(),
    )
    if before is None or situation.only is None:
        declared = situation.desired.resources
        ties = before.ties if before and before.ties.resources is declared else Ties.of(declared)
        return Look(
            situation=known, report=report, ties=ties, unsure=told | ties.following(changed), unwell=ill
        )
    return Look(
        situation=known,
        report=report,
        ties=before.ties,
        unsure=told | before.ties.following(changed) | (before.unsure - situation.only),
        unwell=ill | (before.unwell - situation.only),
    )


def _without(situation: Situation, ledger: Ledger, told: Collection[ResourceId]) -> Observed:
    """Return what was observed, but for what is neither declared nor trued's own any more: strays, and what is let go."""
    declared, observed = situation.desired.resources, dict(situation.observed)
    for rid in told:
        if rid not in declared and rid not in ledger.owned:
            observed.pop(rid, None)
    return observed
