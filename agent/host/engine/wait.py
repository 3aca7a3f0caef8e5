"""How a container does: whether it runs, whether it is well, and what it said last. Only looks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from agent.errors import HostError
from agent.host.engine.client import Client, part

SETTLING: Final = 1.0  # seconds in which what ends at once has ended
PAUSE: Final = 0.1
LINES: Final = 10
MOST_SAID: Final = 400  # characters
HEADER: Final = 8  # bytes before each piece of a log whose streams are kept apart


def inspected(client: Client, name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = client.find(f"/containers/{part(name)}/json")
    return found


def health(state: Mapping[str, Any]) -> str:
    """Return starting, healthy, unhealthy, or nothing for a container without a health check."""
    said = str((state.get("Health") or state.get("Healthcheck") or {}).get("Status", ""))
    return "" if said == "none" else said


def ended(state: Mapping[str, Any]) -> str:
    """Return how a container ended, as words."""
    error = " ".join(str(state.get("Error") or "").split())
    if error:
        return f"did not start: {error}"
    killed = ", killed for lack of memory" if state.get("OOMKilled") else ""
    return f"ended with exit code {state.get('ExitCode', '?')}{killed}"


def until_well(client: Client, name: str, *, patience: float, fleeting: bool) -> None:
    """
    Wait until a container runs, still does a moment later, and is healthy; raises HostError as soon as it will not.

    `patience`: seconds that it may take to be healthy.
    """
    began = time.monotonic()
    while True:
        found = _there(client, name)
        state = found["State"]
        trouble = _trouble(found, fleeting=fleeting)
        waited = time.monotonic() - began
        settled = waited >= SETTLING or not state.get("Running")
        if not trouble and health(state) == "starting" and waited > patience:
            trouble = f"is not healthy within {patience:.0f} s"
        if trouble:
            raise HostError(f"{trouble}{said(client, name, state)}")
        if settled and health(state) != "starting":
            return
        time.sleep(PAUSE)


def _trouble(found: Mapping[str, Any], *, fleeting: bool) -> str:
    """Return what is wrong with a new container, or nothing; that its health is not known yet is nothing."""
    state = found["State"]
    if not state.get("Running") or state.get("Restarting"):
        return "" if fleeting and is_done(state) else ended(state)
    if found.get("RestartCount"):
        return "ends again and again, and is started again"
    return "is unhealthy" if health(state) == "unhealthy" else ""


def is_done(state: Mapping[str, Any]) -> bool:
    """Return whether a container has come to a good end."""
    return state.get("Status") == "exited" and state.get("ExitCode") == 0


def until_condition(client: Client, name: str, condition: str, *, patience: float) -> None:
    """Wait until a container is as far as a condition of `depends_on` says; raises HostError if it will not be."""
    deadline = time.monotonic() + patience
    while True:
        state = _there(client, name)["State"]
        if _meets(state, condition, name):
            return
        if time.monotonic() > deadline:
            raise HostError(f"{name} is not {_CONDITIONS[condition]} within {patience:.0f} s")
        time.sleep(PAUSE)


_CONDITIONS: Final = {
    "service_started": "running",
    "service_healthy": "healthy",
    "service_completed_successfully": "done",
}


def _meets(state: Mapping[str, Any], condition: str, name: str) -> bool:
    over = state.get("Status") in {"exited", "dead"}
    if condition == "service_completed_successfully":
        if over and state.get("ExitCode") != 0:
            raise HostError(f"{name} {ended(state)}")
        return over
    if condition == "service_started":
        return bool(state.get("Running")) or (over and state.get("ExitCode") == 0)
    if over:
        raise HostError(f"{name} {ended(state)}")
    if state.get("Running") and not health(state):
        raise HostError(f"{name} has no healthcheck, so it is never healthy")
    if health(state) == "unhealthy":
        raise HostError(f"{name} is unhealthy")
    return health(state) == "healthy"


def _there(client: Client, name: str) -> Mapping[str, Any]:
    if (found := inspected(client, name)) is None:
        raise HostError(f"there is no container {name}")
    return found


def said(client: Client, name: str, state: Mapping[str, Any]) -> str:
    """Return what a health check printed last, or the end of a container's log, as a part of a message."""
    log = (state.get("Health") or state.get("Healthcheck") or {}).get("Log") or ()
    check = " ".join(str(log[-1].get("Output") or "").split())[:MOST_SAID] if log else ""
    words = check if health(state) == "unhealthy" and check else last_words(client, name)
    return f": {words}" if words else ""


def last_words(client: Client, name: str) -> str:
    """Return the last lines of a container's log, joined, and not too much of them."""
    try:
        raw = client.text(f"/containers/{part(name)}/logs", {"stdout": True, "stderr": True, "tail": LINES})
    except HostError:
        return ""  # of a logging driver that cannot be read, or of a container that is gone
    lines = (_clean(line) for line in _unframed(raw).decode(errors="replace").splitlines())
    # What ends again and again says the same again and again.
    return "; ".join(dict.fromkeys(filter(None, lines)))[-MOST_SAID:]


def _clean(line: str) -> str:
    return "".join(char for char in line.strip() if char.isprintable())


def _unframed(raw: bytes) -> bytes:
    """Return a log without the headers that tell its streams apart (API: ContainerAttach, "Stream format")."""
    pieces, at = [], 0
    while at + HEADER <= len(raw) and raw[at] in {0, 1, 2} and raw[at + 1 : at + 4] == b"\0\0\0":
        size = int.from_bytes(raw[at + 4 : at + HEADER], "big")
        pieces.append(raw[at + HEADER : at + HEADER + size])
        at += HEADER + size
    return b"".join((*pieces, raw[at:]))
