"""The state of all packages in one reading; what the index has and what would happen, only where something differs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Final, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.kinds.package.decide import decide, fitting
from agent.kinds.package.manager import Database, Index, Installed, Manager, Offer, Order
from agent.kinds.package.managers import of_host
from agent.kinds.package.spec import LATEST, PackageSpec
from agent.kinds.package.state import State
from agent.kinds.package.together import Verdict, Wished, judge
from agent.model import few
from agent.values import dataclass

Wants: TypeAlias = Mapping[str, PackageSpec | None]
States: TypeAlias = dict[str, State | HostError]

# After an attempt to read the index anew, the next one waits: a source may be down for days, or a name a mistake.
RETRY: Final = 600.0  # seconds


def observe(probe: Probe, wants: Wants) -> Mapping[str, State | HostError | None]:
    """Return the state of all `wants`; raises HostError."""
    manager = of_host(probe)
    read = probe.remembered("package:read", manager.written, lambda: _Read(manager.database(probe)))
    looking = _Looking(probe, manager, read.database, wants)
    if read.wants != wants:
        read.wants, read.states = dict(wants), looking.stated()
        read.opened = looking.opened(read.states)
    if not read.opened:
        return read.states
    states = {**read.states, **looking.offered(read.opened)}
    return states | looking.judged(states)


@dataclass(slots=True)
class _Read:
    """A database, and what it says of what was wanted last: while it stays as it is, that is so at each look."""

    database: Database
    wants: Wants = field(default_factory=dict)
    states: States = field(default_factory=dict)
    opened: Mapping[str, State] = field(default_factory=dict)  # those of which it does not say enough


@dataclass(slots=True)
class _Looking:
    probe: Probe
    manager: Manager
    database: Database
    wants: Wants

    def stated(self) -> States:
        """Return what the database says."""
        mended, torn = self._mended(), tuple(name for name in self._others() if self._is_torn(name))
        states: States = {}
        for name in self.wants:
            one = self.database.find(name)
            states[name] = State(manager=self.manager.name, installed=one, mended=mended, torn=torn)
            plain, _, architecture = name.partition(":")
            if architecture == self.database.native and plain in self.wants:
                states[name] = HostError(
                    f"{name} is {plain} on this host, which is declared too: keep one of them"
                )
        return states

    def _mended(self) -> str:
        if self.database.interrupted:
            return "an earlier transaction was interrupted"
        others = self._others()
        return f"{few(others, 3)} {'is' if len(others) == 1 else 'are'} not whole" if others else ""

    def _others(self) -> list[str]:
        """Return what is not whole, and is not to be made so by a step of its own."""
        return [name for name in self.database.broken if self.wants.get(name) is None]

    def _is_torn(self, name: str) -> bool:
        one = self.database.find(name)
        return name not in self.wants and one is not None and one.reinstall

    def opened(self, states: States) -> Mapping[str, State]:
        return {
            name: state for name, state in states.items() if isinstance(state, State) and self._is_open(name)
        }

    def _is_open(self, name: str) -> bool:
        """Return whether the database alone does not tell that this is as declared."""
        want, one = self.wants[name], self.database.find(name)
        if want is None or want.absent:
            return True
        if one is None or not one.whole or want.version == LATEST:
            return True
        return not want.fits(one.version) or one.auto or want.hold not in {None, one.held}

    def offered(self, states: Mapping[str, State]) -> States:
        """Return these with what the index has of them."""
        names = [name for name in states if self._asks_index(name)]
        if not names:
            return {name: self._going(name, state) for name, state in states.items()}
        damage = self.manager.damage(self.probe)
        offers, index = self.manager.offers(self.probe, names), self.manager.index(self.probe)
        found: States = {}
        for name, state in states.items():
            if name not in names:
                found[name] = self._going(name, state)
                continue
            asked = replace(state, asked=True, offer=offers.get(name), damage=damage, dated=_day(index))
            found[name] = self._explained(name, asked, index)
        return found

    def _asks_index(self, name: str) -> bool:
        want = self.wants[name]
        return want is not None and not want.absent and not self._agrees(want, self.database.find(name))

    def _agrees(self, want: PackageSpec, one: Installed | None) -> bool:
        if one is None or not one.whole or want.version == LATEST:
            return False
        return want.fits(one.version)

    def _going(self, name: str, state: State) -> State:
        """Return one that is to go, with what speaks against that."""
        want, one = self.wants[name], state.installed
        if want is not None and not want.absent:
            return state
        if one is None or not one.there:
            return replace(state, provided_by=self.database.providers(name) if want is not None else ())
        return replace(state, vital=one.vital or one.name in self.manager.vital(self.probe))

    def _explained(self, name: str, state: State, index: Index) -> State:
        """Return one with what helps to decide, or to say why nothing can be decided."""
        want, offer = self.wants[name], state.offer
        if want is None:
            return state
        if (
            not state.there
            and (offer is None or offer.virtual)
            and (stand_in := self._providers(name, offer))
        ):
            return replace(state, provided_by=stand_in)
        old = want.version == LATEST and (index.age is None or index.age > want.refresh)
        missing = offer is None or not fitting(want, offer)
        if state.damage:
            return replace(state, offer=None, unread=True)
        state = replace(state, unread=_may_try(index) and (old or missing))
        if not missing or state.unread:
            return state
        if offer is None:
            return replace(state, near=self.manager.near(self.probe, name))
        return replace(state, near=self.manager.providers(self.probe, name)) if offer.virtual else state

    def _providers(self, name: str, offer: Offer | None) -> tuple[str, ...]:
        """Return what stands for a virtual package: what is installed, or else what is declared to be."""
        if installed := self.database.providers(name):
            return installed
        others = self.manager.providers(self.probe, name) if offer else ()
        return tuple(other for other in others if (want := self.wants.get(other)) and not want.absent)

    def judged(self, states: Mapping[str, State | HostError]) -> States:
        """Return those that are to change, with what that would bring."""
        orders = tuple(self._orders(states))
        if not orders:
            return {}
        verdicts = self._verdicts(orders)
        return {
            name: replace(state, refused=verdict.refused, besides=verdict.besides, removes=verdict.removes)
            for name, verdict in verdicts.items()
            if isinstance(state := states[name], State)
        }

    def _verdicts(self, orders: tuple[Order, ...]) -> Mapping[str, Verdict]:
        """Return what would become of orders. Remembered as a whole: where many are at fault it takes hundreds of simulations."""
        wished = self._wished()

        def ask() -> Mapping[str, Verdict]:
            return judge(orders, wished, lambda some: self.manager.simulate(self.probe, some))

        key = ("package:verdicts", orders, wished.present, wished.gone, wished.vital)
        return self.probe.remembered(key, self.manager.evidence(self.probe), ask)

    def _orders(self, states: Mapping[str, State | HostError]) -> Iterable[Order]:
        for name in sorted(states):
            state = states[name]
            if isinstance(state, HostError):
                continue
            try:
                decision = decide(name, self.wants[name], state)
            except HostError:
                continue  # `steps` will say it
            if decision.order and not decision.look:
                yield decision.order

    def _wished(self) -> Wished:
        plain = {name: self.database.plain(name) for name in self.wants}
        gone = {plain[name] for name, want in self.wants.items() if want is None or want.absent}
        return Wished(
            database=self.database,
            present=frozenset(plain.values()) - gone,
            gone=frozenset(gone),
            vital=self.manager.vital(self.probe),
            unhold=self.manager.hints.unhold,
        )


def _may_try(index: Index) -> bool:
    return index.outrun or index.tried is None or index.tried > RETRY


def _day(index: Index) -> str:
    if index.age is None:
        return ""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - index.age))
