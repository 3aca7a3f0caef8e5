"""Reads in the messages of a status branch what became of one thing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from agent.model import ResourceId, Result
from agent.status.message import shown_id
from agent.values import dataclass

_COMMIT = re.compile(r"^Trued-Commit: ([0-9a-f]{7,64})$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One report that tells of a change. `commit` is the one followed then, empty if it is not said."""

    when: datetime
    commit: str
    because: str


def last_change(reports: Iterable[tuple[datetime, str]], rid: ResourceId) -> Changed | None:
    """Return the first of these reports (time and message, newest first) in which a thing was changed."""
    return next((found for when, text in reports if (found := _changed(when, text, rid))), None)


def _changed(when: datetime, text: str, rid: ResourceId) -> Changed | None:
    name = shown_id(rid)
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == Result.CHANGED and (rest == name or rest.startswith(f"{name}   ")):
            commit = _COMMIT.search(text)
            return Changed(when=when, commit=commit[1] if commit else "", because=rest[len(name) :].strip())
    return None
