"""
A Python environment for trued inside the tree, as a layer to lay above it: what requirements.lock names, installed by
the tree's own Python from wheels. A machine sees the checkout's agent/ in it, so that what runs is what is there.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path

from tests.host.machine.cache import cached, key
from tests.host.machine.layer import layer as _layer
from tests.host.machine.nspawn import Binding
from tests.host.machine.tools import call

TOP = Path(__file__).parents[3]
LOCK = TOP / "requirements.lock"
PLACE = "/opt/trued-test"
CHECKOUT = f"{PLACE}/checkout"
COMMAND = f"{PLACE}/bin/trued"

# Wheels for the tree's Python, whatever the one is that runs the tests: Debian 12 has 3.11 and glibc 2.36.
_MACHINE = sysconfig.get_platform().removeprefix("linux-")
TAGS = (
    "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none",
    *(f"--platform=manylinux{tag}_{_MACHINE}" for tag in ("2014", "_2_17", "_2_28", "_2_34", "_2_36")),
)  # fmt: skip

_INSTALL = f"""\
set -eu
python3 -m venv {PLACE}
{PLACE}/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --no-index --find-links=/mnt \
    --require-hashes --requirement=/mnt/requirements.lock
mkdir {CHECKOUT}
echo {CHECKOUT} >"$({PLACE}/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/trued.pth"
cat >{COMMAND} <<END
#!{PLACE}/bin/python
from agent.cli import process
raise SystemExit(process())
END
chmod 755 {COMMAND}
"""


def layer() -> Path:
    """Return the folder to lay above the tree."""
    return _layer("python", wheels(), "sh", "-c", _INSTALL)


def checkout() -> Binding:
    """Return how a machine sees the trued that is being tested."""
    return Binding(source=TOP / "agent", place=f"{CHECKOUT}/agent", read_only=True)


def wheels() -> Path:
    """Return a folder of wheels for the tree's Python, and the requirements.lock that they are of."""

    def make(new: Path) -> None:
        call(
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--require-hashes", "--no-deps", *TAGS, f"--dest={new}", f"--requirement={LOCK}",
        )  # fmt: skip
        shutil.copy(LOCK, new)

    return cached("wheels", key(LOCK, *TAGS), make)
