"""Steps: all that can be done to a host. Paths are the host's own, absolute. Doing a step twice does no harm."""

from __future__ import annotations

from dataclasses import field
from pathlib import PurePosixPath
from typing import TypeAlias

from agent.model.cluster import ClusterStep
from agent.model.engine import DriveContainer, EngineStep
from agent.model.stale import Stale
from agent.model.tree import Content
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """Put a regular file in place atomically. None for mode: that of the file there, or 0644."""

    path: PurePosixPath
    content: Content = field(repr=False)
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    validate: tuple[str, ...] = ()  # argv in which {} is the temporary file
    fatal: str = ""  # a regular expression: if given, a check fails only where a line says this
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeLink:
    """Put a symbolic link in place atomically."""

    path: PurePosixPath
    target: str
    owner: str | None = None
    group: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeDirectory:
    """Make one directory; its parent is there. None for mode: 0755."""

    path: PurePosixPath
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAttributes:
    """Set mode and owner of what is there; None leaves as it is, but no file stays setuid for another owner."""

    path: PurePosixPath
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    content: Content | None = field(default=None, repr=False)  # of a file, where it is better written anew
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Remove a file, a link, or a directory with nothing in it (one that is not empty stays)."""

    path: PurePosixPath
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFirst:
    """Keep a copy, under trued's own folder, of a file or link that was there before trued."""

    path: PurePosixPath
    anew: bool = False  # also if something else from there was kept before: it was let go in between
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a command: `argv`, then `operands`. Steps that differ only in operands may be joined."""

    argv: tuple[str, ...]
    operands: tuple[str, ...] = ()
    stdin: bytes = field(default=b"", repr=False)
    timeout: float = 300.0  # seconds
    unseen: Stale = (
        Stale.NO
    )  # what it does leaves no trace that a look could find: it is done until it succeeds
    patient: bool = (
        False  # what it asks for goes on without it: when its time is up, a look tells how that went
    )
    common: bool = False  # if it fails, it fails for all that it was joined for: none of them is tried alone
    explain: tuple[str, ...] = ()  # a command that only looks, whose last lines tell why this one failed
    hint: str = ""  # the way out, where it fails
    settles: float = field(default=0.0, compare=False)  # seconds for which it does nothing but wait
    why: str


def settle(seconds: str) -> Run:
    """Return a wait for what was done to come to rest, or to its end; see `Hands.elsewhere` for when it is cut short."""
    return Run(argv=("sleep", seconds), settles=float(seconds), why="")


FileStep: TypeAlias = WriteFile | MakeLink | MakeDirectory | SetAttributes | Remove | KeepFirst
Step: TypeAlias = FileStep | Run | EngineStep | ClusterStep


def unseen(step: Step) -> Stale:
    """Return what has to be done until it succeeds, since a look cannot tell whether it was."""
    return step.unseen if isinstance(step, Run | DriveContainer) else Stale.NO


def target(step: Step) -> str:
    """Return what a step is about: a path, a command, or the name of what the container engine or the cluster has."""
    if isinstance(step, Run):
        return " ".join((*step.argv, *step.operands))
    return str(step.path) if isinstance(step, FileStep) else step.name
