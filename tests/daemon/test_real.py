"""`trued run` as a whole: the real command, real Git, real files; the loop is not lent anything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.process import PATIENCE, TOP


def git(folder: Path, *argv: str) -> str:
    environ = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **{
            f"GIT_{who}_{what}": "ops@example.com"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    return subprocess.run(
        ["git", "-C", str(folder), *argv], check=True, capture_output=True, text=True, env=environ
    ).stdout


class Fleet:
    """A fleet repository with one file for one host, and the folder that stands for its /."""

    def __init__(self, folder: Path) -> None:
        self.remote, self.work, self.root = folder / "remote.git", folder / "work", folder / "root"
        self.state, self.config = folder / "state", folder / "agent.yaml"
        for made in (self.remote, self.work / "base", self.root):
            made.mkdir(parents=True)
        git(self.remote, "init", "-q", "--bare", "-b", "main")
        git(self.work, "init", "-q", "-b", "main")
        (self.work / "fleet.yaml").write_text("hosts: [edge-01]\nlayers: [base]\n")
        self.config.write_text(
            f"host: edge-01\nsource: {{url: {self.remote}}}\nroot: {self.root}\nstate_dir: {self.state}\n"
            "interval: 1h\n"
        )

    def declare(self, text: str) -> str:
        (self.work / "base" / "base.yaml").write_text(f'files:\n  /motd: {{content: "{text}"}}\n')
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", text)
        git(self.work, "push", "-q", str(self.remote), "HEAD:main")
        return git(self.work, "rev-parse", "HEAD").strip()

    def has(self, text: str) -> bool:
        motd = self.root / "motd"
        return motd.exists() and motd.read_text() == text

    def told(self) -> list[str]:
        """Return the subjects on the status branch, oldest first."""
        subjects = git(self.remote, "log", "--reverse", "--format=%s", "--branches=status/*")
        return subjects.splitlines()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
def daemon(fleet: Fleet) -> Iterator[subprocess.Popen[str]]:
    fleet.declare("one")
    argv = [sys.executable, "-m", "agent", "run", "--config", str(fleet.config)]
    with subprocess.Popen(argv, cwd=TOP, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_host_follows_is_kept_true_and_says_so(fleet: Fleet, daemon: subprocess.Popen[str]) -> None:
    """From the start, through a new commit and a drift, to the stop."""
    until(lambda: fleet.has("one"))
    second = fleet.declare("two")
    daemon.send_signal(signal.SIGHUP)
    until(lambda: fleet.has("two") and len(fleet.told()) == 2)
    (fleet.root / "motd").write_text("by hand")
    daemon.send_signal(signal.SIGHUP)
    until(lambda: fleet.has("two"))
    until(lambda: len(fleet.told()) == 3)
    daemon.send_signal(signal.SIGTERM)
    code, log = daemon.wait(PATIENCE), daemon.stderr.read()

    assert 0 == code
    assert f"edge-01: converged at {second[:7]}, 1 changed" == fleet.told()[-1]
    changes = [line.split(":")[2] for line in log.splitlines() if line.startswith("file:/motd: changed")]
    assert 3 == len(changes)
    assert "drift" in changes[-1]


def test_a_stop_while_a_git_server_stalls(fleet: Fleet) -> None:
    """It took the connection and says nothing: a shutdown does not wait for the time limit of the network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        url = f"https://127.0.0.1:{server.getsockname()[1]}/fleet.git"
        fleet.config.write_text(fleet.config.read_text().replace(str(fleet.remote), url))
        argv = [sys.executable, "-m", "agent", "run", "--config", str(fleet.config)]
        with subprocess.Popen(argv, cwd=TOP, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = server.accept()
            with connection:
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
                code, log = process.wait(PATIENCE), process.stderr.read()

    assert (0, "asked to stop: stopped") == (code, log.splitlines()[-1])
    assert time.monotonic() - asked < 3


def test_an_idle_cycle_is_one_line(fleet: Fleet, daemon: subprocess.Popen[str]) -> None:
    """And it sends nothing to the status branch."""
    until(lambda: fleet.has("one"))
    until(lambda: len(fleet.told()) == 1)
    daemon.send_signal(signal.SIGHUP)
    time.sleep(0.7)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(PATIENCE)
    *_, reloaded, idle, stopped = daemon.stderr.read().splitlines()

    assert "reloaded, looks every 3600 s" == reloaded
    assert ", nothing to do, in " in idle
    assert "asked to stop: stopped" == stopped
    assert 1 == len(fleet.told())


def test_apply_while_the_daemon_runs(fleet: Fleet, daemon: subprocess.Popen[str]) -> None:
    """Both take turns; the command does not have to stop the service."""
    until(lambda: fleet.has("one") and len(fleet.told()) == 1)
    fleet.declare("two")
    argv = [sys.executable, "-m", "agent", "apply", "--config", str(fleet.config)]
    applied = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)

    assert (0, True) == (applied.returncode, fleet.has("two")), applied.stderr
    assert daemon.poll() is None
