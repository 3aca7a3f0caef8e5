"""Killed at any system call, or let down by the disk: the old file or the new one, whole, and nothing left over."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from pathlib import Path, PurePosixPath

import pytest

from agent.host.local import Local
from agent.model import Text, WriteFile
from tests.host.tracing import traced

OLD, NEW = b"old\n" * 3, b"new\n" * 1000
CALLS = ("openat", "write", "fchmod", "fsetxattr", "fsync", "renameat", "close", "newfstatat")

# The child waits until strace is attached: what is counted, and killed at, is what the step itself calls.
CHILD = """
import ctypes, os, sys
from pathlib import Path, PurePosixPath
from agent.errors import HostError
from agent.host.local import Local
from agent.model import Text, WriteFile
root = Path(sys.argv[1])
local = Local(root, root.parent / "state")
step = WriteFile(path=PurePosixPath("/etc/x"), content=Text.of(b"new\\n" * 1000), mode=0o640, why="")
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: anyone may trace, where Yama asks
print("ready", flush=True)
sys.stdin.readline()
try:
    local.perform(step)
except HostError as error:
    (root.parent / "error").write_text(str(error))
os._exit(0)
"""


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is not None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("missing: strace", pytrace=False)
    pytest.skip("missing: strace")


def put_old(root: Path) -> None:
    (root / "etc/x").write_bytes(OLD)
    (root / "etc/x").chmod(0o600)
    os.setxattr(root / "etc/x", "user.note", b"kept")


def test_all_is_on_the_disk_before_the_name_and_the_name_after_it(root: Path) -> None:
    put_old(root)
    _, calls = traced(CHILD, root, "-e", "trace=write,fchmod,fsync,/^rename")
    order = [
        (found[1], ".trued-" in found[2])
        for found in re.finditer(r"^(write|fchmod|fsync|rename)[a-z0-9]*\((.*/etc.*)$", calls, re.MULTILINE)
    ]
    expected = [("write", True), ("fchmod", True), ("fsync", True), ("rename", True), ("fsync", False)]
    assert expected == order


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_the_file_is_old_or_new_and_the_next_run_mends(root: Path, call: str) -> None:
    for n in itertools.count(1):
        put_old(root)
        killed, _ = traced(CHILD, root, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}")
        if not killed:
            break
        found = (root / "etc/x").read_bytes(), (root / "etc/x").stat().st_mode & 0o7777
        assert found in {(OLD, 0o600), (NEW, 0o640)}
        assert b"kept" == os.getxattr(root / "etc/x", "user.note")
        step = WriteFile(path=PurePosixPath("/etc/x"), content=Text.of(NEW), mode=0o640, why="")
        Local(root, root.parent / "state").perform(step)
        assert (["x"], NEW) == (os.listdir(root / "etc"), (root / "etc/x").read_bytes())
    assert n > 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("openat", "EACCES"),
        ("write", "ENOSPC"),
        ("write", "EIO"),
        ("fchmod", "EPERM"),
        ("fsetxattr", "ENOSPC"),
        ("fsync", "EIO"),
        ("fsync", "EDQUOT"),
        ("renameat", "EROFS"),
    ],
)
def test_a_disk_that_fails_leaves_the_old_file_and_no_temporary(root: Path, call: str, error: str) -> None:
    put_old(root)
    traced(CHILD, root, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when=1")
    assert re.match("/[^:]*: (cannot be|the root folder cannot be) ", (root.parent / "error").read_text())
    assert (["x"], OLD) == (os.listdir(root / "etc"), (root / "etc/x").read_bytes())
