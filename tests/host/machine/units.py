"""Declares units on a machine, and tells what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.host.machine.host import Host
from tests.host.machine.machine import Machine

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
SLEEPS = f"[Service]\nExecStart=/bin/sleep infinity\n{INSTALL}"
STARTS = "/run/starts"  # gets a line for each start
COUNTS = f"[Service]\nExecStartPre=/bin/sh -c 'echo %n >>{STARTS}'\nExecStart=/bin/sleep infinity\n{INSTALL}"
RUNS = {"content": SLEEPS, "enabled": True, "active": True}


def units(host: Host, entries: Mapping[str, Any], code: int | None = 0, **more: Any) -> dict[str, str]:
    """Declare these units and apply; return the reason of each resource by the rest of its id."""
    host.declare({"units": entries, **more})
    return applied(host, code)


def applied(host: Host, code: int | None = 0) -> dict[str, str]:
    resources = host.apply(code)["resources"]
    return {
        rid.removeprefix("unit:"): f"{one['result']}: {one['reason'] or ''}"
        for rid, one in resources.items()
    }


def state(machine: Machine, name: str) -> tuple[str, str]:
    """Return whether a unit runs, and whether it is enabled."""
    words = (
        machine.run("systemctl", verb, name, check=False).stdout.strip()
        for verb in ("is-active", "is-enabled")
    )
    return next(words), next(words)


def starts(machine: Machine) -> list[str]:
    return machine.run("cat", STARTS, check=False).stdout.split()


def reloads(machine: Machine) -> int:
    return sum(entry["MESSAGE"] == "Reloading." for entry in machine.journal("_PID=1"))
