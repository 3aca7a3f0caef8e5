"""A cycle over things that take time to become well: what is said of the host, and of the commit, meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cycle import run_cycle
from agent.looks import Occasion
from agent.model import DesiredState, Identity, Resource, Verdict
from agent.outfit import Agent
from agent.reconcile.attention import Attention
from agent.reconcile.ledger import Memory
from agent.reconcile.policy import Policy
from tests.cycle.scene import QUIET, Watched
from tests.cycle.test_cycle import NOON, Repository
from tests.reconcile.cluster import KINDS, NEVER, PATIENCE, Cluster, Pods, PodSpec, desired, pod, resource


class Slowly(Repository):
    """A repository of things that take time."""

    def commit(self, sha: str, *resources: Resource) -> None:
        state: DesiredState = desired(*resources, commit=sha)
        self.states[sha], self.head = state, sha


class Hurried:
    """The pulse of a daemon that looks at Git every so many seconds of the cluster's time."""

    def __init__(self, cluster: Cluster, interval: float) -> None:
        self.cluster, self.due = cluster, cluster.now + interval
        self.stopping = False

    def beat(self) -> None:
        return

    @property
    def overdue(self) -> bool:
        return self.cluster.now >= self.due

    def interruptible(self) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture(name="repository")
def _repository() -> Slowly:
    return Slowly()


@pytest.fixture(name="cluster")
def _cluster() -> Cluster:
    return Cluster()


@pytest.fixture(name="agent")
def _agent(repository: Slowly, cluster: Cluster, tmp_path: Path) -> Iterator[Agent]:
    memory = Memory(tmp_path / "ledger.db")
    yield Agent(
        identify=lambda: Identity(host="edge-01"),
        source=repository,
        load=repository.load,
        kinds=KINDS,
        host=cluster,  # type: ignore[arg-type]
        memory=memory,
        policy=Policy(),
        now=lambda: NOON,
        clock=lambda: cluster.now,
        sleep=cluster.sleep,
    )
    memory.close()


def test_a_commit_is_good_when_all_is_well(agent: Agent, repository: Slowly, cluster: Cluster) -> None:
    cluster.takes = {"a": 60.0}
    repository.commit("c1", resource("a"), resource("b", needs=["a"]))
    report = run_cycle(agent)

    assert (Verdict.CONVERGED, "c1", 0) == (report.result, report.good, report.exit_code)
    assert [pod("a"), pod("b")] == list(report.resources), "in the order of the plan"


