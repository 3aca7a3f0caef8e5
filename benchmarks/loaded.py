"""
What the daemon costs while nothing happens on a host that uses all of it: files, packages, containers and Kubernetes objects.

The container engine and the API server are the tests' own; both tell their events to the daemon all the while.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import containers
import idle
import packages
import shop
import workload as loads
from fleet import Fleet
from idle import Idle
from results import NotHereError

from tests.engine import images
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import missing as no_engine
from tests.host.machine import slot
from tests.kube import binaries
from tests.kube.fixtures import missing as no_cluster
from tests.kube.server import Kube
from tests.waiting import until

FILES, PACKAGES, CONTAINERS, OBJECTS = 300, 50, 20, 100
BOUND = 300.0  # seconds until all of it is made


def run(settle: float, seconds: float, scratch: Path) -> Idle:
    """Measure; raises NotHereError."""
    if reason := no_engine() or no_cluster():
        raise NotHereError(reason)
    with ExitStack() as stack:
        docker = Docker(stack.enter_context(Cell(stack.enter_context(slot.take()))))
        docker.start()
        docker.load(images.STOCK[0])
        kube = Kube(scratch / "kube", binaries.folder())
        stack.callback(kube.close)
        kube.start()
        fleet = declared(scratch / "host", docker, kube)
        pid = stack.enter_context(idle.daemon(fleet))
        until(lambda: "converged at" in idle.log_of(fleet).read_text(), BOUND)
        time.sleep(settle)
        return idle.watch({"daemon": [pid]}, 0, seconds)["daemon"]


def declared(top: Path, docker: Docker, kube: Kube) -> Fleet:
    """Make a host whose files and packages are as declared, and whose containers and objects are not there yet."""
    load = loads.make(top, FILES)
    loads.same(load)
    more = {"engine": {"socket": str(docker.socket)}, "kubernetes": {"kubeconfig": str(kube.kubeconfig)}}
    fleet = Fleet(top=top, remote=top / "remote.git", more=more)
    fleet.start()
    shop.write(fleet.work / "base/manifests/shop", "shop", OBJECTS)
    fleet.declare(
        {
            "files": {str(load.live): {"source": "files/tree/", "mode": f"{loads.MODE:04o}"}},
            "packages": dict.fromkeys(packages.installed(PACKAGES), "present"),
            "containers": containers.declared("trued", CONTAINERS),
            "manifests": {"shop": {"source": "manifests/shop/", "wait": "0s"}},
        }
    )
    fleet.push("Declare a host that uses all of it")
    return fleet


def named() -> Iterator[str]:
    """Yield what is declared, in words."""
    for count, what in (
        (FILES, "files"),
        (PACKAGES, "packages"),
        (CONTAINERS, "containers"),
        (OBJECTS, "Kubernetes objects"),
    ):
        yield f"{count} {what}"
