"""What must not be declared of units, lest trued ends itself with nobody left to bring it back. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.kinds.unit.names import OURS
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.text import assignments

# Of a drop-in for it: with these it starts as something else, only at times, or not again.
_RUNS: Final = re.compile(
    r"(Exec|Condition|Assert|StartLimit|Root).*"
    r"|Conflicts|Requires|Requisite|BindsTo|PartOf|StopPropagatedFrom|Type|User|DynamicUser|Restart|PIDFile|BusName"
)
# Of another unit: it stops when that one starts, or with it; or that one takes its name.
_TAKES: Final = frozenset({"Conflicts", "PropagatesStopTo", "Alias"})


def check_entry(name: str, spec: UnitSpec) -> None:
    """Raise ValueError for an entry that would cut the branch that trued sits on."""
    if name != OURS:
        return
    asked = (
        "masked: true" if spec.masked
        else "active: false" if spec.active is False
        else "enabled: false" if spec.enabled is False
        else "state: absent" if spec.state == "absent"
        else "a unit file" if spec.has_text
        else ""
    )  # fmt: skip
    if asked:
        raise ValueError(f"{_WHY}: no {asked} here")


def check_text(data: bytes, unit: str) -> None:
    """Raise ValueError for a unit file or drop-in that would."""
    for line in assignments(data, unit):
        if unit == OURS and _RUNS.fullmatch(line.key):
            raise ValueError(f"{_WHY}: no {line.key}= here")
        if unit != OURS and line.key in _TAKES and OURS in line.value.split():
            raise ValueError(f"{_WHY}: no {line.key}={OURS} here")


_WHY: Final = f"trued runs in {OURS}, and nobody would be left to bring it back"
