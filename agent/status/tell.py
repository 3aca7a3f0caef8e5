"""Decides whether a report is worth a commit. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agent.model import RELEASED, ResourceId, Result, Standing
from agent.status.document import TROUBLE, Status
from agent.status.text import gist


class News(enum.StrEnum):
    """What a report is to those who read the status branch. Nothing is falsy."""

    NOTHING = ""
    NEWS = "news"
    HEARTBEAT = "heartbeat"


def news(status: Status, told: Status | None, *, heartbeat: float, now: datetime) -> News:
    """
    Return what `status` is after `told`, the one that was last told. `heartbeat` is in seconds.

    The same trouble for the same reason is told once, and so is its end; a reason that only has other numbers in it is
    the same. What was changed is always told.
    """
    if told is None or _says_more(status, told):
        return News.NEWS
    age = (now - told.finished).total_seconds()
    # A negative age: the clock was ahead when it was told. Waiting for it to catch up could take years.
    return News.NOTHING if 0 <= age < heartbeat else News.HEARTBEAT


def newsworthy(status: Status) -> Status:
    """Return what `news` will ask of a status once it has been told: a few lines where all is well."""
    kept = (*TROUBLE, RELEASED)
    lines = {rid: line for rid, line in _notable(status).items() if line.result in kept}
    return replace(status, resources=lines)


def same_but_time(status: Status, other: Status) -> bool:
    """Return whether two statuses say the same, apart from when; facts are fleeting (free memory, addresses)."""
    return (
        _summary(status) == _summary(other)
        and (status.agent, status.labels) == (other.agent, other.labels)
        and _remarks(status) == _remarks(other)
        and status.resources == other.resources
    )


def _says_more(status: Status, told: Status) -> bool:
    now, then = _notable(status), _notable(told)
    return (
        _summary(status) != _summary(told)
        or _remarks(status) != _remarks(told)
        or _troubles(now) != _troubles(then)
        or any(line.result == Result.CHANGED for line in now.values())
        or bool(_released(now).items() - _released(then).items())
    )


def _notable(status: Status) -> Mapping[ResourceId, Standing]:
    """Return the lines that say more than that something is as declared: of ten thousand, few."""
    plain = (Result.UNCHANGED,)  # the same object in most lines
    return {rid: line for rid, line in status.resources.items() if line.result not in plain}


def _summary(status: Status) -> tuple[str | None, ...]:
    return status.host, status.commit, status.good, status.result, status.error


def _remarks(status: Status) -> tuple[frozenset[str], ...]:
    return frozenset(status.notices), frozenset(status.reboot)


def _troubles(lines: Mapping[ResourceId, Standing]) -> Mapping[ResourceId, tuple[str, frozenset[str]]]:
    return {rid: (line.result, gist(line.reason)) for rid, line in lines.items() if line.result in TROUBLE}


def _released(lines: Mapping[ResourceId, Standing]) -> Mapping[ResourceId, str]:
    return {rid: line.reason for rid, line in lines.items() if line.result == RELEASED}
