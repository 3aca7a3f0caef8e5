"""The programs of a Kubernetes of one's own: built once by scripts/testing/kube-build, then kept in the cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.host.machine import cache

SCRIPT = Path(__file__).parents[2] / "scripts/testing/kube-build"
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
TOOLS = ("apt-get", "bash", "dpkg", "make", "rsync", "setpriv")


def missing() -> str:
    """Return why they cannot be built here, or nothing."""
    tools = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"missing: {', '.join(tools)}" if tools else ""


def built() -> bool:
    """Say whether they are there: nobody has to wait for minutes."""
    return cache.place("kube", _key()).exists()


def folder() -> Path:
    """Return the folder that they are in; made once, in four to six minutes."""
    return cache.cached("kube", _key(), _build)


def _key() -> str:
    return cache.key(SCRIPT)


def _build(new: Path) -> None:
    log = cache.folder() / "kube-build.log"
    with log.open("wb") as out:
        # It goes with whoever waits for it.
        argv = ("setpriv", "--pdeathsig", "TERM", str(SCRIPT), str(new))
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
    if done.returncode:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise AssertionError(f"{SCRIPT}: exit {done.returncode}; the end of {log}:\n{said}")
