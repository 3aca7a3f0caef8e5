"""Decides whether a report is worth a commit. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from agent.model import RELEASED, ResourceId, Result
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
    lines = {rid: line for rid, line in status.resources.items() if line.result in kept}
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
    return (
        _summary(status) != _summary(told)
        or _remarks(status) != _remarks(told)
        or _troubles(status) != _troubles(told)
        or bool(_having(status, (Result.CHANGED.value,)))
        or bool(_having(status, (RELEASED,)).items() - _having(told, (RELEASED,)).items())
    )


def _summary(status: Status) -> tuple[str | None, ...]:
    return status.host, status.commit, status.good, status.result, status.error


def _remarks(status: Status) -> tuple[frozenset[str], ...]:
    return frozenset(status.notices), frozenset(status.reboot)


def _troubles(status: Status) -> Mapping[ResourceId, tuple[str, frozenset[str]]]:
    return {rid: (result, gist(reason)) for rid, (result, reason) in _having(status, TROUBLE).items()}


def _having(status: Status, results: tuple[str, ...]) -> Mapping[ResourceId, tuple[str, str]]:
    return {
        rid: (line.result, line.reason) for rid, line in status.resources.items() if line.result in results
    }
