"""
Makes what machines start from, before the clock of a test runs; with `shell`, starts one and a shell in it.

    python -m tests.host.machine [shell]
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.host.machine import debian, python, slot
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.fixtures import missing
from tests.host.machine.machine import Machine
from tests.host.machine.network import Network


def main(words: list[str]) -> int:
    if reason := missing():
        print(f"no machines here: {reason}", file=sys.stderr)
        return 1
    started = time.monotonic()
    trees = (python.layer(), debian.tree())
    print(f"machines start from {trees[1]} ({time.monotonic() - started:.0f} s)")
    return shell(trees) if words == ["shell"] else 0


def shell(trees: tuple[Path, ...]) -> int:
    with slot.take() as taken:
        machine = Machine(
            name="edge-01",
            lower=trees,
            work=taken.work / "edge-01",
            runtime=taken.runtime,
            network=Network(taken),
            cgroups=Cgroups.named(f"trued-machines/{taken.number}/edge-01"),
            bindings=(python.checkout(),),
        )
        machine.start()
        try:
            return subprocess.run(machine.argv("bash", "--login"), check=False).returncode
        finally:
            machine.destroy()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
