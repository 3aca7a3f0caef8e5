"""
A host on which things take time: pods that become well some seconds after they are set, and go some seconds after they
are told to. Its time goes on only while somebody sleeps. It keeps state, and can die at its n-th step or look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import HostError
from agent.host import Job
from agent.host.turns import in_turn
from agent.kinds import AnyKind, Kind
from agent.model import DesiredState, Outcome, Plan, Resource, ResourceId, Run, Stale, Step
from agent.reconcile.apply import apply
from agent.reconcile.hands import Deadline, Hands
from agent.reconcile.ledger import Memory
from agent.reconcile.observe import Situation, look_around
from agent.reconcile.order import ordered
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy, hold_back
from tests.reconcile.world import PowerCut

PATIENCE = 300.0
NEVER = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    value: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What is seen of a pod."""

    value: str
    ready: bool = True
    hopeless: bool = False
    going: bool = False


class Pods(Kind[PodSpec, Pod]):
    section = "pods"
    spec = PodSpec
    rank = 70
    late = True

    def observe(self, probe, wants: Mapping[str, PodSpec | None]):
        return probe.look(wants)

    def recognize(self, probe) -> Iterator[str]:
        probe.recognized += 1
        if probe.mute:
            raise HostError("the API does not answer")
        yield from sorted(probe.marked)

    def steps(self, name: str, want: PodSpec | None, have: Pod | None, *, stale: Stale) -> Iterator[Step]:
        if want is None:
            if have is not None and not have.going:
                yield Run(argv=("delete", name), why="no longer declared")
            elif have is not None:
                yield Run(argv=("nudge", name), why="is held by a finalizer")
        elif have is None or have.value != want.value:
            yield Run(argv=("set", name, want.value), why="missing" if have is None else f"is {have.value}")

    def health(self, name: str, want: PodSpec, have: Pod) -> str:
        if have.hopeless:
            return "crashes"
        return "" if have.ready else "0 of 1 ready"

    def patience(self, name: str, want: PodSpec | None, have: Pod) -> float:
        return 0.0 if have.hopeless else PATIENCE


@dataclass(slots=True)
class _Kept:
    value: str
    ready_at: float
    gone_at: float | None = None


class Cluster:
    """The host, and its time. `takes`: seconds until a pod is ready; `lingers`: until one is gone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pods: dict[str, _Kept] = {}
        self.takes: dict[str, float] = {}
        self.lingers: dict[str, float] = {}
        self.hopeless: set[str] = set()
        self.marked: set[str] = set()
        self.deaf = self.mute = False
        self.performed: list[tuple[float, *tuple[str, ...]]] = []
        self.looks: list[tuple[float, tuple[str, ...]]] = []
        self.recognized = self.beats = 0
        self.dies_at = NEVER
        self.meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 0.5, "somebody who asks to stop is not heard"
        self.now += seconds
        self.meanwhile()
        if self.now >= self.dies_at:
            raise PowerCut

    def probe(self, beat: Callable[[], None] = lambda: None) -> Cluster:
        return self

    def look(self, names: Iterable[str]) -> Mapping[str, Pod | HostError | None]:
        self.looks.append((self.now, tuple(sorted(names))))
        if self.deaf:
            raise HostError("the API does not answer")
        return {name: self.seen(name) for name in names}

    def seen(self, name: str) -> Pod | None:
        pod = self.pods.get(name)
        if pod is None or (pod.gone_at is not None and self.now >= pod.gone_at):
            return None
        return Pod(
            value=pod.value,
            ready=self.now >= pod.ready_at,
            hopeless=name in self.hopeless,
            going=pod.gone_at is not None,
        )

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        return in_turn(self.perform, jobs)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        assert isinstance(step, Run)
        self.performed.append((self.now, *step.argv))
        verb, name, *value = step.argv
        if verb == "set":
            self.pods[name] = _Kept(*value, ready_at=self.now + self.takes.get(name, 0.0))
            self.marked.add(name)
        elif verb == "delete":
            self.pods[name].gone_at = self.now + self.lingers.get(name, 0.0)

    def has(self, *names: str, value: str = "1") -> None:
        """Have these there, marked as made by trued."""
        for name in names:
            self.pods[name] = _Kept(value, ready_at=self.now)
            self.marked.add(name)

    def at(self, verb: str, name: str) -> float:
        """Return how many seconds after the start something was done last."""
        return next(when for when, *argv in reversed(self.performed) if argv[:2] == [verb, name]) - 1000.0


KINDS: Mapping[str, AnyKind] = {"pod": Pods()}


def pod(name: str) -> ResourceId:
    return ResourceId("pod", name)


def resource(name: str, value: str = "1", *, needs: Collection[str] = (), keep: bool = False) -> Resource:
    spec = PodSpec(value=value)
    return Resource(
        id=pod(name),
        spec=spec,
        digest=repr(spec),
        origin="base/base.yaml:1",
        needs=frozenset(map(pod, needs)),
        keep=keep,
    )


def desired(*resources: Resource, commit: str = "c1") -> DesiredState:
    return ordered(DesiredState(commit=commit, resources={r.id: r for r in resources}), KINDS)


@dataclass(slots=True)
class Cycle:
    """Look, plan, apply, against a ledger on disk; `deadlines` last as long as the process."""

    path: Path
    cluster: Cluster
    kinds: Mapping[str, AnyKind] = field(default_factory=lambda: KINDS)
    stopping: Callable[[], bool] = lambda: False
    overdue: Callable[[], bool] = lambda: False
    policy: Policy = field(default_factory=Policy)
    deadlines: dict[ResourceId, Deadline] = field(default_factory=dict)
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.path)

    def situation(self, want: DesiredState) -> Situation:
        return look_around(want, self.memory.load(), self.kinds, self.cluster)

    def plan(self, want: DesiredState) -> Plan:
        situation = self.situation(want)
        return hold_back(make_plan(situation), situation, self.policy)

    def run(self, want: DesiredState) -> dict[str, Outcome]:
        """Return the outcomes by name, in the order in which they came."""
        situation = self.situation(want)
        plan = hold_back(make_plan(situation), situation, self.policy)
        begin(plan, situation, self.memory)
        hands = Hands(
            host=self.cluster,
            memory=self.memory,
            policy=self.policy,
            stopping=self.stopping,
            overdue=self.overdue,
            beat=self._beat,
            clock=lambda: self.cluster.now,
            sleep=self.cluster.sleep,
            deadlines=self.deadlines,
        )
        return {outcome.id.name: outcome for outcome in apply(plan, situation, hands)}

    def told(self, want: DesiredState) -> dict[str, tuple[str, str]]:
        return {name: (str(one.result), one.reason) for name, one in self.run(want).items()}

    def restart(self) -> None:
        """As after a crash: what is not on disk is forgotten."""
        self.memory.close()
        self.memory = Memory(self.path)
        self.deadlines = {}

    def _beat(self) -> None:
        self.cluster.beats += 1
