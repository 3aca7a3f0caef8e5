"""Acts. Walks the plan in order, lets those that go together be carried out, and says what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field

from agent.model import Change, Outcome, Plan, Planned, ResourceId, Result
from agent.reconcile import own
from agent.reconcile.again import Again
from agent.reconcile.carry import Carrier
from agent.reconcile.coming import Coming
from agent.reconcile.hands import Hands
from agent.reconcile.joined import mates
from agent.reconcile.observe import Situation, patient
from agent.reconcile.outcomes import breaks, skipped
from agent.reconcile.sight import Sight
from agent.values import dataclass


def apply(plan: Plan, situation: Situation, hands: Hands) -> Iterator[Outcome]:
    """
    Yield one outcome for each entry, then one for each that is as declared and not well. Raises LedgerError.

    In order, but for what becomes well only while others have their turn, and what needs that: those come when they can.
    `own.begin` came before. When asked to stop, the step in hand is finished and the rest is skipped.
    """
    walk = _begun(plan, situation, hands)
    yield from walk.note(hands.waiting.values())
    entries = [entry for entry in plan.entries if entry.id not in hands.waiting]
    yield from _in_turn(entries, walk)
    # Last: what is not well holds up nobody, and may be well again once the others have their way.
    yield from walk.coming.to_the_end()
    yield from (
        Outcome(id=rid, result=Result.FAILED, reason=reason)
        for rid, reason in plan.ailing.items()
        if not patient(situation.kinds[rid.kind])
    )


def _in_turn(entries: Sequence[Planned], walk: _Walk) -> Iterator[Outcome]:
    """Yield what becomes of entries; what has to wait is put off while others have their turn."""
    patiently = True
    while entries:
        walk.put_off.clear()
        at = 0
        while at < len(entries) and not walk.hands.stopping():
            if patiently and walk.puts_off(entries[at]):
                at += 1
                continue
            group = mates(entries, at, walk.situation.kinds, walk.carrier.broken, walk.is_open)
            yield from walk.note(
                walk.carrier.together(group) if group else (walk.carrier.untouched(entries[at]),)
            )
            at += max(1, len(group))
        entries = [*walk.put_off.values(), *entries[at:]]
        before = len(walk.coming.ids)
        if entries and not walk.hands.stopping():
            yield from walk.note(walk.coming.until_well(walk.awaited(entries), any_of=True))
        patiently = len(walk.coming.ids) < before  # or it has been long enough
        if walk.hands.stopping():
            yield from map(skipped, entries)
            return


def _begun(plan: Plan, situation: Situation, hands: Hands) -> _Walk:
    sight = Sight(situation, hands.host, hands.beat, hands.looking)
    owned = hands.memory.load().owned

    def finish(*ids: ResourceId) -> None:
        own.finish(ids, situation, hands.memory, owned)

    coming = Coming(plan, sight, hands, finish)
    again = Again(plan, situation, hands, owned, sight)
    carrier = Carrier(situation, hands, sight, again, coming, finish)
    return _Walk(situation, hands, coming, carrier)


@dataclass(frozen=True, slots=True)
class _Walk:
    situation: Situation
    hands: Hands
    coming: Coming
    carrier: Carrier
    put_off: dict[ResourceId, Change] = field(default_factory=dict)  # until what they need is well

    def note(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass the outcomes on, remembering those that others must not build on."""
        for outcome in outcomes:
            if breaks(outcome):
                self.carrier.broken[outcome.id] = outcome.result
            elif outcome.result is Result.CHANGED:
                self.carrier.changed.add(outcome.id)
            yield outcome

    def is_open(self, rid: ResourceId) -> bool:
        """Return whether it is not known yet what becomes of something: nothing is built on it before."""
        return rid in self.coming.ids or rid in self.put_off

    def puts_off(self, entry: Planned) -> bool:
        """Put off a change before which something has to become well, and a removal before which something has to go."""
        if not isinstance(entry, Change) or not self.carrier.broken.keys().isdisjoint(entry.needs):
            return False
        # What goes may do so when what takes its place is there.
        early = bool(self.put_off) and entry.id not in self.situation.desired.resources
        if not early and not any(map(self.is_open, (*entry.needs, *entry.outlives))):
            return False
        self.put_off[entry.id] = entry
        return True

    def awaited(self, entries: Iterable[Planned]) -> Sequence[ResourceId]:
        """Return all that is coming and that these changes wait for."""
        changes = [entry for entry in entries if isinstance(entry, Change)]
        needed = dict.fromkeys(rid for one in changes for rid in (*one.needs, *one.outlives))
        return [rid for rid in needed if rid in self.coming.ids]
