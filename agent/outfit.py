"""What a cycle works with: what it is lent, and what it recalls of the cycles before. Does nothing by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from datetime import datetime
from typing import Protocol

from agent.errors import TruedError
from agent.host import Host
from agent.kinds import AnyKind
from agent.looks import Look
from agent.model import DesiredState, Identity, ResourceId, VerifiedCommit
from agent.reconcile.attention import Attention
from agent.reconcile.hands import Deadline
from agent.reconcile.ledger import Memory
from agent.reconcile.patience import Patience
from agent.reconcile.policy import Policy
from agent.values import dataclass


class Source(Protocol):
    """Where commits come from; `agent/git/source.py` is the real one."""

    def lend(self, beat: Callable[[], object]) -> None:
        """Have a sign of life given after each exchange with the repository, in this cycle and in what it reads later."""

    def newest(self, held: str | None, *, allow_rewrite: bool = False) -> VerifiedCommit:
        """Return the commit to follow; raises SourceError, or RefusedError if it does not descend from `held`."""

    def at(self, sha: str) -> VerifiedCommit:
        """Return a commit that was kept, without the network; raises SourceError."""

    def keep(self, commits: Sequence[str]) -> None:
        """
        Make these commits readable without the network, and forget all others.

        Raises SourceError, or RefusedError, if the first cannot be; of the others it is only logged.
        """


class Pulse(Protocol):
    """What the loop lends a cycle: a sign of life to give, and the question whether to stop."""

    def beat(self) -> None: ...

    @property
    def stopping(self) -> bool: ...

    @property
    def overdue(self) -> bool:
        """Whether it is time for the next look at Git: nothing is waited for any longer."""

    @property
    def roused(self) -> bool:
        """Whether something has happened on the host for which the next cycle comes at once."""

    def interruptible(self) -> AbstractContextManager[None]:
        """Wrap a wait on the network, which may be broken off at any point when trued is to stop."""


class Quiet:
    """The pulse of a cycle that nobody watches."""

    stopping = overdue = roused = False

    def beat(self) -> None:
        return

    def interruptible(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(slots=True)
class Recall:
    """What a resident process need not work out twice; losing it costs time only."""

    identity: Identity | None = None  # as of the last look at Git
    loaded: DesiredState | None = None
    commit: VerifiedCommit | None = (
        None  # from which that was; None: it was another machine then, by its facts
    )
    unloadable: tuple[str, TruedError] | None = None  # the newest commit, and why it is not followed
    kept: tuple[str, ...] = ()
    unkept: TruedError | None = None  # why the first of them is not
    chosen: tuple[DesiredState | None, TruedError | None] | None = None  # by the last look at Git
    held: str | None = None  # what the ledger holds since then, if nobody else writes to it
    look: Look | None = None  # the last one, unless it broke off
    patience: Patience = field(default_factory=Patience)
    deadlines: dict[ResourceId, Deadline] = field(default_factory=dict)  # of what is not well yet

    def meet(self, identity: Identity) -> None:
        """Learn what the machine is like now. What was loaded when it was otherwise is to be loaded anew."""
        if identity != self.identity:
            self.identity, self.commit, self.unloadable = identity, None, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What one cycle works with. Put together once, in `cli/assemble.py`."""

    identify: Callable[[], Identity]  # facts change: a network comes up late, a release is upgraded
    source: Source
    load: Callable[[VerifiedCommit, Identity], DesiredState]
    kinds: Mapping[str, AnyKind]
    host: Host
    memory: Memory
    policy: Policy
    now: Callable[[], datetime]
    alike: Callable[[VerifiedCommit, VerifiedCommit], bool] = lambda new, old: False  # noqa: ARG005 - is to load
    reboot: Callable[[], tuple[str, ...]] = tuple  # why the machine waits for a reboot
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    recall: Recall = field(default_factory=Recall, repr=False, compare=False)
    attention: Attention = field(default_factory=Attention, repr=False, compare=False)

    @property
    def identity(self) -> Identity:
        """Which host this is, and what it was like at the last look at Git."""
        return self.recall.identity or self.identify()
