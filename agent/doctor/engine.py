"""Checks that the container engine answers, and is one that trued can work with. Asks it for its version."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

from agent.doctor import Found, failed, ok, warning
from agent.errors import HostError
from agent.host.engine.client import Client, the_socket

OLDEST: Final = {"Docker Engine": (20, 10), "Podman Engine": (4, 0)}


def is_there(wanted: Path | None) -> bool:
    """Return whether an engine is to be expected: agent.yaml names its socket, or there is one."""
    try:
        return wanted is not None or bool(the_socket(None))
    except HostError:
        return False


def engine(wanted: Path | None) -> Found:
    """Return which engine answers, and whether it is new enough; raises HostError where none does."""
    try:
        socket = the_socket(wanted)
    except HostError as error:
        if wanted:
            raise
        return warning(str(error), f"{error.hint}; where one is declared, it comes with the next cycle")
    with closing(Client(socket)) as client:
        return judged(client.get("/version"), socket)


def judged(said: Any, socket: Path) -> Found:
    """Return what is to be said of an engine, by its answer to GET /version."""
    parts = {one.get("Name"): one.get("Version") for one in said.get("Components") or ()}
    name = "Podman Engine" if "Podman Engine" in parts else "Docker Engine"
    version = str(parts.get(name) or said.get("Version"))
    text = f"{name} {version} at {socket}"
    if _number(version) < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        return failed(
            f"{text}: expected {oldest} or newer", "install a newer one; docs/kinds/container.md says which"
        )
    return ok(text)


def _number(version: str) -> tuple[int, ...]:
    """Return a version's first two numbers; what makes no sense is taken to be new."""
    try:
        return tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        return (1 << 30,)
