"""
A host made of dicts, with two kinds of things on it: named values, set and unset by one command each, and services,
which things may bring along, and which are therefore decided late.

It keeps state, so that a test can ask afterwards what the host looks like; it can die at its n-th step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import HostError
from agent.host import Job
from agent.host.turns import in_turn
from agent.kinds import AnyKind, Kind, NotYetError
from agent.model import DesiredState, Drift, Outcome, Plan, Resource, ResourceId, Run, Stale, Step
from agent.reconcile.apply import apply
from agent.reconcile.hands import Hands
from agent.reconcile.ledger import Memory
from agent.reconcile.observe import Situation, look_around
from agent.reconcile.order import ordered
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy, hold_back


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
        if Thing.section in probe.deaf:
            raise HostError("no thing answers")
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

    def health(self, name: str, want: ThingSpec, have: str) -> str:
        return "is sick" if have == "sick" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    running: bool = True


class Service(Kind[ServiceSpec, str]):
    """A service: running, used, outdated, stopped, locked, busy, or precious. What is not there yet is `missing`."""

    section = "services"
    spec = ServiceSpec
    rank = 40
    late = True

    def observe(self, probe, wants: Mapping[str, ServiceSpec | None]):
        return {name: probe.service(name) for name in wants}

    def exists(self, have: str) -> bool:
        return have != "missing"

    def prepare(self, wants, haves) -> Iterator[Step]:
        if any(have == "locked" for have in haves.values()):
            yield Run(argv=("unlock",), why="somebody left it locked")

    def steps(
        self, name: str, want: ServiceSpec | None, have: str | None, *, stale: Stale
    ) -> Iterator[Step]:
        if want is None:
            if have not in {None, "missing"}:
                yield Run(argv=("stop",), operands=(name,), why="no longer declared")
            return
        if have == "locked":
            yield Run(argv=("unlock",), why="it is locked")
        if have == "outdated":
            yield Run(argv=("restart", name), unseen=Stale.RESTART, why="runs an old program")
        elif have != "running":
            if have == "unheard of":
                raise NotYetError(f"nobody has heard of {name}")
            if have is None and name == "foreign":
                raise HostError(f"{name} is for others to make")
            if have == "busy":
                yield Run(argv=("wait",), common=True, why="somebody is at work")
            yield Run(argv=("reread",), why="")
            yield Run(argv=("start",), operands=(name,), why=f"is {have}")
        elif stale:
            yield Run(argv=(str(stale.name).lower(), name), unseen=stale, why="what it reads has changed")

    def clings(self, name: str, have: str) -> str:
        return "somebody uses it" if have == "used" else ""

    def objection(self, name: str, want: ServiceSpec | None, have: str | None, going) -> str:
        return f"{name} is precious" if have == "precious" and "reprieve" not in going else ""


class World:
    """
    The host. `broken` names can't be set, `deaf` ones can't be read (`things`: none of them), `sticky` ones don't change.

    A thing that is set `brings` a service along, running.
    """

    def __init__(self, **values: str) -> None:
        self.values = dict(values)
        self.performed: list[tuple[str, ...]] = []
        self.kept: dict[str, str] = {}
        self.broken: set[str] = set()
        self.deaf: set[str] = set()
        self.sticky: set[str] = set()
        self.steps_to_live: int | None = None
        self.services: dict[str, str] = {}
        self.brings: dict[str, str] = {}
        self.looks = 0

    def service(self, name: str) -> str | HostError:
        self.looks += 1
        return (
            HostError(f"{name} does not answer") if name in self.deaf else self.services.get(name, "missing")
        )

    def probe(self, beat: Callable[[], None] = lambda: None) -> World:
        return self

    def value(self, name: str) -> str | HostError | None:
        return HostError(f"{name} does not answer") if name in self.deaf else self.values.get(name)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        return in_turn(self.perform, jobs)

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
            case "start" | "restart":
                self._start((*step.argv[1:], *names) if step.argv[-1] in self.services else names)
            case "stop":
                for name in names:
                    self.services.pop(name, None)
            case "wait":
                raise HostError("somebody is still at work")
            case "unlock":
                self.services = {
                    name: "stopped" if state == "locked" else state for name, state in self.services.items()
                }
            case "keep":
                self.kept.setdefault(step.argv[1], self.values[step.argv[1]])

    def _set(self, operands: Collection[str]) -> None:
        for operand in operands:
            name, _, value = operand.partition("=")
            if name not in self.sticky:
                self.values[name] = value
            if name in self.brings:
                self.services[self.brings[name]] = "running"

    def _start(self, names: Collection[str]) -> None:
        for name in names:
            if name not in self.services:
                raise HostError(f"there is no service {name}")
            if self.services[name] == "locked":
                raise HostError(f"{name} is locked")
            if name not in self.sticky:
                self.services[name] = "running"


KINDS: Mapping[str, AnyKind] = {"thing": Thing(), "service": Service()}


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


def service(
    name: str,
    *,
    needs: Collection[ResourceId] = (),
    restart_on: Collection[ResourceId] = (),
    reload_on: Collection[ResourceId] = (),
) -> Resource:
    spec = ServiceSpec()
    return Resource(
        id=ResourceId("service", name),
        spec=spec,
        digest=repr(spec),
        origin="base/base.yaml:1",
        needs=frozenset(needs),
        restart_on=frozenset(restart_on),
        reload_on=frozenset(reload_on),
    )


def desired(*resources: Resource, commit: str = "c1") -> DesiredState:
    return ordered(DesiredState(commit=commit, resources={r.id: r for r in resources}), KINDS)


class Cycle:
    """Look, plan, apply, against a ledger on disk."""

    def __init__(self, path: Path, world: World) -> None:
        self.path, self.world, self.memory = path, world, Memory(path)

    def situation(self, want: DesiredState) -> Situation:
        return look_around(want, self.memory.load(), KINDS, self.world)

    def plan(self, want: DesiredState) -> Plan:
        return make_plan(self.situation(want))

    def run(
        self, want: DesiredState, *, stop_after: int = 1_000_000, policy: Policy | None = None
    ) -> dict[str, Outcome]:
        """Carry out what is planned; held back is only what a `policy` that is given says."""
        situation = self.situation(want)
        plan = make_plan(situation)
        if policy:
            plan = hold_back(plan, situation, policy)
        begin(plan, situation, self.memory)
        outcomes: dict[str, Outcome] = {}
        hands = Hands(
            host=self.world,
            memory=self.memory,
            policy=policy or Policy(),
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
