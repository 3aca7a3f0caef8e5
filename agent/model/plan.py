"""What is declared, what is to be done about it, and what became of that."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from typing import TypeAlias

from agent.errors import HostError
from agent.model.stale import Stale
from agent.model.steps import Step, unseen
from agent.model.words import ResourceId, few
from agent.values import dataclass


class Drift(enum.StrEnum):
    """What to do when the host has moved away from what Git says, and Git says nothing new."""

    CORRECT = enum.auto()
    REPORT = enum.auto()
    IGNORE = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that is declared. `spec` is of its kind's own type, fully decoded."""

    id: ResourceId
    spec: object
    digest: str  # tells one declaration from another, without remembering either
    origin: str  # file:line in the repository
    needs: frozenset[ResourceId] = frozenset()
    restart_on: frozenset[ResourceId] = frozenset()
    reload_on: frozenset[ResourceId] = frozenset()
    keep: bool = False
    drift: Drift = Drift.CORRECT
    implied: bool = False  # follows from another one (the folder of a file); reported only when touched

    @property
    def after(self) -> frozenset[ResourceId]:
        """All that must come before it."""
        return (
            self.needs | self.restart_on | self.reload_on
            if self.restart_on or self.reload_on
            else self.needs
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What one commit declares for this host. References resolve, no cycle, no id twice."""

    commit: str
    resources: Mapping[ResourceId, Resource]


Observed: TypeAlias = Mapping[ResourceId, object | HostError | None]
"""The state of each thing, of its kind's own type; None is absent; HostError: it cannot be read."""


class Verb(enum.StrEnum):
    CREATE = enum.auto()
    UPDATE = enum.auto()
    REMOVE = enum.auto()


class Cause(enum.StrEnum):
    COMMIT = enum.auto()  # Git says something new
    DRIFT = enum.auto()  # the host has moved away from what Git says
    TRIGGER = enum.auto()  # something that it listens to changes
    UNFINISHED = enum.auto()  # an earlier attempt was cut short


class Result(enum.StrEnum):
    UNCHANGED = enum.auto()  # as declared; or become so by itself before it was come to
    CHANGED = enum.auto()
    FAILED = enum.auto()
    BLOCKED = enum.auto()  # could not be read, or what it needs failed
    HELD = enum.auto()  # a policy kept it back
    CONTESTED = enum.auto()  # put right again and again, and undone each time: left alone for a while
    SKIPPED = enum.auto()  # not come to: trued was asked to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What will be done to one resource."""

    id: ResourceId
    verb: Verb
    cause: Cause
    steps: tuple[Step, ...]
    needs: frozenset[ResourceId] = frozenset()
    stale: Stale = Stale.NO  # what it has to do though it may be as declared
    moved: tuple[ResourceId, ...] = ()  # those that it listens to, and that change in this plan
    outlives: frozenset[ResourceId] = frozenset()  # of a removal: those that needed it, and go before it

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f"{self.id}: a change without steps is no change")

    @property
    def pending(self) -> Stale:
        """What has to be done until it succeeds, because no look can tell whether it was."""
        return max(self.stale, *map(unseen, self.steps), Stale.NO)

    @property
    def why(self) -> str:
        """The reasons of its steps, each once, in order; and what made it restart or reload."""
        reasons = dict.fromkeys(step.why for step in self.steps if step.why)
        if self.moved and any(map(unseen, self.steps)):
            reasons[f"{few(self.moved, 3)} changed"] = None
        return ", ".join(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Nothing can be decided: the host could not be read, or what it needs is in trouble."""

    id: ResourceId
    reason: str
    stale: Stale = Stale.NO  # what it would have to do besides, because something that it listens to changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Decided, and kept back by a policy."""

    id: ResourceId
    reason: str
    change: Change


Planned: TypeAlias = Change | Blocked | Held
"""One entry of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What must happen, in order; removals last. `entries`, `settled` and `gone` are disjoint."""

    commit: str
    entries: tuple[Planned, ...]
    settled: frozenset[ResourceId]  # declared, and already so
    gone: frozenset[ResourceId]  # owned, no longer declared, and nothing left to do: absent, kept or let go
    released: Mapping[ResourceId, str] = field(
        default_factory=dict
    )  # of the gone, those left in place, and why
    ailing: Mapping[ResourceId, str] = field(default_factory=dict)  # of the settled, those not well, and why

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Change))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one entry of a plan. `changed` is said only after looking again."""

    id: ResourceId
    result: Result
    verb: Verb | None = None
    cause: Cause | None = None
    reason: str = ""
    undone: bool = False  # carried out, and otherwise again when it was looked at
    unready: bool = False  # as declared, and not well yet: nobody had the time to wait for it
