"""
What an event of a watch means to somebody who keeps an object true: whether another one than trued has changed it. Pure.

Who has changed what is in metadata.managedFields (kubernetes.io, "Server-Side Apply"): each manager's fields, and when it last
set one. What trued itself writes tells nothing, nor does a status, which changes all the time while something rolls out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, TypeAlias

from agent.model import MANAGER, Json
from agent.values import dataclass

Writer: TypeAlias = tuple[str, str, str]  # manager, operation, and when it last wrote

STATUS: Final = "f:status"
# A controller's notes on what it has done, beside the status.
NOTES: Final = frozenset(
    {"f:deployment.kubernetes.io/revision", "f:deprecated.daemonset.template.generation", "."}
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of an object."""

    writers: frozenset[Writer]  # but trued
    applied: str  # when trued has last written
    ours: tuple[int, object]  # which fields are its own, as a hash; and the generation
    going: bool


@dataclass(slots=True)
class Events:
    """The objects of one watch. `expected`: uids of those that trued itself has told to go."""

    expected: set[str]
    _known: dict[str, _Known] = field(default_factory=dict)  # by uid

    def tells(self, event: Json) -> bool:
        """Return whether an event (WatchEvent v1 meta) is a reason to look. Those that begin a watch, ADDED, are none."""
        metadata = event["object"]["metadata"]
        uid, kind = str(metadata.get("uid")), event.get("type")
        before = self._known.pop(uid, None)
        if kind == "DELETED":
            ours = uid in self.expected
            self.expected.discard(uid)
            return not ours
        now = self._known[uid] = _known(metadata)
        if kind != "MODIFIED" or before is None:
            return kind == "MODIFIED"
        if now.going and not before.going:
            return uid not in self.expected
        # A field that is taken away leaves no other trace than that it is no longer ours. And scaling left none at all, before 1.22.
        taken = now.applied == before.applied and now.ours != before.ours
        return taken or not now.writers <= before.writers


def _known(metadata: Json) -> _Known:
    entries = [one for one in metadata.get("managedFields") or () if isinstance(one, Mapping)]
    ours = next((one for one in entries if _writer(one)[:2] == (MANAGER, "Apply")), {})
    fields = hash(json.dumps(ours.get("fieldsV1"), sort_keys=True))
    return _Known(
        writers=frozenset(_writer(one) for one in entries if one.get("manager") != MANAGER and _wishes(one)),
        applied=str(ours.get("time")),
        ours=(fields, metadata.get("generation")),
        going="deletionTimestamp" in metadata,
    )


def _writer(entry: Json) -> Writer:
    return str(entry.get("manager")), str(entry.get("operation")), str(entry.get("time"))


def _wishes(entry: Json) -> bool:
    """Return whether an entry of managedFields has fields that say what should be, not what is."""
    fields: dict[str, Any] = {
        key: one for key, one in (entry.get("fieldsV1") or {}).items() if key != STATUS
    }
    if entry.get("subresource") == "status" or not fields:
        return False
    metadata = fields.get("f:metadata") or {}
    noted = fields.keys() <= {"f:metadata", "."} and metadata.keys() <= {"f:annotations", "."}
    return not (noted and (metadata.get("f:annotations") or {}).keys() <= NOTES)
