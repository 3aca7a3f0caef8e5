"""
Inside a machine: does to its units or packages what stdin says, and answers how soon that was right again, as JSON.

    inside.py units|packages <DRIFTS >REPAIRS

No way into the machine is in the times, and little of looking: of units only a link is read that systemd keeps for each one
that runs, and the times are then asked of systemd, whose clock is Python's time.monotonic (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import repairs
from drifts import Drift
from repairs import Repair, Seen

LOOK = 0.005  # seconds between two looks
UNIT, PACKAGE = "lamp-{:02}.service", "bulk-{:03}"
STATUS = Path("/var/lib/dpkg/status")


class Units:
    """Services without Restart=, counted from before they are harmed until systemd has them active; that is exact."""

    def __init__(self, numbers: Sequence[int]) -> None:
        repairs.until(lambda: all(map(self._started, numbers)), repairs.PATIENCE, "not all units run")
        self._first = {number: self._started(number) for number in numbers}
        self._pids = {number: int(_asked(number, "MainPID")["MainPID"]) for number in numbers}

    def harm(self, drift: Drift) -> float:
        since = time.monotonic()
        if drift.sort == "killed":
            os.kill(self._pids[drift.number], signal.SIGKILL)
        else:
            subprocess.run(("systemctl", "stop", UNIT.format(drift.number)), check=True)
        return since

    def is_right(self, drift: Drift) -> bool:
        return self._started(drift.number) not in {"", self._first[drift.number]}

    def repair(self, seen: Seen) -> Repair:
        drift = seen.drift
        known = _asked(
            drift.number, "ActiveState", "ActiveEnterTimestampMonotonic", "InactiveEnterTimestampMonotonic"
        )
        if known["ActiveState"] != "active" or seen.until is None:
            return Repair(sort=drift.sort, alone=drift.alone, ms=None)
        begun, ended = (
            int(known[f"{name}EnterTimestampMonotonic"]) / 1000 for name in ("Active", "Inactive")
        )
        return Repair(sort=drift.sort, alone=drift.alone, ms=begun - seen.since * 1000, ended=begun - ended)

    def _started(self, number: int) -> str:
        """Return the id of its run, or nothing: systemd makes one for each start, and takes it away at the end."""
        try:
            return os.readlink(f"/run/systemd/units/invocation:{UNIT.format(number)}")
        except OSError:
            return ""


class Packages:
    """Packages, counted from the end of the command that removes one to the first look at which dpkg's status has it as installed."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._stamp, self._text = (0, 0), ""
        repairs.until(
            lambda: all(map(self._installed, numbers)), repairs.PATIENCE, "not all packages are there"
        )

    def harm(self, drift: Drift) -> float:
        words = ("dpkg", "-r") if drift.sort == "dpkg -r" else ("apt-get", "-qy", "remove")
        subprocess.run((*words, PACKAGE.format(drift.number)), check=True, stdout=subprocess.DEVNULL)
        return time.monotonic()

    def is_right(self, drift: Drift) -> bool:
        return self._installed(drift.number)

    def repair(self, seen: Seen) -> Repair:
        return seen.repair

    def _installed(self, number: int) -> bool:
        found = STATUS.stat()
        if (stamp := (found.st_ino, found.st_mtime_ns)) != self._stamp:
            self._stamp, self._text = stamp, STATUS.read_text()
        return f"Package: {PACKAGE.format(number)}\nStatus: install ok installed\n" in self._text


def _asked(number: int, *properties: str) -> Mapping[str, str]:
    argv = ("systemctl", "show", f"--property={','.join(properties)}", UNIT.format(number))
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in said.splitlines())


def main(what: str) -> None:
    todo = [Drift(**one) for one in json.load(sys.stdin)]
    numbers = [drift.number for drift in todo]
    host = Units(numbers) if what == "units" else Packages(numbers)
    seen = repairs.watch(host, todo, LOOK)
    json.dump([asdict(host.repair(one)) for one in seen], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
