"""One pass, straight line, from Git to the report. Every branch is a value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.errors import TruedError
from agent.host import Host
from agent.kinds import AnyKind
from agent.model import DesiredState, Identity, Observed, Plan, Report, VerifiedCommit
from agent.reconcile.ledger import Ledger, Memory
from agent.reconcile.policy import Policy


class Source(Protocol):
    """Where commits come from; `agent/git/source.py` is the real one."""

    def newest(self, held: str | None, *, allow_rewrite: bool = False) -> VerifiedCommit:
        """Return the commit to follow; raises SourceError, or RefusedError if it does not descend from `held`."""

    def at(self, sha: str) -> VerifiedCommit:
        """Return a commit that was kept, without the network; raises SourceError."""

    def keep(self, commits: Collection[str]) -> None:
        """Make these commits readable without the network, and forget all others; raises SourceError."""


class Pulse(Protocol):
    """What the loop lends a cycle: a sign of life to give, and the question whether to stop."""

    def beat(self) -> None: ...

    @property
    def stopping(self) -> bool: ...


class Quiet:
    """The pulse of a cycle that nobody watches."""

    stopping = False

    def beat(self) -> None:
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What one cycle works with. Put together once, in `cli/assemble.py`."""

    identity: Identity
    source: Source
    load: Callable[[VerifiedCommit], DesiredState]
    kinds: Mapping[str, AnyKind]
    host: Host
    memory: Memory
    policy: Policy
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a cycle would do now: for `trued plan`."""

    desired: DesiredState
    observed: Observed
    plan: Plan
    ledger: Ledger
    error: TruedError | None  # why the newest commit is not the one planned for


def preview(agent: Agent) -> Preview:
    """Return what a cycle would do; raises TruedError when there is no commit to plan for. Changes nothing."""
    raise NotImplementedError


def run_cycle(
    agent: Agent, pulse: Pulse = Quiet(), *, allow_removals: bool = False, allow_rewrite: bool = False
) -> Report:
    """Bring the host to what Git declares, and say how that went. Raises LedgerError only."""
    raise NotImplementedError