def test_the_order_of_a_report_is_that_of_the_plan(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    """Though what took its time was told last."""
    cluster.takes = {"a": 60.0, "b": 10.0}
    repository.commit("c1", resource("a"), resource("b"), resource("c"))

    assert [pod(name) for name in "abc"] == list(run_cycle(agent).resources)


def test_a_commit_that_is_not_well_yet_is_neither_good_nor_failed(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    cluster.takes = {"a": 90.0}
    repository.commit("c1", resource("a"))
    reports = [run_cycle(agent, Hurried(cluster, 60.0)) for _ in range(3)]

    assert [None, "c1", "c1"] == [report.good for report in reports]
    assert {(Verdict.CONVERGED, 0)} == {(report.result, report.exit_code) for report in reports}
    assert ["missing; not ready yet: 0 of 1 ready", "", ""] == [
        report.resources[pod("a")].reason for report in reports
    ]


def test_what_was_well_and_is_about_to_be_again_is_told(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    cluster.pods["a"].ready_at = cluster.now + 90.0
    repository.commit("c2", resource("a"))
    report = run_cycle(agent, Hurried(cluster, 60.0))

    assert ("unchanged", "not ready yet: 0 of 1 ready") == (
        report.resources[pod("a")].result,
        report.resources[pod("a")].reason,
    )
    assert ("c2", "c1", 0) == (report.commit, report.good, report.exit_code)
    assert "c2" == run_cycle(agent, Hurried(cluster, 60.0)).good


def test_a_new_commit_is_taken_up_while_the_old_one_is_not_well(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    """It may be the cure: it does not wait until the patience with the old one is at an end."""
    cluster.takes = {"a": NEVER}
    repository.commit("c1", resource("a"))
    run_cycle(agent, Hurried(cluster, 60.0))
    cluster.takes = {}
    repository.commit("c2", resource("a", "2"))
    report = run_cycle(agent, Hurried(cluster, 60.0))

    assert cluster.now < 1062.0
    assert ("c2", "changed") == (report.good, report.resources[pod("a")].result)


def test_a_look_that_finds_all_well_decides_nothing_anew(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    cluster.takes = {"a": 10.0}
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    first, second = run_cycle(agent), run_cycle(agent)

    assert first.resources is second.resources
    cluster.pods["a"].ready_at = cluster.now + 5.0
    run_cycle(agent)
    assert cluster.now >= cluster.pods["a"].ready_at, "it is waited for all the same"
    assert ("", 0) == (run_cycle(agent).resources[pod("a")].reason, len(agent.recall.deadlines))


def test_what_was_blocked_a_hundred_times_is_tried_at_once(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    """To wait for something is no attempt: the first that fails is the first."""
    cluster.takes = {"a": NEVER}
    repository.commit("c1", resource("a"), resource("b", needs=["a"]))
    for _ in range(100):
        run_cycle(agent, Hurried(cluster, 2.0))
    cluster.pods["a"].ready_at = cluster.now
    perform, tries = cluster.perform, []

    def failing(step, beat=lambda: None) -> None:
        tries.append(step)

    cluster.perform = failing  # type: ignore[method-assign]
    for _ in range(3):
        assert "failed" == run_cycle(agent).resources[pod("b")].result
    cluster.perform = perform  # type: ignore[method-assign]

    assert 3 == len(tries)


def test_who_asks_to_stop_leaves_a_commit_that_is_not_good(
    agent: Agent, repository: Slowly, cluster: Cluster
) -> None:
    cluster.takes = {"a": 60.0}
    repository.commit("c1", resource("a"))
    pulse = Hurried(cluster, NEVER)
    cluster.meanwhile = lambda: setattr(pulse, "stopping", cluster.now > 1005.0)
    report = run_cycle(agent, pulse)

    assert cluster.now < 1006.0
    assert (None, "changed") == (report.good, report.resources[pod("a")].result)


class Apart(Pods):
    """Pods of which one is looked at without the others; what happens to one is heard at /pods/<name>."""

    apart = True
    in_places = True

    def places(self, name: str, want: PodSpec) -> Iterator[str]:
        yield f"/pods/{name}"


@pytest.mark.parametrize("goes", [False, True])
def test_what_is_heard_of_others_gives_nothing_more_time(
    agent: Agent, repository: Slowly, cluster: Cluster, goes: bool
) -> None:
    """Neither to become well nor to go: looks at a part come in between, and the time is up all the same."""
    agent = replace(agent, kinds={"pod": Apart()}, attention=Attention(Watched()))
    repository.commit("c1", resource("a"), resource("b"))
    if goes:
        cluster.lingers = {"a": NEVER}
        run_cycle(agent)
        repository.commit("c2", resource("b"))
    else:
        cluster.takes = {"a": NEVER}
    began, failed = cluster.now, None
    run_cycle(agent, Hurried(cluster, 10.0))
    while failed is None and cluster.now < began + 2 * PATIENCE:
        of_b = Occasion(poll=False, whole=False, heard=frozenset({"/pods/b"}))
        run_cycle(agent, Hurried(cluster, 10.0), occasion=of_b)
        report = run_cycle(agent, Hurried(cluster, 10.0), occasion=QUIET)
        failed = cluster.now if "failed" == report.resources[pod("a")].result else None

    assert failed is not None
    assert failed - began <= PATIENCE + 20.0
