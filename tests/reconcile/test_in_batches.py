"""Files are carried out in batches: one look and one transaction for many, and each has its own outcome all the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host import Job
from agent.kinds import AnyKind
from agent.kinds.file import KIND
from agent.kinds.file.spec import FileSpec
from agent.model import DesiredState, Outcome, Resource, ResourceId, Result, Stale, Text
from agent.reconcile import joined
from agent.reconcile.apply import apply
from agent.reconcile.hands import Hands
from agent.reconcile.ledger import Memory, Owned
from agent.reconcile.observe import look_around
from agent.reconcile.order import ordered
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy
from tests.fakes import FakeHost, FakeProbe, Node

KINDS: Mapping[str, AnyKind] = {"file": KIND}


class Counting(FakeHost):
    """Counts what it is asked; what is written to one of `deaf` is not there afterwards."""

    def __init__(self, nodes: Mapping[str, Node] | None = None) -> None:
        super().__init__(nodes)
        self.looks = 0
        self.batches: list[int] = []
        self.deaf: set[str] = set()

    def probe(self, beat: Callable[[], None] = lambda: None) -> FakeProbe:
        self.looks += 1
        return super().probe(beat)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        self.batches.append(len(jobs))
        met = super().perform_all(jobs, beat)
        for path in [path for path in self.nodes if str(path) in self.deaf]:
            del self.nodes[path]
        return met


class Remembering(Memory):
    """Knows how often something was written down as done."""

    finished = 0

    def finish(self, outcomes: Mapping[ResourceId, Owned | None]) -> None:
        self.finished += 1
        super().finish(outcomes)


@pytest.fixture(name="memory")
def _memory(tmp_path: Path) -> Iterator[Remembering]:
    memory = Remembering(tmp_path / "ledger.db")
    yield memory
    memory.close()


def file(name: str, spec: FileSpec, *needs: str) -> Resource:
    edges = frozenset(ResourceId("file", need) for need in needs)
    rid = ResourceId("file", name)
    return Resource(id=rid, spec=spec, digest=repr(spec), origin="base.yaml:1", needs=edges)


def text(name: str, *needs: str, content: bytes = b"x") -> Resource:
    return file(name, FileSpec(data=Text.of(content)), *needs)


def run(
    host: FakeHost,
    memory: Memory,
    resources: Collection[Resource],
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, Outcome]:
    want = ordered(DesiredState(commit="c1", resources={one.id: one for one in resources}), KINDS)
    situation = look_around(want, memory.load(), KINDS, host.probe())
    plan = make_plan(situation)
    begin(plan, situation, memory)
    hands = Hands(host=host, memory=memory, policy=Policy(), stopping=stopping)
    return {outcome.id.name: outcome for outcome in apply(plan, situation, hands)}


def test_many_files_are_one_batch_one_look_and_one_transaction(memory: Remembering) -> None:
    host = Counting({"/srv": Node.folder()})
    tree = [
        file("/srv/d", FileSpec(directory=True)),
        *(text(f"/srv/d/{n}", "/srv/d") for n in range(50)),
        file("/srv/d/link", FileSpec(link="0"), "/srv/d"),
    ]
    outcomes = run(host, memory, tree)

    assert {Result.CHANGED} == {outcome.result for outcome in outcomes.values()}
    assert ([52], 2, 1) == (host.batches, host.looks, memory.finished)  # the other look: to plan
    assert (52, {}) == (len(memory.load().owned), memory.load().unfinished)
    assert {} == run(host, memory, tree)


def test_one_that_fails_blocks_those_that_need_it_and_no_other(memory: Remembering) -> None:
    host = Counting({"/srv": Node.folder()})
    bad = file("/srv/bad", FileSpec(data=Text.of(b"x"), owner="nobody-knows"))
    outcomes = run(host, memory, [text("/srv/a"), bad, text("/srv/c", "/srv/bad"), text("/srv/d", "/srv/a")])

    assert {"/srv/a": "changed", "/srv/bad": "failed", "/srv/c": "blocked", "/srv/d": "changed"} == {
        name: str(outcome.result) for name, outcome in outcomes.items()
    }
    assert "no user 'nobody-knows' on this host" in outcomes["/srv/bad"].reason
    assert "needs file:/srv/bad, which failed" == outcomes["/srv/c"].reason
    unfinished = {ResourceId("file", "/srv/bad"): Stale.NO, ResourceId("file", "/srv/c"): Stale.NO}
    assert unfinished == memory.load().unfinished


def test_what_is_not_there_after_the_batch_is_no_success(memory: Remembering) -> None:
    host = Counting({"/srv": Node.folder()})
    host.deaf.add("/srv/b")
    outcomes = run(host, memory, [text("/srv/a"), text("/srv/b"), text("/srv/c")])

    assert (Result.FAILED, Result.CHANGED) == (outcomes["/srv/b"].result, outcomes["/srv/c"].result)
    assert {ResourceId("file", "/srv/b")} == memory.load().unfinished.keys()


def test_somebody_who_asks_to_stop_is_heard_between_two_batches(
    memory: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined, "FILES", 4)
    host = Counting({"/srv": Node.folder()})
    outcomes = run(
        host, memory, [text(f"/srv/{n}") for n in range(10)], stopping=lambda: len(host.batches) == 2
    )

    assert [4, 4] == host.batches
    assert 2 == sum(outcome.result is Result.SKIPPED for outcome in outcomes.values())
