"""Where the machine says no: a full disk, a read-only folder, a mount, no rights, little memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.git.limits import DEFAULT_LIMITS
from agent.host import Entry, files
from agent.host.local import Local
from tests.host.test_writing import names, write

TOP = Path(__file__).parents[2]


def run_child(code: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, root],
        cwd=TOP,
        env={"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.root
def test_a_read_only_folder_is_said_with_the_way_out(local: Local, root: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", root / "etc"], check=True)
    try:
        with pytest.raises(HostError) as caught:
            local.perform(write("/etc/x"))
    finally:
        subprocess.run(["umount", root / "etc"], check=True)
    assert "/etc/x: cannot be written: read-only file system" == str(caught.value)
    assert "mount it writable, or declare another place" == caught.value.hint


@pytest.mark.root
def test_a_full_disk_leaves_the_old_file_and_nothing_else(local: Local, root: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", root / "etc"], check=True)
    try:
        (root / "etc/x").write_bytes(b"old")
        with pytest.raises(HostError) as caught:
            local.perform(write("/etc/x", b"x" * 200_000))
        assert (["x"], b"old") == (names(root / "etc"), (root / "etc/x").read_bytes())
    finally:
        subprocess.run(["umount", root / "etc"], check=True)
    assert "/etc/x: cannot be written: no space left on device" == str(caught.value)
    assert "free some space (df -h, df -i)" == caught.value.hint


@pytest.mark.root
def test_a_file_that_is_mounted_over_is_said(local: Local, root: Path) -> None:
    for name in ("x", "y"):
        (root / "etc" / name).write_bytes(b"old")
    subprocess.run(["mount", "--bind", root / "etc/y", root / "etc/x"], check=True)
    try:
        with pytest.raises(
            HostError, match=r"^/etc/x: cannot be written: device or resource busy$"
        ) as caught:
            local.perform(write("/etc/x"))
    finally:
        subprocess.run(["umount", root / "etc/x"], check=True)
    assert "something is mounted on it: see findmnt(8)" == caught.value.hint
    assert ["x", "y"] == names(root / "etc")


@pytest.mark.root
def test_without_root_only_ones_own_can_be_given() -> None:
    """In a child that is nobody: chown to oneself is fine, to root it is an error."""
    code = """
import os, sys
from pathlib import Path, PurePosixPath
from agent.errors import HostError
from agent.host.local import Local
from agent.model import Text, WriteFile
root = Path(sys.argv[1])
os.setgid(65534); os.setuid(65534)
step = WriteFile(path=PurePosixPath("/etc/x"), content=Text.of(b"x"), owner="65534", group="65534", why="")
Local(root, root / "state").perform(step)
try:
    Local(root, root).perform(WriteFile(path=PurePosixPath("/etc/y"), content=Text.of(b"x"), owner="0", why=""))
except HostError as error:
    print(error, "|", error.hint)
print(sorted(os.listdir(root / "etc")))
"""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (Path(place) / "etc").mkdir()
        (Path(place) / "etc").chmod(0o777)
        said = run_child(code, Path(place))
    expected = (
        "/etc/y: cannot be written: operation not permitted | "
        "needs root; for root, an immutable flag (lsattr) or a missing capability is in the way\n['x']\n"
    )
    assert (expected, "") == (said.stdout, said.stderr)


def test_100_mb_are_written_in_little_memory(root: Path) -> None:
    """By VmHWM, for ru_maxrss would begin with what the parent had: it outlives execve(2) (getrusage(2))."""
    code = """
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from agent.host.local import Local
from agent.model import WriteFile
class Large:
    digest = ""
    def chunks(self):
        for _ in range(100):
            yield b"x" * (1 << 20)
root, path = Path(sys.argv[1]), PurePosixPath("/etc/large")
local = Local(root, root / "state")
local.perform(WriteFile(path=path, content=Large(), why=""))
name = str(path)
assert local.probe().entries([name], digests=[name])[name].size == 100 << 20
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    said = run_child(code, root)
    assert "" == said.stderr
    assert int(said.stdout) < 64 * 1024  # KiB


def test_a_file_larger_than_any_that_git_brings_is_not_read(root: Path, local: Local) -> None:
    """Whoever may write in a folder can put a file there that says it is a terabyte."""
    with (root / "etc/huge").open("wb") as file:
        file.truncate(1 << 40)
    seen = local.probe().entries(["/etc/huge"], digests=["/etc/huge"])["/etc/huge"]

    assert isinstance(seen, Entry)
    assert (1 << 40, "") == (seen.size, seen.digest)
    assert files.LARGEST >= DEFAULT_LIMITS.object
