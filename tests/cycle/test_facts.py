"""What the machine is like may change while the daemon runs, and what is declared by it changes with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cycle import run_cycle
from agent.errors import DocumentError
from agent.looks import Occasion
from agent.model import DesiredState, Identity, Verdict, VerifiedCommit
from agent.outfit import Agent
from agent.reconcile.ledger import Memory
from tests.cycle.test_cycle import Repository, make_agent
from tests.reconcile.world import World, desired, resource


class Host:
    """A host whose thing is declared to be what its release is, in a release that can be upgraded."""

    def __init__(self, agent: Agent, repository: Repository, world: World) -> None:
        self.release = "12"
        self.repository, self.world, self.loads = repository, world, 0
        self.agent = replace(agent, identify=self.identify, load=self.load)
        self.uses_facts = True

    def identify(self) -> Identity:
        return Identity(host="edge-01", facts={"release": self.release})

    def load(self, commit: VerifiedCommit, identity: Identity) -> DesiredState:
        self.loads += 1
        release = str(identity.facts["release"])
        if release == "none":
            raise DocumentError("base.yaml:1:1: unknown release")
        return desired(resource("a", release if self.uses_facts else "any"), commit=commit.sha)


@pytest.fixture(name="host")
def _host(tmp_path: Path) -> Iterator[Host]:
    repository, world, memory = Repository(), World(), Memory(tmp_path / "ledger.db")
    repository.commit("c1")
    yield Host(make_agent(repository, world, memory), repository, world)
    memory.close()


def test_what_is_declared_by_a_fact_follows_it(host: Host) -> None:
    run_cycle(host.agent)
    host.release = "13"
    report = run_cycle(host.agent)

    assert ({"a": "13"}, {"release": "13"}) == (host.world.values, report.facts)


def test_a_fact_that_nothing_depends_on_makes_no_look_at_everything(host: Host) -> None:
    host.uses_facts = False
    run_cycle(host.agent)
    run_cycle(host.agent)
    known = host.agent.recall.loaded
    host.release = "13"
    report = run_cycle(host.agent)

    assert known is host.agent.recall.loaded
    assert ({"release": "13"}, 2) == (report.facts, host.loads)


def test_what_could_not_be_loaded_for_a_fact_is_tried_again_when_it_changes(host: Host) -> None:
    host.release = "none"
    assert Verdict.INVALID is run_cycle(host.agent).result
    host.release = "13"

    assert Verdict.CONVERGED is run_cycle(host.agent).result


def test_between_two_looks_at_git_nobody_asks_for_facts(host: Host) -> None:
    run_cycle(host.agent)
    host.release = "13"
    run_cycle(host.agent, occasion=Occasion(poll=False))

    assert {"a": "12"} == host.world.values
