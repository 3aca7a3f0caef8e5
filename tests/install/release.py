"""Release archives for tests: made by scripts/build-release from a copy of the checkout, with changes where a test wants some."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import agent

TOP = Path(__file__).parents[2]
PARTS = (
    "LICENSE", "README.md", "agent", "config", "docs", "pyproject.toml", "requirements.lock", "scripts", "units",
)  # fmt: skip
VERSION = agent.__version__
EPOCH = "1700000000"


def copy(to: Path, *, version: str = VERSION, changes: Mapping[str, str] | None = None) -> Path:
    """Copy what a release is made from; `changes` are whole files. Return the folder."""
    for name in PARTS:
        if (TOP / name).is_dir():
            shutil.copytree(
                TOP / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, to / name)
    for name in ("agent/__init__.py", "pyproject.toml"):
        file = to / name
        file.write_text(file.read_text().replace(f'version__ = "{VERSION}"', f'version__ = "{version}"')
                        .replace(f'\nversion = "{VERSION}"', f'\nversion = "{version}"'))  # fmt: skip
    for name, text in (changes or {}).items():
        (to / name).write_text(text)
    return to


def build(checkout: Path, to: Path, *, pythons: str = "3.11", scratch: Path | None = None) -> Path:
    """Return the archive of this checkout, for this machine's architecture."""
    more = {"TMPDIR": str(scratch)} if scratch else {}
    done = subprocess.run(
        (checkout / "scripts/build-release", to),
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONS": pythons, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.split()[-1])


def unpack(archive: Path, to: Path) -> Path:
    """Unpack it; return the folder in it."""
    to.mkdir(parents=True, exist_ok=True)
    subprocess.run(("tar", "-xzf", archive, "-C", to), check=True)
    return to / archive.name.removesuffix(".tar.gz")
