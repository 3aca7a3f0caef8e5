"""
Decides late kinds once more, right before their turn: on what the host is now, after what stands in the way is done.

Acts only for that, by the steps that a kind prepares with; what is decided is carried out by `carry`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from agent.bugs import contained
from agent.errors import HostError
from agent.model import Change, Held, Plan, Planned, ResourceId, Step
from agent.reconcile.hands import Hands
from agent.reconcile.ledger import Owned
from agent.reconcile.observe import Situation
from agent.reconcile.plan import decide_again
from agent.reconcile.policy import going, objection
from agent.reconcile.sight import Sight
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What is seen right before something is decided late."""

    haves: Mapping[str, object | HostError | None]
    done: tuple[str, ...]  # why something had to be done for that
    trouble: tuple[str, ...]  # and what went wrong with it


@dataclass(frozen=True, slots=True)
class Again:
    """What was planned, and what it is decided again with."""

    plan: Plan
    situation: Situation
    hands: Hands
    owned: Mapping[ResourceId, Owned]
    sight: Sight
    _in_vain: dict[tuple[Step, int], str] = field(
        default_factory=dict, init=False
    )  # what was done first, as long as nothing changes

    def prepared(self, changes: Sequence[Change], so_far: int) -> Ready:
        """
        Return what is seen once nothing stands in the way of deciding, and what was done for that.

        `so_far`: how much this walk has changed. What was done in vain is done again only after something else has.
        """
        kind, ids = self.situation.kinds[changes[0].id.kind], [change.id for change in changes]
        wants, haves = self.sight.wants(ids), self.sight.look(ids)
        steps = tuple(kind.prepare(wants, haves))
        done, trouble = [], []
        for step in steps:
            attempt = step, so_far
            if (
                attempt in self._in_vain
            ):  # a server that does not come is not waited for by each that needs it
                trouble.append(self._in_vain[attempt])
                continue
            try:
                with contained:
                    self.hands.host.perform(step, self.hands.beat)
            except HostError as error:
                trouble.append(error.reason)
                self._in_vain[attempt] = error.reason
            else:
                done.append(step.why)
        return Ready(
            haves=self.sight.look(ids) if steps else haves,
            done=tuple(dict.fromkeys(filter(None, done))),
            trouble=tuple(trouble),
        )

    def decided(self, change: Change, have: object | HostError | None) -> Planned | None:
        """Return what becomes of a change now that this is there, after what the policies say; None: nothing is left to do."""
        entry = decide_again(change, have, self.situation)
        if not isinstance(entry, Change):
            return entry
        others = going(self.plan, change.id.kind)
        reason = objection(entry, have, self.situation, others, self.hands.policy)
        return Held(id=entry.id, reason=reason, change=entry) if reason else entry

    def begin(self, changes: Collection[Change]) -> None:
        """Write down what turned out to have more to do than was thought."""
        if changes:
            self.hands.memory.begin(
                self.plan.commit,
                touched={change.id: self.owned[change.id] for change in changes},
                pending={change.id: change.pending for change in changes},
                true={},
                gone=(),
            )
