"""Which orders the manager can carry out together, and who is at fault where it can't. Pure but for the simulations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from functools import cache
from itertools import groupby
from typing import TypeAlias

from agent.kinds.package.manager import Database, Order, Simulation
from agent.values import dataclass

Simulate: TypeAlias = Callable[[tuple[Order, ...]], Simulation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What would become of one order."""

    refused: str = ""  # why it cannot be done
    besides: Simulation | None = None  # what is done besides; of orders that go together, said of the first
    removes: tuple[str, ...] = ()  # of that, what nobody asked to be removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """What is declared of packages, by the names that a simulation uses."""

    database: Database
    present: frozenset[str]
    gone: frozenset[str]
    vital: frozenset[str]
    unhold: str  # the way out, where a hold is in the way

    def refusal(self, done: Simulation, orders: Collection[Order]) -> str:
        """Return why this must not be done, whoever says yes to it."""
        if done.words:
            return done.words
        own = self.named(orders)
        for name in sorted(done.touched - own):
            one = self.database.find(name)
            if one is not None and one.held:
                return f"{name} would have to change, and is held on this host: {self.unhold.format(name)}"
        for name in done.removes:
            one = self.database.find(name)
            if name in self.vital or (one is not None and one.vital):
                return f"{name} would be removed, which is essential to this host or to trued"
            if name in self.present and name not in own:
                return f"{name} would be removed, and is declared to be installed"
        return ""

    def named(self, orders: Collection[Order]) -> frozenset[str]:
        return frozenset(self.database.plain(order.name) for order in orders)

    def unasked(self, done: Simulation) -> tuple[str, ...]:
        return tuple(name for name in done.removes if name not in self.gone)


def judge(orders: Sequence[Order], wished: Wished, simulate: Simulate) -> Mapping[str, Verdict]:
    """Return a verdict for each order, by name."""
    verdicts: dict[str, Verdict] = {}
    once = cache(simulate)  # some are asked for again on the way
    for _, group in groupby(sorted(orders, key=_options), _options):
        verdicts |= _Trial(wished, once).of(tuple(group))
    return verdicts


def _options(order: Order) -> str:
    """Return what tells apart orders that cannot go in one transaction."""
    return f"{order.recommends} {order.downgrade} {order.again}"


@dataclass(slots=True)
class _Trial:
    wished: Wished
    simulate: Simulate
    kept: tuple[Order, ...] = ()
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def of(self, orders: tuple[Order, ...]) -> Mapping[str, Verdict]:
        if not self._fit(orders) and len(orders) > 1 and (words := self.simulate(()).words):
            return {order.name: Verdict(refused=words) for order in orders}  # it is nobody's fault here
        if not self.kept:
            self._add(orders)
        if self.kept:
            done = self.simulate(self.kept)
            self.verdicts[self.kept[0].name] = Verdict(besides=_without(done, self.wished.named(self.kept)))
        return {order.name: self.verdicts.get(order.name, Verdict()) for order in orders}

    def _fit(self, more: tuple[Order, ...]) -> bool:
        """Keep these too, if they go with those that are kept, and nothing is removed that nobody asked for."""
        together = (*self.kept, *more)
        done = self.simulate(together)
        if self.wished.refusal(done, together) or self.wished.unasked(done):
            return False
        self.kept = together
        return True

    def _add(self, more: tuple[Order, ...]) -> None:
        """Keep as many of these as go together: by halves, since few are at fault."""
        if self._fit(more):
            return
        if len(more) > 1:
            middle = len(more) // 2
            self._add(more[:middle])
            self._add(more[middle:])
            return
        done = self.simulate((*self.kept, *more))
        refused = self.wished.refusal(done, (*self.kept, *more))
        self.verdicts[more[0].name] = Verdict(
            refused=refused,
            besides=None if refused else _without(done, self.wished.named((*self.kept, *more))),
            removes=() if refused else self.wished.unasked(done),
        )


def _without(done: Simulation, own: Collection[str]) -> Simulation | None:
    """Return what is done besides what was ordered."""
    besides = Simulation(
        installs={name: version for name, version in done.installs.items() if name not in own},
        upgrades={name: versions for name, versions in done.upgrades.items() if name not in own},
        removes=tuple(name for name in done.removes if name not in own),
    )
    return besides if besides.touched else None
