"""What a plan is carried out with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import field

from agent.host import Host
from agent.model import Outcome, ResourceId
from agent.reconcile.ledger import Memory
from agent.reconcile.policy import Policy
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Until when something may come right by itself. It outlasts a cycle: what is broken off is not given more time."""

    digest: str  # of the declaration that is waited for
    span: float  # seconds from when it was first seen not to be well
    until: float  # seconds of the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """All of it. `waiting` are those that have failed before, and are not tried now."""

    host: Host
    memory: Memory
    policy: Policy
    stopping: Callable[[], bool] = lambda: False
    overdue: Callable[[], bool] = lambda: False  # whether it is time to look at Git again
    beat: Callable[[], None] = lambda: None
    looking: Callable[[Sequence[ResourceId]], None] = lambda _: (
        None
    )  # told what is looked at again, before it is
    # Whether something has happened meanwhile to others than these; None: nobody hears of it.
    elsewhere: Callable[[Sequence[ResourceId]], bool] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    waiting: Mapping[ResourceId, Outcome] = field(default_factory=dict)
    deadlines: MutableMapping[ResourceId, Deadline] = field(default_factory=dict)
