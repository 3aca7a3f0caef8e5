"""Killed at any system call, or let down by the disk: the old file or the new one, whole, and nothing left over."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from agent.host.local import Local
from agent.model import Text, WriteFile

TOP = Path(__file__).parents[2]
OLD, NEW = b"old\n" * 3, b"new\n" * 1000
CALLS = (
    "openat",
    "write",
    "fchmod",
    "fchown",
    "fsetxattr",
    "fsync",
    "rename",
    "unlinkat",
    "close",
    "newfstatat",
)

# The markers keep what the interpreter does at its start and end out of the count.
CHILD = """
import os, sys
from pathlib import Path, PurePosixPath
from agent.errors import HostError
from agent.host.local import Local
from agent.model import Text, WriteFile
root = Path(sys.argv[1])
local = Local(root, root.parent / "state")
step = WriteFile(path=PurePosixPath("/etc/x"), content=Text.of(b"new\\n" * 1000), mode=0o640, why="")
os.access("/marker-begin", os.F_OK)
try:
    local.perform(step)
except HostError as error:
    print(error)
os.access("/marker-end", os.F_OK)
"""


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is not None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("missing: strace", pytrace=False)
    pytest.skip("missing: strace")


def traced(root: Path, *options: str) -> tuple[str, str]:
    """Run the child under strace; return what it said, and what it called between the markers."""
    log = root.parent / "strace.log"
    said = subprocess.run(
        ["strace", "-y", "-o", log, *options, sys.executable, "-c", CHILD, root],
        cwd=TOP,
        env={"PYTHONPATH": str(TOP), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    calls = log.read_text(errors="replace")
    return said.stdout, calls.partition("marker-begin")[2].partition("marker-end")[0]


def earlier(root: Path, call: str) -> tuple[int, int]:
    """Return how often a call is made before the write, and in it."""
    log = root.parent / "count.log"
    subprocess.run(
        [
            "strace",
            "-o",
            log,
            "-e",
            f"trace={call},access,faccessat,faccessat2",
            sys.executable,
            "-c",
            CHILD,
            root,
        ],
        cwd=TOP,
        env={"PYTHONPATH": str(TOP), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
    )
    text = log.read_text(errors="replace")
    before, _, rest = text.partition("marker-begin")
    pattern = re.compile(rf"^{call}\(", re.MULTILINE)
    return len(pattern.findall(before)), len(pattern.findall(rest.partition("marker-end")[0]))


def put_old(root: Path) -> None:
    (root / "etc/x").write_bytes(OLD)
    (root / "etc/x").chmod(0o600)
    os.setxattr(root / "etc/x", "user.note", b"kept")


def test_all_is_on_the_disk_before_the_name_and_the_name_after_it(root: Path) -> None:
    put_old(root)
    _, calls = traced(
        root, "-e", "trace=write,fchmod,fsync,rename,renameat,renameat2,access,faccessat,faccessat2"
    )
    order = [
        (found[1], ".trued-" in found[2])
        for found in re.finditer(r"^(write|fchmod|fsync|rename)[a-z0-9]*\((.*)$", calls, re.MULTILINE)
    ]
    expected = [("write", True), ("fchmod", True), ("fsync", True), ("rename", True), ("fsync", False)]
    assert expected == order


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_the_file_is_old_or_new_and_the_next_run_mends(root: Path, call: str) -> None:
    put_old(root)
    before, within = earlier(root, call)
    for n in range(1, within + 1):
        put_old(root)
        traced(root, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={before + n}")
        found = (root / "etc/x").read_bytes(), (root / "etc/x").stat().st_mode & 0o7777
        assert found in {(OLD, 0o600), (NEW, 0o640)}
        assert b"kept" == os.getxattr(root / "etc/x", "user.note")
        step = WriteFile(path=PurePosixPath("/etc/x"), content=Text.of(NEW), mode=0o640, why="")
        Local(root, root.parent / "state").perform(step)
        assert (["x"], NEW) == (os.listdir(root / "etc"), (root / "etc/x").read_bytes())


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
@pytest.mark.parametrize("call", ["write", "fsync", "renameat", "fchmod"])
def test_a_disk_that_fails_leaves_the_old_file_and_no_temporary(root: Path, call: str, error: str) -> None:
    put_old(root)
    before, _ = earlier(root, call)
    put_old(root)
    traced_call = f"inject={call}:error={error}:when={before + 1}"
    said, _ = traced(root, "-e", f"trace={call}", "-e", traced_call)
    assert said.startswith("/etc/x: cannot be written: ")
    assert (["x"], OLD) == (os.listdir(root / "etc"), (root / "etc/x").read_bytes())


def test_the_calls_that_are_killed_at_are_those_that_are_made(root: Path) -> None:
    """A call that Python no longer makes would let the loop above pass without a run."""
    put_old(root)
    missing = [call for call in CALLS if call not in {"fchown", "unlinkat"} and earlier(root, call)[1] == 0]
    assert [] == missing
