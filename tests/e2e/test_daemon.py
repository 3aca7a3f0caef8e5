"""`trued run` as people run it: a process, signals, a repository that moves."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox
from tests.servers.git import GitServer


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_it_follows_git_repairs_drift_and_ends_when_told(host: Sandbox, remote: Path) -> None:
    motd = host.root / "etc/motd"
    with host.daemon() as daemon:
        wait_for(motd.exists)
        motd.write_text("hacked")
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: motd.read_text() == "Welcome to berlin\n")
        host.push({"base/base.yaml": "files:\n  /etc/motd: {content: new}\n"})
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: motd.read_text() == "new")
        wait_for(lambda: len(host.status_log(remote)) == 3)
        started = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(timeout=15)
        assert time.monotonic() - started < 10

    assert "file:/etc/motd" in host.daemon_log()


def test_it_looks_by_itself_at_each_interval(host: Sandbox) -> None:
    motd = host.root / "etc/motd"
    with host.daemon():
        wait_for(motd.exists)
        motd.unlink()
        wait_for(motd.exists)


def test_there_is_one_of_it(host: Sandbox) -> None:
    with host.daemon() as daemon:
        wait_for((host.root / "etc/motd").exists)
        said = host.trued("run", code=1)

        assert f"pid {daemon.pid}" in said


def test_after_a_kill_it_starts_again_at_once(host: Sandbox) -> None:
    with host.daemon() as daemon:
        wait_for((host.root / "etc/motd").exists)
        daemon.kill()
        daemon.wait()
    (host.root / "etc/motd").unlink()
    with host.daemon():
        wait_for((host.root / "etc/motd").exists)


def test_apply_works_beside_it(host: Sandbox) -> None:
    with host.daemon():
        wait_for((host.root / "etc/motd").exists)
        (host.root / "etc/motd").unlink()
        host.trued("apply", code=0)

        assert (host.root / "etc/motd").exists()


def test_it_starts_without_git_and_converges_when_git_is_back(host: Sandbox, remote: Path) -> None:
    host.trued("apply", code=0)
    remote.rename(remote.with_suffix(".away"))
    (host.root / "etc/motd").unlink()
    with host.daemon() as daemon:
        wait_for((host.root / "etc/motd").exists)
        remote.with_suffix(".away").rename(remote)
        host.push({"base/base.yaml": "files:\n  /etc/motd: {content: new}\n"})
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: (host.root / "etc/motd").read_text() == "new")


@pytest.mark.servers
def test_an_idle_cycle_is_one_request(git_server: GitServer, tmp_path: Path) -> None:
    bare = git_server.create()
    access = {"token_file": str(git_server.token_file), "ca_file": str(git_server.tls.ca)}
    host = Sandbox(tmp_path / "host", bare.https, push_url=bare.file, access=access)
    host.push({"base/base.yaml": "files:\n  /etc/motd: {content: x}\n"})
    with host.daemon() as daemon:
        wait_for(
            lambda: (host.root / "etc/motd").exists() and bool(bare.git("branch", "--list", "status/*"))
        )
        daemon.send_signal(signal.SIGHUP)  # the first quiet cycle
        time.sleep(1.5)
        with git_server.requests() as requests:
            daemon.send_signal(signal.SIGHUP)
            time.sleep(2)

    assert ["POST"] == [request.method for request in requests]
