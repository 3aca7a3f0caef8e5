"""Runs the tools of the outer machine: a tuple of words in, text out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def call(*argv: str | Path, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Return what it prints; raise AssertionError with the end of all it said when it fails."""
    done = subprocess.run(
        argv,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{PATH}"},
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{said}")
    return done.stdout


def lines(*argv: str | Path) -> Sequence[str]:
    return call(*argv).splitlines()
