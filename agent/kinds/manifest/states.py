"""What is said of how an object is, and how its status is read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from agent.model import Json
from agent.values import dataclass

State: TypeAlias = Literal["current", "progressing", "failed", "terminating"]
LONGEST: Final = 240  # signs of a reason: it is one line of a report


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an object is, and why, in one line for a person."""

    state: State
    reason: str = ""


def current(reason: str = "") -> Health:
    return Health(state="current", reason=reason)


def progressing(reason: str) -> Health:
    return Health(state="progressing", reason=one_line(reason))


def failed(reason: str) -> Health:
    return Health(state="failed", reason=one_line(reason))


def mapping(value: Any, *path: str) -> Json:
    """Return what is at a path if that is a mapping, else an empty one."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def listed(value: Json, key: str) -> list[Json]:
    """Return the mappings of a list, which may be missing."""
    items = value.get(key)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def number(value: Json, key: str, default: int = 0) -> int:
    found = value.get(key)
    return found if isinstance(found, int) else default


def conditions(object_: Json) -> dict[str, Json]:
    """Return the conditions of an object by type (API conventions, "Typical status properties")."""
    return {str(each.get("type")): each for each in listed(mapping(object_, "status"), "conditions")}


def is_true(condition: Json | None) -> bool:
    return condition is not None and condition.get("status") == "True"


def is_false(condition: Json | None) -> bool:
    return condition is not None and condition.get("status") == "False"


def told(condition: Json, otherwise: str) -> str:
    """Return why, as a condition or another part of a status has it: `reason` and `message`."""
    said = [str(condition[key]) for key in ("reason", "message") if condition.get(key)]
    return ": ".join(said) or otherwise


def one_line(text: str) -> str:
    """Return a text as one line that can be printed, shortened."""
    line = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
