"""`trued run` as people run it: a process, signals, a repository that moves."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox
from tests.servers.git import GitServer
from tests.waiting import until


def lines_of(log: str, start: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith(start)]


def test_it_follows_git_repairs_drift_and_ends_when_told(host: Sandbox, remote: Path) -> None:
    """Each of the three changes is on the branch, and in the log with its cause."""
    motd = host.root / "etc/motd"
    with host.daemon() as daemon:
        until(motd.exists)
        until(lambda: len(host.status_log(remote)) == 1)
        motd.write_text("hacked")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: motd.read_text() == "Welcome to berlin\n" and len(host.status_log(remote)) == 2)
        second = host.push({"base/base.yaml": "files:\n  /etc/motd: {content: new}\n"})
        daemon.send_signal(signal.SIGHUP)
        until(lambda: motd.read_text() == "new" and len(host.status_log(remote)) == 3)
        started = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(timeout=15)
        assert time.monotonic() - started < 10

    assert ["ledger.db"] == sorted(path.name for path in (host.path / "state").glob("ledger*"))
    assert host.status_log(remote)[0].startswith(f"edge-01: converged at {second[:7]}, 1 changed\n")
    causes = [line.split()[2] for line in lines_of(host.daemon_log(), "file:/etc/motd: changed, ")]
    assert ["commit:", "drift:", "commit:"] == causes


def test_it_looks_by_itself_at_each_interval(host: Sandbox) -> None:
    motd = host.root / "etc/motd"
    with host.daemon():
        until(motd.exists)
        motd.unlink()
        until(motd.exists)


def test_there_is_one_of_it(host: Sandbox) -> None:
    with host.daemon() as daemon:
        until((host.root / "etc/motd").exists)
        said = host.trued("run", code=1)

        assert f"pid {daemon.pid}" in said


def test_after_a_kill_it_starts_again_at_once(host: Sandbox) -> None:
    with host.daemon() as daemon:
        until((host.root / "etc/motd").exists)
        daemon.kill()
        daemon.wait()
    (host.root / "etc/motd").unlink()
    with host.daemon():
        until((host.root / "etc/motd").exists)


def test_the_command_works_beside_it(host: Sandbox, remote: Path) -> None:
    """They take turns, nothing is told twice, and the service need not be stopped."""
    with host.daemon() as daemon:
        until((host.path / "state/status/told.json").exists)
        for verb in ("apply", "status", "plan", "apply"):
            host.trued(verb, code=0)
        assert 1 == len(host.status_log(remote))
        (host.root / "etc/motd").unlink()
        host.trued("apply", code=0)

        assert (host.root / "etc/motd").exists()
        assert daemon.poll() is None


def test_it_starts_without_git_and_converges_when_git_is_back(host: Sandbox, remote: Path) -> None:
    host.trued("apply", code=0)
    remote.rename(remote.with_suffix(".away"))
    (host.root / "etc/motd").unlink()
    with host.daemon() as daemon:
        until((host.root / "etc/motd").exists)
        remote.with_suffix(".away").rename(remote)
        host.push({"base/base.yaml": "files:\n  /etc/motd: {content: new}\n"})
        daemon.send_signal(signal.SIGHUP)
        until(lambda: (host.root / "etc/motd").read_text() == "new")


def test_a_stop_while_a_git_server_stalls(host: Sandbox) -> None:
    """It took the connection and says nothing: a shutdown does not wait for the time limit of the network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        host.configure(url=f"https://127.0.0.1:{server.getsockname()[1]}/fleet.git")
        with host.daemon() as daemon:
            connection, _ = server.accept()
            with connection:
                asked = time.monotonic()
                daemon.send_signal(signal.SIGTERM)
                assert 0 == daemon.wait(15)

    assert time.monotonic() - asked < 3
    assert "asked to stop: stopped" == host.daemon_log().splitlines()[-1]


def test_an_idle_cycle_is_one_line(host: Sandbox, remote: Path) -> None:
    """And it sends nothing to the status branch."""
    host.more = {"interval": "1h"}
    host.configure()
    with host.daemon() as daemon:
        until(lambda: len(host.status_log(remote)) == 1)
        daemon.send_signal(signal.SIGHUP)
        until(lambda: ", nothing to do, in " in host.daemon_log().partition("reloaded")[2])
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(15)

    *_, reloaded, idle, stopped = host.daemon_log().splitlines()
    assert "reloaded, looks every 3600 s" == reloaded
    assert ", nothing to do, in " in idle
    assert "asked to stop: stopped" == stopped
    assert 1 == len(host.status_log(remote))


@pytest.mark.servers
def test_an_idle_cycle_is_one_request(git_server: GitServer, tmp_path: Path) -> None:
    bare = git_server.create()
    access = {"token_file": str(git_server.token_file), "ca_file": str(git_server.tls.ca)}
    host = Sandbox(tmp_path / "host", bare.https, push_url=bare.file, access=access)
    host.push({"base/base.yaml": "files:\n  /etc/motd: {content: x}\n"})
    with host.daemon() as daemon:
        until(lambda: (host.root / "etc/motd").exists() and bare.git("branch", "--list", "status/*"))
        daemon.send_signal(signal.SIGHUP)  # the first quiet cycle
        time.sleep(1.5)
        with git_server.requests() as requests:
            daemon.send_signal(signal.SIGHUP)
            time.sleep(2)

    assert ["POST"] == [request.method for request in requests]
