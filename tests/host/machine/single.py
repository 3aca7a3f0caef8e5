"""One machine without fixtures: to look around in, and to measure on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.host.machine import debian, python, slot
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.machine import Machine
from tests.host.machine.network import Network
from tests.host.machine.nspawn import Binding


@contextmanager
def single(*bindings: Binding, name: str = "edge-01") -> Iterator[Machine]:
    """A fresh machine that has just booted, with a Python environment for trued; fixtures.missing() says whether it can be."""
    trees = (python.layer(), debian.tree())
    with slot.take() as taken:
        machine = Machine(
            name=name,
            lower=trees,
            work=taken.work / name,
            runtime=taken.runtime,
            network=Network(taken),
            cgroups=Cgroups.named(f"trued-machines/{taken.number}/{name}"),
            bindings=(python.checkout(), *bindings),
        )
        try:
            machine.start()
            yield machine
        finally:
            machine.destroy()
