"""
Decides what on a host counts as made by trued though the ledger knows nothing of it: it may be new, or lost. Reads only.

Only where a kind's things bear a mark that tells; of all others, what is found is adopted, and never removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from agent.bugs import contained
from agent.errors import HostError
from agent.host import Probe
from agent.kinds import AnyKind, Kind, used
from agent.model import DesiredState, Ownership, ResourceId
from agent.reconcile.ledger import Ledger, Owned
from agent.values import dataclass

RECOGNIZED: Final = Owned(
    digest="recognized",  # of no declaration: what is declared of it is news
    ownership=Ownership.CREATED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """What bears the mark of this host's trued, and the kinds of which that could not be told."""

    owned: Mapping[ResourceId, Owned] = field(default_factory=dict)
    failed: Mapping[str, HostError] = field(default_factory=dict)


def recognize(
    desired: DesiredState, ledger: Ledger, kinds: Mapping[str, AnyKind], probe: Probe
) -> Recognized:
    """Ask each kind that is declared and of which nothing is remembered."""
    owned: dict[ResourceId, Owned] = {}
    failed: dict[str, HostError] = {}
    for name in _unknown(desired, ledger, kinds):
        try:
            with contained:
                found = tuple(kinds[name].recognize(probe))
        except HostError as error:
            failed[name] = error
        else:
            owned |= {ResourceId(name, thing): RECOGNIZED for thing in found}
    return Recognized(owned=owned, failed=failed)


def _unknown(desired: DesiredState, ledger: Ledger, kinds: Mapping[str, AnyKind]) -> list[str]:
    able = {name: kind for name, kind in kinds.items() if type(kind).recognize is not Kind.recognize}
    if not able:  # ten thousand files are not gone through for nothing
        return []
    return sorted(used(able, desired.resources).keys() - {rid.kind for rid in ledger.owned})
