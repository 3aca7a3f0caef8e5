"""The servers of the tests are what they say: what the other tests stand on."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet, Link, Script, git

pytestmark = pytest.mark.servers


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    fleet = Fleet(tmp_path / "work")
    fleet.write(
        {"fleet.yaml": "hosts: [a]\n", "bin": b"\0\xff", "run": Script("#!/bin/sh\n"), "link": Link("bin")}
    )
    fleet.commit("first")
    return fleet


def pushed(fleet: Fleet, server: GitServer, url: str, ref: str = "refs/heads/main", **more: bool) -> str:
    """Return "" when a push went through, else the guard's or the server's line."""
    try:
        fleet.push(url, ref, env=server.git_environment, **more)
    except AssertionError as error:
        found = re.search(
            r"GUARD: .*|ERROR: .*|Permission denied.*|HTTP.*|SSL.*|Authentication.*", str(error)
        )
        return found[0].strip() if found else str(error)
    return ""


def test_work_tree_keeps_modes_links_and_bytes(fleet: Fleet) -> None:
    tree = fleet.git("ls-tree", "HEAD")
    modes = {line.split("\t")[1]: line.split()[0] for line in tree.splitlines()}
    assert {"bin": "100644", "fleet.yaml": "100644", "link": "120000", "run": "100755"} == modes


def test_start_takes_less_than_two_seconds(tmp_path: Path) -> None:
    begin = time.monotonic()
    with GitServer(tmp_path / "server") as server:
        assert server.https_port != server.ssh.port
        assert time.monotonic() - begin < 2


def test_nothing_is_left_running_after_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    with contextlib.suppress(ZeroDivisionError), GitServer(folder) as server:
        _ = (server.ssh.port + server.https_port) / 0
    assert [] == [line for line in running() if str(folder) in line]


def test_killed_test_run_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    code = (
        "import os, pathlib, signal, sys\nfrom tests.servers.git import GitServer\n"
        "with GitServer(pathlib.Path(sys.argv[1])) as s:\n"
        "    s.https_port, s.ssh\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=root, check=False)
    end = time.monotonic() + 5
    while (left := [line for line in running() if str(folder) in line]) and time.monotonic() < end:
        time.sleep(0.02)
    assert [] == left


def running() -> list[str]:
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def test_admin_pushes_main_and_it_comes_back_over_every_way(
    fleet: Fleet, git_server: GitServer, guarded: Bare, tmp_path: Path
) -> None:
    sha = fleet.push(guarded.admin, env=git_server.git_environment)
    for url in (guarded.admin, guarded.ssh, guarded.file):
        out = git("ls-remote", url, "refs/heads/main", cwd=tmp_path, env=git_server.git_environment)
        assert f"{sha}\trefs/heads/main\n" == out


@pytest.mark.parametrize("way", ["admin", "ssh"])
def test_protocol_is_version_2(git_server: GitServer, bare: Bare, tmp_path: Path, way: str) -> None:
    trace = tmp_path / "trace"
    env = {**git_server.git_environment, "GIT_TRACE_PACKET": str(trace)}
    git("ls-remote", getattr(bare, way), cwd=tmp_path, env=env)
    assert "version 2" in trace.read_text()


def test_guard_lets_the_agent_only_add_to_status(fleet: Fleet, git_server: GitServer, guarded: Bare) -> None:
    agent = guarded.admin.replace("admin:adminpw", "agent:agentpw")
    for url in (agent, guarded.ssh):
        ref = f"refs/heads/status/{'ssh' if url == guarded.ssh else 'https'}"
        assert "GUARD: agent may not update refs/heads/main (protected)" == pushed(fleet, git_server, url)
        assert "" == pushed(fleet, git_server, url, ref)
        fleet.git("commit", "-q", "--amend", "-m", f"other {ref}")
        assert f"GUARD: no forced update of {ref}" == pushed(fleet, git_server, url, ref, force=True)
        with pytest.raises(AssertionError, match=f"GUARD: no deletion of {ref}"):
            fleet.git("push", url, f":{ref}", env=git_server.git_environment)


def test_keys_and_passwords_are_asked_for(fleet: Fleet, git_server: GitServer, bare: Bare) -> None:
    ssh, env = git_server.ssh, git_server.git_environment

    def refusal(url: str, **more: str) -> str:
        with pytest.raises(AssertionError) as error:
            fleet.push(url, env={**env, **more})
        return str(error.value)

    rw = env["GIT_SSH_COMMAND"]
    assert "read-only" in refusal(bare.ssh, GIT_SSH_COMMAND=rw.replace("deploy_rw", "deploy_ro"))
    assert "Permission denied" in refusal(bare.ssh, GIT_SSH_COMMAND=rw.replace("deploy_rw", "unknown"))
    no_hosts = rw.replace(str(ssh.known_hosts), "/dev/null")
    assert "Host key verification failed" in refusal(bare.ssh, GIT_SSH_COMMAND=no_hosts)
    assert "Authentication failed" in refusal(bare.admin.replace("adminpw", "bad"))
    assert "certificate" in refusal(bare.admin, GIT_SSL_CAINFO=str(git_server.other_ca))


def test_requests_and_bytes_are_counted(fleet: Fleet, git_server: GitServer, bare: Bare) -> None:
    fleet.push(bare.file)
    with git_server.requests() as seen:
        fleet.git("ls-remote", bare.admin, env=git_server.git_environment)
    assert [401, 200, 200] == [request.status for request in seen]
    assert all(request.up > 100 and request.down > 100 for request in seen)


def reach(proxy: FaultProxy, seconds: float = 1.0) -> str:
    """Return what curl-like code sees through the proxy: the bytes' number or the error's name."""
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=seconds) as sock:
            sock.sendall(b"GET /sync/ HTTP/1.0\r\n\r\n")
            size = 0
            while data := sock.recv(65536):
                size += len(data)
            return str(size)
    except OSError as error:
        return type(error).__name__


def test_proxy_fails_as_told(faulty_https: FaultProxy) -> None:
    whole = reach(faulty_https)
    assert int(whole) > 100  # nginx says that it wants https
    outcomes = {
        Fault(refuse=True): "ConnectionResetError",
        Fault(hang=True): "TimeoutError",
        Fault(cut_after=50): "ConnectionResetError",
        Fault(close_after=50): "50",
        Fault(flip_after=50): whole,
        Fault(blackhole_after=50): "TimeoutError",
        Fault(delay=0.01): whole,
        Fault(rate=1e6): whole,
        Fault(): whole,
    }
    for fault, outcome in outcomes.items():
        faulty_https.fault = fault
        assert (fault, outcome) == (fault, reach(faulty_https, 0.5))


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_missing_tools_are_one_clear_reason_and_an_error_in_ci(ci: str, outcome: str) -> None:
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        f"{__file__}::test_start_takes_less_than_two_seconds",
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        argv, cwd=root, env={"PATH": "/nonexistent", "CI": ci}, capture_output=True, text=True, check=False
    )
    assert outcome in done.stdout.splitlines()[-1]
    assert "missing: git, ssh, ssh-keygen, openssl, setpriv; install the packages of " in done.stdout
    assert "tests/servers/packages.txt" in done.stdout
