"""Which packages of dpkg every host has: those of its base system, and what these need. Only looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds.package.manager import Database

_FIELDS: Final = ("Package", "Depends", "Pre-Depends")
_ASK: Final = ("dpkg-query", "-W", "-f", "\t".join(f"${{{field}}}" for field in _FIELDS) + "\n")
_NAME: Final = re.compile(r"[^\s(:]+")  # deb-control(5): name, ":any", " (>= 1.0)", " [amd64]"


def base(probe: Probe, database: Database) -> frozenset[str]:
    """
    Return the names of what is essential, required or important, and of all that these depend on; raises HostError.

    Installers (debootstrap(8), mmdebstrap(1)) mark the libraries among them as if somebody had chosen them.
    """
    needs = _needs(probe)
    every = (one for group in database.packages.values() for one in group)
    todo = [one.name for one in every if one.there and (one.usual or one.vital)]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += (one for clause in needs.get(name, ()) for one in _met_by(clause, database))
    return frozenset(found)


def _needs(probe: Probe) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Return for each package what it depends on: clauses, each of alternatives."""
    needs: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in probe.ask(*_ASK).out.splitlines():
        name, *lists = line.split("\t")
        if len(lists) != len(_FIELDS) - 1:
            raise HostError(f"dpkg-query said {line[:80]!r}, expected {len(_FIELDS)} fields")
        needs[name] = (*needs.get(name, ()), *(clause for one in lists for clause in _clauses(one)))
    return needs


def _clauses(text: str) -> Iterator[tuple[str, ...]]:
    for clause in text.split(","):
        if names := tuple(found[0] for one in clause.split("|") if (found := _NAME.search(one))):
            yield names


def _met_by(clause: tuple[str, ...], database: Database) -> tuple[str, ...]:
    """Return what is installed of the alternatives: the first of them, or those that provide one."""
    for name in clause:
        if any(one.there for one in database.packages.get(name, ())):
            return (name,)
    provided = (database.providers(name) for name in clause)
    return next((names for names in provided if names), ())
