"""
Builds the programs of a Kubernetes, before the clock of a test runs; with `shell`, starts one and a shell beside it.

    python -m tests.kube [shell]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.kube import binaries
from tests.kube.fixtures import missing
from tests.kube.server import Kube


def main(words: list[str]) -> int:
    started = time.monotonic()
    if not binaries.built() and (reason := binaries.missing()):
        print(f"no Kubernetes can be built here: {reason}", file=sys.stderr)
        return 1
    programs = binaries.folder()
    print(f"a Kubernetes starts from {programs} ({time.monotonic() - started:.0f} s)")
    if reason := missing():
        print(f"no Kubernetes here: {reason}", file=sys.stderr)
        return 1
    return shell(programs) if words == ["shell"] else 0


def shell(programs: Path) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        kube = Kube(Path(scratch), programs)
        try:
            kube.start()
            environment = {
                **os.environ,
                "KUBECONFIG": str(kube.kubeconfig),
                "PATH": os.pathsep.join((str(programs), os.environ.get("PATH", os.defpath))),
            }
            shell = (os.environ.get("SHELL", "/bin/sh"),)
            return subprocess.run(shell, env=environment, check=False).returncode
        finally:
            kube.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
