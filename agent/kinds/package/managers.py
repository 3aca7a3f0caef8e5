"""The package managers that trued knows. A new one is one more module, and one more line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds.package.apt import Apt
from agent.kinds.package.manager import Manager

MANAGERS: Final[Mapping[str, Manager]] = {manager.name: manager for manager in (Apt(),)}
_PLACES: Final = tuple(manager.place for manager in MANAGERS.values())


def of_host(probe: Probe) -> Manager:
    """Return the package manager of this host; raises HostError."""
    return probe.remembered("package:manager", _PLACES, lambda: _of_host(probe))


def _of_host(probe: Probe) -> Manager:
    seen = probe.entries(_PLACES)
    for manager in MANAGERS.values():
        entry = seen[manager.place]
        if isinstance(entry, HostError):
            raise entry
        if entry is not None:
            return manager
    raise HostError(
        "this host has no package manager that trued knows",
        hint=f"it knows {', '.join(MANAGERS)}; declare no packages for this host",
    )
