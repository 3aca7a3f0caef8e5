"""One pass over a fake repository and a fake host: which commit is followed, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.cycle import preview, run_cycle
from agent.errors import DocumentError, RefusedError, SourceError, TruedError
from agent.looks import Occasion
from agent.model import DesiredState, Identity, Resource, Verdict, VerifiedCommit
from agent.outfit import Agent
from agent.reconcile.attention import Attention
from agent.reconcile.ledger import Memory
from agent.reconcile.policy import Policy
from tests.reconcile.world import KINDS, World, desired, resource, service, thing

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Repository:
    """Commits in a line, a head that one can move, and a network that one can cut."""

    def __init__(self) -> None:
        self.states: dict[str, DesiredState | DocumentError | RefusedError] = {}
        self.kept, self.head = frozenset[str](), ""
        self.lend()
        self.polls = self.loads = self.keeps = 0
        self.down = self.rewritten = False
        self.full: TruedError | None = None  # why nothing can be kept

    def commit(self, sha: str, *resources: Resource) -> None:
        self.states[sha], self.head = desired(*resources, commit=sha), sha

    def spoil(self, sha: str, error: DocumentError | RefusedError) -> None:
        """Commit something that cannot be loaded."""
        self.states[sha], self.head = error, sha

    def lend(self, beat: Callable[[], object] = lambda: None) -> None:
        self.beat = beat

    def newest(self, held: str | None, *, allow_rewrite: bool = False) -> VerifiedCommit:
        self.polls += 1
        self.beat()
        if self.down:
            raise SourceError("no route to host")
        if self.rewritten and held and not allow_rewrite:
            raise RefusedError("it does not descend", hint="trued apply --allow-rewrite")
        return self._at(self.head)

    def at(self, sha: str) -> VerifiedCommit:
        if sha not in self.kept:
            raise SourceError(f"{sha} is not kept here")
        return self._at(sha)

    def keep(self, commits: Sequence[str]) -> None:
        self.keeps += 1
        if self.full:
            raise self.full
        self.kept = frozenset(commits)

    def load(self, commit: VerifiedCommit, identity: Identity) -> DesiredState:
        self.loads += 1
        state = self.states[commit.sha]
        if isinstance(state, DesiredState):
            return state
        raise state

    def _at(self, sha: str) -> VerifiedCommit:
        return VerifiedCommit(sha=sha, signer="", committed=NOON, tree=None)  # type: ignore[arg-type]


class Hears:
    """A watch that hears everything, and has heard nothing."""

    notices = ()
    missed: frozenset[str] = frozenset()

    def attend(self, places: object, *, anew: bool) -> frozenset[str]:
        return frozenset()

    def seen(self, places: object) -> None: ...

    def elsewhere(self, places: object) -> bool:
        return False

    def rest(self, *, well: bool) -> None: ...


@pytest.fixture(name="repository")
def _repository() -> Repository:
    return Repository()


@pytest.fixture(name="world")
def _world() -> World:
    return World()


@pytest.fixture(name="agent")
def _agent(repository: Repository, world: World, tmp_path: Path) -> Iterator[Agent]:
    memory = Memory(tmp_path / "ledger.db")
    yield make_agent(repository, world, memory)
    memory.close()


def make_agent(repository: Repository, world: World, memory: Memory, policy: Policy | None = None) -> Agent:
    return Agent(
        identify=lambda: Identity(host="edge-01", labels={"ring": "canary"}),
        source=repository,
        load=repository.load,
        kinds=KINDS,
        host=world,  # type: ignore[arg-type]
        memory=memory,
        policy=policy or Policy(),
        now=lambda: NOON,
    )


def test_a_commit_that_was_carried_out_is_held_and_good(agent: Agent, repository: Repository) -> None:
    repository.commit("c1", resource("a"))
    report = run_cycle(agent)

    assert (Verdict.CONVERGED, "c1", "c1", "", 0) == (
        report.result,
        report.commit,
        report.good,
        report.error,
        report.exit_code,
    )
    assert ["changed"] == [standing.result for standing in report.resources.values()]
    assert {"ring": "canary"} == report.labels


def test_drift_is_repaired_while_git_is_down(agent: Agent, repository: Repository, world: World) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.down = True
    world.values.clear()
    report = run_cycle(agent)

    assert {"a": "1"} == world.values
    assert (Verdict.CONVERGED, "c1", "no route to host", 6) == (
        report.result,
        report.commit,
        report.error,
        report.exit_code,
    )


def test_without_git_and_without_a_commit_nothing_is_done(agent: Agent, repository: Repository) -> None:
    repository.down = True
    report = run_cycle(agent)

    assert (Verdict.FAILED, None, 6) == (report.result, report.commit, report.exit_code)
    assert {} == report.resources


def test_an_invalid_commit_leaves_the_host_on_the_one_it_holds(
    agent: Agent, repository: Repository, world: World
) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.spoil("c2", DocumentError("base/base.yaml:3:1: unknown key 'fils'"))
    world.values.clear()
    report = run_cycle(agent)

    assert {"a": "1"} == world.values
    assert (Verdict.INVALID, "c1", 4) == (report.result, report.commit, report.exit_code)
    assert "base/base.yaml:3:1: unknown key 'fils'" == report.error


def test_an_invalid_commit_is_loaded_once(agent: Agent, repository: Repository) -> None:
    repository.spoil("c1", DocumentError("base/base.yaml:3:1: no"))
    run_cycle(agent)
    run_cycle(agent)

    assert 1 == repository.loads


def test_a_fix_is_taken_up_at_once(agent: Agent, repository: Repository, world: World) -> None:
    repository.spoil("c1", DocumentError("no"))
    run_cycle(agent)
    repository.commit("c2", resource("a"))

    assert Verdict.CONVERGED is run_cycle(agent).result
    assert {"a": "1"} == world.values


def test_rewritten_history_is_refused_until_it_is_allowed(agent: Agent, repository: Repository) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.commit("x1", resource("a", "2"))
    repository.rewritten = True
    report = run_cycle(agent)

    assert (Verdict.REFUSED, "c1", 5) == (report.result, report.commit, report.exit_code)
    assert "it does not descend\nhint: trued apply --allow-rewrite" == report.error
    assert "x1" == run_cycle(agent, allow_rewrite=True).commit


def test_a_host_that_is_not_listed_any_more_stays_as_it_is(
    agent: Agent, repository: Repository, world: World
) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.spoil("c2", RefusedError("fleet.yaml:1:1: edge-01 is not listed"))

    assert Verdict.REFUSED is run_cycle(agent).result
    assert {"a": "1"} == world.values


def test_the_held_the_good_and_the_newest_commit_are_kept(
    agent: Agent, repository: Repository, world: World
) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    world.broken.add("a")
    repository.commit("c2", resource("a", "2"))
    run_cycle(agent)
    repository.spoil("c3", DocumentError("no"))
    run_cycle(agent)

    assert {"c1", "c2", "c3"} == repository.kept


def test_a_newest_commit_that_is_cured_is_kept_no_longer(agent: Agent, repository: Repository) -> None:
    """It may be gone from the server by then: asking for it again would be trouble without an end."""
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.commit("c2")
    repository.states["c2"] = DocumentError("no")
    run_cycle(agent)
    repository.commit("c3", resource("a"))
    run_cycle(agent)
    run_cycle(agent)

    assert {"c3"} == repository.kept


def test_a_commit_under_which_something_failed_is_held_and_not_good(
    agent: Agent, repository: Repository, world: World
) -> None:
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    world.broken.add("a")
    repository.commit("c2", resource("a", "2"))
    report = run_cycle(agent)

    assert (Verdict.FAILED, "c2", "c1", 3) == (report.result, report.commit, report.good, report.exit_code)


@pytest.mark.parametrize("error", [SourceError("no space left on device"), RefusedError("not signed")])
def test_when_nothing_can_be_kept_the_cycle_goes_on_and_says_so(
    agent: Agent, repository: Repository, world: World, error: TruedError
) -> None:
    repository.commit("c1", resource("a"))
    repository.full = error
    report = run_cycle(agent)

    assert str(error) == report.error
    assert {"a": "1"} == world.values


def test_held_removals_leave_the_rest_alone(agent: Agent, repository: Repository, world: World) -> None:
    repository.commit("c1", *(resource(f"t{number}") for number in range(20)))
    run_cycle(agent)
    repository.commit("c2", resource("new"))
    report = run_cycle(agent)

    assert (Verdict.HELD, 3) == (report.result, report.exit_code)
    assert 21 == len(world.values)
    assert Verdict.CONVERGED is run_cycle(agent, allow_removals=True).result
    assert {"new": "1"} == world.values


def test_a_quiet_cycle_looks_and_decides_nothing_anew(agent: Agent, repository: Repository) -> None:
    """The second quiet look is the same value; only its times are new."""
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    first, second = run_cycle(agent), run_cycle(agent)

    assert ["unchanged"] == [standing.result for standing in first.resources.values()]
    assert first.resources is second.resources
    assert 1 == repository.loads


def test_what_changes_after_a_quiet_cycle_is_seen(
    agent: Agent, repository: Repository, world: World
) -> None:
    repository.commit("c1", resource("a"))
    for _ in range(3):
        run_cycle(agent)
    world.values["a"] = "2"

    assert "drift" == run_cycle(agent).resources[thing("a")].cause
    repository.down = True
    assert "no route to host" == run_cycle(agent).error
    repository.down = False
    assert "" == run_cycle(agent).error


def test_a_cycle_may_leave_git_alone(agent: Agent, repository: Repository, world: World) -> None:
    """Then the trouble of the last poll is still said, and drift is still repaired."""
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.down = True
    run_cycle(agent)
    world.values.clear()
    polls = repository.polls
    report = run_cycle(agent, occasion=Occasion(poll=False))

    assert polls == repository.polls
    assert "no route to host" == report.error
    assert {"a": "1"} == world.values


def test_between_two_polls_the_commit_stays_the_same(agent: Agent, repository: Repository) -> None:
    """A look that leaves Git alone follows nothing new, however much there is."""
    repository.commit("c1", resource("a"))
    run_cycle(agent)
    repository.commit("c2", resource("b"))
    polls = repository.polls

    assert "c1" == run_cycle(agent, occasion=Occasion(poll=False)).commit
    assert polls == repository.polls
    assert "c2" == run_cycle(agent).commit


def test_what_is_as_declared_and_not_well_has_failed(
    agent: Agent, repository: Repository, world: World
) -> None:
    """Nothing is done about it, nobody has to wait for it, and the commit is not good until it is well."""
    repository.commit("c1", resource("a", "sick"), resource("b", needs=frozenset({thing("a")})))
    world.values["a"] = "sick"
    report = run_cycle(agent)
    standings = {rid.name: (one.result, one.reason) for rid, one in report.resources.items()}

    assert {"a": ("failed", "is sick"), "b": ("changed", "missing")} == standings
    assert 3 == report.exit_code
    assert report.good is None
    assert {thing("a"): "is sick"} == preview(agent).plan.ailing


def test_a_host_that_can_follow_no_commit_says_why_of_both(
    repository: Repository, world: World, tmp_path: Path
) -> None:
    """A restarted agent, the newest commit invalid, the held one lost."""
    repository.commit("c1", resource("a"))
    memory = Memory(tmp_path / "ledger.db")
    run_cycle(make_agent(repository, world, memory))
    repository.spoil("c2", DocumentError("no"))
    repository.kept = frozenset()
    report = run_cycle(make_agent(repository, world, memory))

    assert (Verdict.INVALID, 4) == (report.result, report.exit_code)
    assert (
        "no\nand the commit that this host holds, c1, cannot be used either: c1 is not kept here"
        == report.error
    )
    memory.close()


def test_a_preview_changes_nothing(agent: Agent, repository: Repository, world: World) -> None:
    repository.commit("c1", resource("a"))
    shown = preview(agent)

    assert [thing("a")] == [change.id for change in shown.plan.changes]
    assert {} == world.values
    assert None is agent.memory.load().held


def test_a_preview_without_any_commit_is_an_error(agent: Agent, repository: Repository) -> None:
    repository.down = True
    with pytest.raises(SourceError, match="no route"):
        preview(agent)


def test_a_commit_that_is_about_others_is_held_without_a_look(
    agent: Agent, repository: Repository, world: World
) -> None:
    """What was made of the one before is good for it; the report and the ledger say the new one."""
    repository.commit("c1", resource("a"), service("web"))
    world.services["web"] = "running"
    agent = replace(
        agent, alike=lambda new, old: (new.sha, old.sha) == ("c2", "c1"), attention=Attention(Hears())
    )
    run_cycle(agent)
    run_cycle(agent)
    repository.commit("c2", resource("a", "other"))
    looks, loads = world.looks, repository.loads
    report = run_cycle(agent, occasion=Occasion(whole=False))

    assert (looks, loads, {"a": "1"}) == (world.looks, repository.loads, world.values)
    assert ("c2", "c2", "c2") == (report.commit, report.good, agent.memory.load().held)
    assert "unchanged" == report.resources[thing("a")].result
