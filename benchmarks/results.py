"""What the suite has measured, as values and as JSON, with the machine it was measured on."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

TOP = Path(__file__).parents[1]
MODEL = r"model name\s*: (.*)"


class NotHereError(Exception):
    """Why a part of the suite cannot be run on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One line of the table: what trued took each round, and what the rival took in the same rounds.

    `key` says which goal is meant (goals.py), `unit` goes with both numbers. Without rounds there is one number.
    """

    key: str
    work: str
    unit: str
    trued: tuple[float, ...]
    rival: str = ""
    against: tuple[float, ...] = ()

    @property
    def part(self) -> str:
        return self.key.partition("/")[0]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Round by round; of a rival that was slow there are fewer."""
        # A piece of work can be below what the kernel's clock tells apart.
        return tuple(one / max(other, 1e-6) for one, other in zip(self.trued, self.against, strict=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """`left_out` says of parts why they were not run; `faults`, what was not as it should be afterwards."""

    machine: Mapping[str, str]
    quick: bool = False
    rows: Sequence[Row] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)  # that each part took
    left_out: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[str] = ()

    def of(self, part: str) -> list[Row]:
        return [row for row in self.rows if row.part == part]

    def dump(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Self:
        raw = json.loads(file.read_text())
        rows = [Row(**{**row, **_tuples(row)}) for row in raw.pop("rows")]
        return cls(rows=rows, **raw)


def _tuples(row: Mapping[str, Sequence[float]]) -> Mapping[str, tuple[float, ...]]:
    return {name: tuple(row[name]) for name in ("trued", "against")}


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so many of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]


def machine() -> dict[str, str]:
    """Say where this is measured: the computer, and the versions of all that is compared."""
    return {
        "day": time.strftime("%Y-%m-%d"),
        "commit": _first("git", "-C", str(TOP), "rev-parse", "--short=10", "HEAD") + _changed(),
        "system": _field(Path("/etc/os-release"), r'PRETTY_NAME="(.*)"') or platform.system(),
        "kernel": platform.release().partition("-")[0],
        "cpu": f"{os.cpu_count()} of {_field(Path('/proc/cpuinfo'), MODEL) or platform.machine()}",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "load at the start": " ".join(f"{value:.1f}" for value in os.getloadavg()),
        "Python": platform.python_version(),
        **dict(_versions()),
    }


VERSIONS: Mapping[str, tuple[str, str]] = {
    "CFEngine": ("cf-agent", "--version"),
    "Puppet": ("puppet", "--version"),
    "Ansible": ("ansible-playbook", "--version"),
    "Salt": ("salt-call", "--version"),
    "pyinfra": ("pyinfra", "--version"),
    "rsync": ("rsync", "--version"),
    "git": ("git", "--version"),
    "docker-compose": ("docker-compose", "--version"),
}


def _versions() -> Iterator[tuple[str, str]]:
    for name, argv in VERSIONS.items():
        if shutil.which(argv[0]) and (found := re.search(r"\d+(\.\d+)+", _first(*argv))):
            yield name, found[0]


def _first(*argv: str) -> str:
    """Return the first line that a command says, or nothing."""
    try:
        said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return said.stdout.partition("\n")[0].strip()


def _changed() -> str:
    return " with changes" if _first("git", "-C", str(TOP), "status", "--porcelain", "-uno") else ""


def _field(file: Path, pattern: str) -> str:
    try:
        found = re.search(pattern, file.read_text())
    except OSError:
        return ""
    return found[1] if found else ""


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, file=sys.stderr, flush=True)
