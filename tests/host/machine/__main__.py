"""
Makes what machines start from, before the clock of a test runs; with `shell`, starts one and a shell in it.

    python -m tests.host.machine [shell]
"""

from __future__ import annotations

import subprocess
import sys
import time

from tests.host.machine import debian, python
from tests.host.machine.fixtures import missing
from tests.host.machine.single import single


def main(words: list[str]) -> int:
    if reason := missing():
        print(f"no machines here: {reason}", file=sys.stderr)
        return 1
    started = time.monotonic()
    python.layer()
    print(f"machines start from {debian.tree()} ({time.monotonic() - started:.0f} s)")
    return shell() if words == ["shell"] else 0


def shell() -> int:
    with single() as machine:
        return subprocess.run(machine.argv("bash", "--login"), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
