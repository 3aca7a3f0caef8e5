"""How long the suite may take, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long the suite may take, and where. `faults` gets what was not as it should be afterwards."""

    quick: bool
    scratch: Path
    faults: list[str]

    def pick(self, quick: int, full: int) -> int:
        return quick if self.quick else full
