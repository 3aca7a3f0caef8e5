"""
A Python environment for trued inside the tree, as a layer to lay above it: what requirements.lock names, installed by
the tree's own Python from wheels. A machine sees the checkout's agent/ in it, so that what runs is what is there.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from tests.host.machine import debian
from tests.host.machine.cache import cached, key
from tests.host.machine.nspawn import Binding
from tests.host.machine.tools import call

TOP = Path(__file__).parents[3]
LOCK = TOP / "requirements.lock"
SCRIPT = TOP / "scripts/testing/make-python-layer"
PLACE = "/opt/trued-test"
CHECKOUT = f"{PLACE}/checkout"
COMMAND = f"{PLACE}/bin/trued"


def layer() -> Path:
    """Return the folder to lay above the tree."""
    root, wheelhouse = debian.tree(), wheels()

    def make(new: Path) -> None:
        call(SCRIPT, root, new, wheelhouse, PLACE)

    return cached("python", key(root.parent.name, SCRIPT, LOCK), make) / "upper"


def checkout() -> Binding:
    """Return how a machine sees the trued that is being tested."""
    return Binding(source=TOP / "agent", place=f"{CHECKOUT}/agent", read_only=True)


def wheels() -> Path:
    """Return a folder of wheels for the tree's Python, and the requirements.lock that they are of."""
    return cached("wheels", key(Path(__file__), LOCK), _download)


def _download(new: Path) -> None:
    machine = sysconfig.get_platform().removeprefix("linux-")
    tags = [f"manylinux{tag}_{machine}" for tag in ("2014", "_2_17", "_2_28", "_2_34", "_2_36")]
    call(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes",
        "--only-binary=:all:", "--no-deps", "--python-version=3.11", "--implementation=cp",
        "--abi=cp311", "--abi=abi3", "--abi=none", *(f"--platform={tag}" for tag in tags),
        f"--dest={new}", f"--requirement={LOCK}",
    )  # fmt: skip
    shutil.copy(LOCK, new)
