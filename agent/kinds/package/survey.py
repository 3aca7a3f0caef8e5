"""What a person should know of a host's packages, and which a first document would declare. Only looks."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host import Probe
from agent.kinds import Found
from agent.kinds.package.manager import Database
from agent.kinds.package.managers import of_host
from agent.kinds.package.spec import PRESENT
from agent.model import few


def notices(probe: Probe) -> Iterator[str]:
    """Yield what is left over, and what is half done; raises HostError."""
    manager = of_host(probe)
    database = manager.database(probe)
    if database.broken:
        words = [f"{name} ({_trouble(database, name)})" for name in database.broken]
        yield f"packages that are not whole: {few(words)}; see {manager.hints.audit}"
    if spare := manager.spare(probe):
        yield f"packages no longer needed: {few(spare)}; {manager.hints.tidy} removes them"


def _trouble(database: Database, name: str) -> str:
    one = database.find(name)
    return one.trouble if one else ""


def survey(probe: Probe) -> Iterator[Found]:
    """Yield what was installed for its own sake, without what every host has; raises HostError."""
    manager = of_host(probe)
    database, base = manager.database(probe), manager.base(probe)
    every = (one for group in database.packages.values() for one in group)
    chosen = (one for one in every if one.there and not one.auto and (one.held or one.name not in base))
    for name, one in sorted((database.called(one), one) for one in chosen):
        if not one.whole:
            yield Found(
                name=name,
                entry=None,
                skipped=f"it is {one.trouble}: see {manager.hints.audit}; once it is whole, declare it present",
            )
        elif one.held:
            yield Found(name=name, entry={"version": one.version, "hold": True})
        else:
            yield Found(name=name, entry=PRESENT)
