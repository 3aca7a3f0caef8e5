"""The real cycle over a host on which the first commit never becomes well, in real time; the head is in a file."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from agent.cycle import run_cycle
from agent.looks import Occasion
from agent.model import Identity, Report, VerifiedCommit
from agent.outfit import Agent, Pulse
from agent.reconcile.ledger import Memory
from agent.reconcile.policy import Policy
from tests.cycle.test_cycle import Repository
from tests.reconcile.cluster import KINDS, NEVER, Cluster, desired, pod, resource


class Live(Cluster):
    """Its time is that of the clock on the wall."""

    @property
    def now(self) -> float:
        return time.monotonic()

    @now.setter
    def now(self, seconds: float) -> None:
        """It goes on by itself."""

    def sleep(self, seconds: float) -> None:
        print("waits", flush=True)
        time.sleep(seconds)


@cache
def rollout(folder: Path) -> Rollout:
    """Return the one of this process: a reload puts an agent together anew, and no new host."""
    return Rollout(folder)


class Rollout:
    """A host that follows FOLDER/head: c1 never becomes well, c2 is so at once."""

    def __init__(self, folder: Path) -> None:
        self.head, self.cluster, repository = folder / "head", Live(), Repository()
        self.cluster.takes = {"a": NEVER}
        repository.states = {sha: desired(resource("a", sha), commit=sha) for sha in ("c1", "c2")}
        self.repository = repository
        self.agent = Agent(
            identify=lambda: Identity(host="edge-01"),
            source=repository,
            load=self._load,
            kinds=KINDS,
            host=self.cluster,  # type: ignore[arg-type]
            memory=Memory(folder / "ledger.db"),
            policy=Policy(),
            now=lambda: datetime.now(UTC),
            sleep=self.cluster.sleep,
        )

    def __call__(self, pulse: Pulse, occasion: Occasion) -> Report:
        self.repository.head = self.head.read_text().strip()
        print(f"follows {self.repository.head}", flush=True)
        report = run_cycle(self.agent, pulse, occasion=occasion)
        print(f"{report.commit}: {report.resources[pod('a')].reason}, good {report.good}", flush=True)
        return report

    def _load(self, commit: VerifiedCommit, identity: Identity):
        if commit.sha == "c2":
            self.cluster.takes = {}
        return self.repository.load(commit, identity)
