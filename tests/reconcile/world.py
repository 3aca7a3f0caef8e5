"""
A host made of a dict, with one kind of thing on it: a named value, set and unset by one command each.

It keeps state, so that a test can ask afterwards what the host looks like; it can die at its n-th step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import HostError
from agent.kinds import AnyKind, Kind
from agent.model import DesiredState, Drift, Outcome, Plan, Resource, ResourceId, Run, Stale, Step
from agent.reconcile.apply import Hands, apply
from agent.reconcile.ledger import Memory
from agent.reconcile.observe import Situation, observe
from agent.reconcile.order import ordered
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy


class PowerCut(BaseException):
    """The end of the process, at any line: nothing may catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingSpec:
    value: str = ""
    absent: bool = False


class Thing(Kind[ThingSpec, str]):
    section = "things"
    spec = ThingSpec
    rank = 20

    def absent(self, spec: ThingSpec) -> bool:
        return spec.absent

    def observe(self, probe, wants: Mapping[str, ThingSpec | None]):
        found = {name: probe.value(name) for name in wants}
        if any(want and want.value == "exclusive" for want in wants.values()):
            strays = {name: value for name, value in probe.values.items() if name.startswith("stray")}
            found = {**strays, **found}
        return found

    def steps(self, name: str, want: ThingSpec | None, have: str | None, *, stale: Stale) -> Iterator[Step]:
        if want is None or want.absent:
            if have is not None:
                yield Run(argv=("unset",), operands=(name,), why="no longer declared")
        elif have == "in the way":
            raise HostError("something is in the way")
        elif have != want.value:
            why = "missing" if have is None else f"is {have}"
            yield Run(argv=("set",), operands=(f"{name}={want.value}",), why=why)
        elif stale:
            yield Run(argv=("restart", name), unseen=stale, why="what it reads has changed")

    def first(self, name: str, have: str) -> Iterable[Step]:
        yield Run(argv=("keep", name), why="")

    def leaves(self, name: str, have: str) -> str:
        return "it holds data" if have == "data" else ""


class World:
    """The host. `broken` names can't be set, `deaf` ones can't be read, `sticky` ones don't change."""

    def __init__(self, **values: str) -> None:
        self.values = dict(values)
        self.performed: list[tuple[str, ...]] = []
        self.kept: dict[str, str] = {}
        self.broken: set[str] = set()
        self.deaf: set[str] = set()
        self.sticky: set[str] = set()
        self.steps_to_live: int | None = None

    def probe(self) -> World:
        return self

    def value(self, name: str) -> str | HostError | None:
        return HostError(f"{name} does not answer") if name in self.deaf else self.values.get(name)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        assert isinstance(step, Run)
        if self.steps_to_live is not None:
            if self.steps_to_live == 0:
                raise PowerCut
            self.steps_to_live -= 1
        self.performed.append((*step.argv, *step.operands))
        names = [operand.partition("=")[0] for operand in step.operands]
        if bad := self.broken.intersection(names):
            raise HostError(f"{' '.join(sorted(bad))}: exit 1")
        match step.argv[0]:
            case "set":
                self._set(step.operands)
            case "unset":
                for name in names:
                    if name in self.sticky:
                        self.values[name] = "data"  # somebody was quicker, and put something there
                    else:
                        self.values.pop(name, None)
            case "keep":
                self.kept.setdefault(step.argv[1], self.values[step.argv[1]])

    def _set(self, operands: Collection[str]) -> None:
        for operand in operands:
            name, _, value = operand.partition("=")
            if name not in self.sticky:
                self.values[name] = value


KINDS: Mapping[str, AnyKind] = {"thing": Thing()}


def thing(name: str) -> ResourceId:
    return ResourceId("thing", name)


def resource(
    name: str,
    value: str = "1",
    *,
    needs: Collection[str] = (),
    restart_on: Collection[str] = (),
    absent: bool = False,
    keep: bool = False,
    implied: bool = False,
    drift: Drift = Drift.CORRECT,
) -> Resource:
    spec = ThingSpec(value=value, absent=absent)
    return Resource(
        id=thing(name),
        spec=spec,
        digest=repr(spec),
        origin="base/base.yaml:1",
        needs=frozenset(map(thing, needs)),
        restart_on=frozenset(map(thing, restart_on)),
        keep=keep,
        implied=implied,
        drift=drift,
    )


def desired(*resources: Resource, commit: str = "c1") -> DesiredState:
    return ordered(DesiredState(commit=commit, resources={r.id: r for r in resources}), KINDS)


class Cycle:
    """Look, plan, apply, against a ledger on disk."""

    def __init__(self, path: Path, world: World) -> None:
        self.path, self.world, self.memory = path, world, Memory(path)

    def situation(self, want: DesiredState) -> Situation:
        ledger = self.memory.load()
        seen = observe(want, ledger.owned, KINDS, self.world)
        return Situation(desired=want, observed=seen, ledger=ledger, kinds=KINDS)

    def plan(self, want: DesiredState) -> Plan:
        return make_plan(self.situation(want))

    def run(self, want: DesiredState, *, stop_after: int = 1_000_000) -> dict[str, Outcome]:
        situation = self.situation(want)
        plan = make_plan(situation)
        begin(plan, situation, self.memory)
        outcomes: dict[str, Outcome] = {}
        hands = Hands(
            host=self.world,
            memory=self.memory,
            policy=Policy(),
            stopping=lambda: len(outcomes) >= stop_after,
        )
        for outcome in apply(plan, situation, hands):
            outcomes[outcome.id.name] = outcome
        return outcomes

    def crash_and_reopen(self) -> None:
        self.memory.close()
        self.memory = Memory(self.path)

    def results(self, want: DesiredState) -> dict[str, str]:
        return {name: str(outcome.result) for name, outcome in self.run(want).items()}
