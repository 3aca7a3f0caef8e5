"""
Engines to look around in: a shell with DOCKER_HOST and CONTAINER_HOST set.

    python -m tests.engine
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.engine import images
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import missing
from tests.engine.podman import Podman
from tests.engine.registry import Registry
from tests.host.machine import slot


def main() -> int:
    if reason := missing():
        print(f"no engines here: {reason}", file=sys.stderr)
        return 1
    with slot.take() as taken, Cell(taken) as cell, Registry(cell) as registry:
        engines = (Docker(cell), Podman(cell))
        for engine in engines:
            engine.start()
            engine.load(*images.STOCK)
        docker, podman = (f"unix://{engine.socket}" for engine in engines)
        print(f"the network: nsenter --net=/run/netns/{cell.namespace}; the registry: {registry.plain}")
        environment = {**os.environ, "DOCKER_HOST": docker, "CONTAINER_HOST": podman}
        return subprocess.run((os.environ.get("SHELL", "/bin/sh"),), env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
