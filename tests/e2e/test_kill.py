"""`kill -9` after each step of an apply with 30 mixed changes, and at system calls all along it: the next cycle converges."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.assemble import assembled
from agent.cycle import preview, run_cycle
from tests.e2e.sandbox import Sandbox
from tests.servers.repo import Link, git

DYING = Path(__file__).with_name("dying.py")
BEFORE = {
    "base/base.yaml": """\
files:
  /etc/kept.conf: {content: "one"}
  /etc/mode.conf: {content: "x", mode: "0600"}
  /srv/old: {source: old/}
  /srv/tree: {source: tree/}
  /etc/link: {link: a}
  /etc/becomes-folder: {content: x}
  /opt/becomes-file: {directory: true}
  /opt/becomes-file/inner: {content: x}
""",
    **{f"base/old/{number}": f"old {number}\n" for number in range(6)},
    **{f"base/tree/{number}": f"tree {number}\n" for number in range(8)},
}
AFTER = {
    "base/base.yaml": """\
files:
  /etc/kept.conf: {content: "two"}
  /etc/mode.conf: {content: "x", mode: "0640"}
  /srv/tree: {source: tree/}
  /etc/link: {link: b}
  /etc/becomes-folder: {directory: true}
  /etc/becomes-folder/inner: {content: y}
  /opt/becomes-file: {content: y}
  /etc/adopted: {content: ours}
  /etc/gone: absent
  /new/deep/folder/file: {content: z}
  /new/link: {link: deep}
""",
    **dict.fromkeys((f"base/old/{number}" for number in range(6)), None),
    **{f"base/tree/{number}": f"changed {number}\n" for number in range(0, 8, 2)},
    **{f"base/tree/more/{number}": f"more {number}\n" for number in range(6)},
    "base/tree/link": Link("more/1"),
}


@pytest.fixture(name="template")
def _template(tmp_path: Path, remote: Path) -> Sandbox:
    """A converged host, and a commit with more than thirty changes waiting for it."""
    host = Sandbox(tmp_path / "template", remote.as_uri(), more={"limits": {"removals": {"count": 100}}})
    host.push(BEFORE)
    host.trued("apply", code=0)
    (host.root / "etc/adopted").write_text("theirs")
    (host.root / "etc/gone").write_text("theirs")
    host.push(AFTER)
    shutil.copytree(host.path, pristine(host), symlinks=True)
    return host


def pristine(host: Sandbox) -> Path:
    return host.path.with_suffix(".pristine")


def again(template: Sandbox) -> Sandbox:
    """Return the host as it stood before, in the same place: a ledger is of one root."""
    shutil.rmtree(template.path)
    shutil.copytree(pristine(template), template.path, symlinks=True)
    return template


def tree_of(root: Path) -> dict[str, tuple[str, int, str]]:
    """Return all that stands below a folder: type, mode, and content or target."""

    def state(path: Path) -> tuple[str, int, str]:
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            return "link", 0, os.readlink(path)
        return ("directory", mode, "") if path.is_dir() else ("file", mode, path.read_text())

    return {str(path.relative_to(root)): state(path) for path in sorted(root.rglob("*"))}


def assert_converges(host: Sandbox, want: dict[str, tuple[str, int, str]]) -> None:
    """The next cycle brings the host there, its memory is sound, and the one after has nothing to do."""
    with assembled(host.config) as parts:  # a process of its own would cost ten times as much
        assert 0 == run_cycle(parts.agent).exit_code
    assert want == tree_of(host.root)
    with sqlite3.connect(host.path / "state/ledger.db") as db:
        assert [("ok",)] == db.execute("PRAGMA integrity_check").fetchall()
        assert [(0,)] == db.execute("SELECT count(*) FROM owned WHERE unfinished").fetchall()
    db.close()
    kept = {path.read_text() for path in (host.path / "state/first").rglob("*") if path.is_file()}
    assert "theirs" in kept
    with assembled(host.config) as parts:
        assert not preview(parts.agent).plan.entries


@pytest.mark.slow
def test_a_kill_after_each_step_in_turn(template: Sandbox, remote: Path) -> None:
    whole = again(template)
    said = whole.json("apply", code=0)
    changed = [entry for entry in said["resources"].values() if entry["result"] == "changed"]
    assert 30 <= len(changed)
    want = tree_of(whole.root)
    deaths = 0
    for step in range(1, 200):
        host = again(template)
        done = subprocess.run([sys.executable, DYING, host.config, str(step)], check=False)
        if done.returncode == 0:
            break
        assert -signal.SIGKILL == done.returncode
        deaths += 1
        assert_converges(host, want)
    assert 30 <= deaths
    git("fsck", "--strict", cwd=remote)


CALLS = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,symlinkat,fchmod,fchmodat,fchown,fchownat,ftruncate,sendto"


def traced(host: Sandbox, *options: str) -> subprocess.CompletedProcess[str]:
    strace = ["strace", "-f", "-qq", "-e", f"trace={CALLS}", *options]
    return subprocess.run([*strace, *host.argv("apply")], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["signal=KILL", "error=ENOSPC", "error=EIO"])
def test_a_fault_at_system_calls_all_along_the_way(template: Sandbox, tmp_path: Path, fault: str) -> None:
    """A prime stride over every call that changes something: files, ledger, commits on disk, spooled reports."""
    whole = again(template)
    trace = tmp_path / "trace"
    assert 0 == traced(whole, "-o", str(trace)).returncode
    want, calls = tree_of(whole.root), len(re.findall(r"^\d+ +\w+\(", trace.read_text(), re.MULTILINE))
    assert 100 < calls
    for number in range(1, calls + 1, 23):
        host = again(template)
        traced(host, "-o", "/dev/null", "-e", f"inject={CALLS}:{fault}:when={number}")
        assert_converges(host, want)
