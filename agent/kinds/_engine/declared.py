"""
What was declared of a thing of the engine, kept in a label of that thing as digests: so a change of what is declared is seen
whatever the engine makes of it, and no value of it is. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

_SHOWN: Final = 8  # hexadecimal digits of each digest: a change has to be seen, not withstood


def digests(declared: Mapping[str, str]) -> str:
    """Return what the label says for what is declared, key by key."""
    return json.dumps({key: _digest(declared[key]) for key in sorted(declared)}, separators=(",", ":"))


def changed(label: str | None, declared: Mapping[str, str]) -> tuple[str, ...] | None:
    """
    Return the keys that are declared otherwise than the label says; None where there is no such label: not made by trued.

    A label that makes no sense says nothing of any key.
    """
    if label is None:
        return None
    before, now = _read(label), {key: _digest(value) for key, value in declared.items()}
    return tuple(key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key))


def _read(label: str) -> Mapping[str, object]:
    try:
        found = json.loads(label)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_SHOWN]
