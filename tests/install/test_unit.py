"""The sandbox of the unit: what systemd says of it is what docs/security.md says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
UNIT = TOP / "units/trued.service"
PAGE = (TOP / "docs/security.md").read_text()
# systemd.exec(5): each of these gives the service a mount namespace, and 0008 says why it must not have one.
NAMESPACED = (
    "BindPaths", "ExecPaths", "InaccessiblePaths", "MountFlags", "NoExecPaths", "PrivateDevices", "PrivateMounts", "PrivateTmp",
    "PrivateUsers", "ProcSubset", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs",
    "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "RootDirectory",
    "RootImage", "TemporaryFileSystem",
)  # fmt: skip

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def analyze(*options: str) -> str:
    argv = ("systemd-analyze", "security", "--offline=yes", "--no-pager", *options, UNIT)
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def reasons() -> dict[str, str]:
    """Return what the page says of each exposure that is open."""
    table = PAGE.partition("| open | because |")[2].partition("\n\n")[0].replace("\\|", "¦")
    rows = (row.split("|")[1:3] for row in table.splitlines()[2:])
    return {
        name.replace("¦", "|"): why.strip()
        for names, why in rows
        for name in re.findall(r"`([^`]+)`", names)
    }


@needs_analyze
def test_every_exposure_that_is_open_has_its_reason() -> None:
    """And none is named that is closed."""
    rows = json.loads(analyze("--json=short"))
    opened = {row["name"] for row in rows if not row["set"] and row["exposure"]}
    closed = {row["name"] for row in rows if row["set"]}
    # Families that we do not list one by one are told apart by their absence.
    said = reasons()

    assert set() == opened - said.keys()
    assert set() == closed & said.keys()
    assert all(said.values())


@needs_analyze
def test_the_exposure_is_no_higher_than_the_page_says() -> None:
    found = re.search(r"exposure level for \S+ (\d+\.\d)", analyze())
    said = re.search(r"\*\*exposure level (\d+\.\d)\*\*", PAGE)

    assert found
    assert said
    assert float(found[1]) <= float(said[1])


def test_nothing_gives_the_service_a_mount_namespace() -> None:
    """A file that it writes, and what a package script mounts, has to be there for the whole host."""
    keys = re.findall(r"^(\w+)=", UNIT.read_text(), re.MULTILINE)

    assert keys
    assert [] == [key for key in keys if key in NAMESPACED]
