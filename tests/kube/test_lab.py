"""The parts that tests of Kubernetes are made of do what they say."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fleet import Fleet
from tests.kube import binaries
from tests.kube.client import RefusedError
from tests.kube.objects import APPLY, conditions, config_map, definition, keep
from tests.kube.server import Kube
from tests.waiting import lives, until

TOP = Path(__file__).parents[2]

# The server


def test_a_server_answers_and_kubectl_speaks_with_it(kube: Kube, namespace: str) -> None:
    path = keep(kube, namespace, "settings", color="red")

    assert "v1.20.2" == kube.get("/version")["gitVersion"]
    assert "red" == kube.get(path)["data"]["color"]
    said = kube.kubectl("get", "configmap", "settings", "-n", namespace, "-o", "json")
    assert {"color": "red"} == json.loads(said)["data"]
    kube.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(config_map("settings", color="blue")))
    assert "blue" == kube.get(path)["data"]["color"]


def test_what_is_not_there_is_none_and_what_is_refused_is_said(kube: Kube, namespace: str) -> None:
    assert kube.get(f"/api/v1/namespaces/{namespace}/configmaps/none") is None
    with pytest.raises(RefusedError, match="409 AlreadyExists"):
        kube.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    with pytest.raises(AssertionError, match="NotFound"):
        kube.kubectl("get", "configmap", "none", "-n", namespace)


def test_it_listens_at_one_port_of_the_loopback(kube: Kube) -> None:
    pids = {daemon.pid for daemon in (kube.etcd, kube.api, kube.controllers)}

    assert {("0100007F", f"{kube.port:04X}")} == {address for pid in pids for address in listening(pid)}


def listening(pid: int) -> set[tuple[str, str]]:
    """Return the addresses and ports that a process listens at, proc(5)."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in links:
                address, _, port = words[1].partition(":")
                found.add((address, port))
    return found


def test_a_killed_server_is_back_with_port_and_data(kube: Kube, namespace: str) -> None:
    path, port = keep(kube, namespace, "settings", color="red"), kube.port

    kube.api.kill()
    with pytest.raises(ConnectionRefusedError):
        kube.get(path)
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", port))  # nobody gets it meanwhile
    kube.start()

    assert "red" == kube.get(path)["data"]["color"]
    kube.restart()
    assert port == kube.port
    assert "red" == kube.get(path)["data"]["color"]


def test_a_server_that_hangs_answers_later(kube: Kube) -> None:
    kube.api.freeze()
    with pytest.raises(TimeoutError):
        kube.request("GET", "/version", timeout=0.3)
    kube.api.thaw()

    assert kube.request("GET", "/version")


@pytest.mark.parametrize("accident", ["freeze", "kill", "stop"])
@pytest.mark.parametrize("whom", ["api", "etcd", "controllers"])
def test_whatever_a_test_has_done_the_next_finds_it_well(kube: Kube, whom: str, accident: str) -> None:
    getattr(getattr(kube, whom), accident)()

    kube.heal()

    assert kube.ready()
    assert all(daemon.running for daemon in (kube.etcd, kube.api, kube.controllers))


# Who does what


def test_writes_are_told_from_reads(kube: Kube, namespace: str) -> None:
    """And a dry run from what has been done; not what the server does for itself."""
    since = kube.mark()
    path = keep(kube, namespace, "settings", color="red")
    kube.get(path)
    body = config_map("settings", color="blue")
    kube.request("PATCH", f"{path}?fieldManager=x&force=true&dryRun=All", body, content_type=APPLY)
    kube.kubectl("delete", "configmap", "settings", "-n", namespace)

    told = [(write.verb, write.path, write.dry_run) for write in kube.writes(since)]
    assert [
        ("create", path.removesuffix("/settings"), False),
        ("patch", path, True),
        ("delete", path, False),
    ] == told
    (deleted,) = kube.writes(since, by="kubectl/")
    assert ("delete", "system:admin") == (deleted.verb, deleted.user)


def test_somebody_else_may_do_what_a_role_says(kube: Kube, namespace: str) -> None:
    visitor = kube.kubeconfig_for("visitor", ["guests"])
    with pytest.raises(AssertionError, match='User "visitor" cannot list resource "configmaps"'):
        kube.kubectl("get", "configmaps", "-n", namespace, kubeconfig=visitor)

    kube.kubectl("create", "rolebinding", "v", "--clusterrole=view", "--group=guests", "-n", namespace)

    until(lambda: may_list(kube, namespace, visitor))


def may_list(kube: Kube, namespace: str, who: Path) -> bool:
    try:
        kube.kubectl("get", "configmaps", "-n", namespace, kubeconfig=who)
    except AssertionError:
        return False
    return True


def test_who_is_not_known_is_told_so(kube: Kube) -> None:
    for unknown in (kube.expired(), kube.stranger()):
        with pytest.raises(AssertionError, match="Unauthorized|must be logged in"):
            kube.kubectl("get", "namespaces", kubeconfig=unknown)
    with pytest.raises(AssertionError, match="certificate signed by unknown authority"):
        kube.kubectl("get", "namespaces", kubeconfig=kube.distrustful())


def test_hosts_of_their_own_names_meet_at_one_cluster(
    kube: Kube, kube_fleet: Fleet, kube_fleet_of: Callable[..., Fleet]
) -> None:
    """Each with its repository; trued runs with it."""
    other = kube_fleet_of(host="edge-02", kubeconfig=kube.stranger())
    for fleet in (kube_fleet, other):
        fleet.declare({"files": {str(fleet.path / "there"): {"content": fleet.host}}})
        fleet.apply()

        assert fleet.host == (fleet.path / "there").read_text()
        assert fleet.host == fleet.report()["host"]


# What it bears


@pytest.mark.slow
def test_custom_resources_do_not_crash_it(kube: Kube, namespace: str) -> None:
    """An API server that was built with the reflect2 of its own source dies at the first one."""
    group, definitions = (
        f"{namespace}.example.com",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    )
    numbers, before = range(50), kube.api.pid

    def define(number: int) -> None:
        made = definition(group, number)
        path = f"{definitions}/{made['metadata']['name']}"
        kube.cleanup(path)
        kube.request("PATCH", f"{path}?fieldManager=x", made, content_type=APPLY)
        until(lambda: conditions(kube.get(path)).get("Established") == "True")

    def apply(turn: int) -> None:
        number = turn % len(numbers)
        path = f"/apis/{group}/v1/namespaces/{namespace}/kind{number}s/it?fieldManager=x&force=true"
        spec = {"color": f"{turn}", "notes": {f"{n}": "x" for n in range(1 + turn % 7)}}
        body = {
            "apiVersion": f"{group}/v1",
            "kind": f"Kind{number}",
            "metadata": {"name": "it"},
            "spec": spec,
        }
        until(lambda: applied(path, body))

    def applied(path: str, body: object) -> bool:
        try:
            return bool(kube.request("PATCH", path, body, content_type=APPLY))
        except RefusedError as error:
            if error.code != 404:  # it is served a moment after it is Established
                raise
            return False

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(define, numbers))
        list(threads.map(apply, range(200)))

    assert before == kube.api.pid
    assert kube.api.running
    assert kube.ready()


# What is left of it

KILLED = """\
import sys
from pathlib import Path
from tests.kube import binaries
from tests.kube.server import Kube
kube = Kube(Path(sys.argv[1]), binaries.folder())
kube.start()
kube.api.freeze()
print(kube.etcd.pid, kube.api.pid, kube.controllers.pid, flush=True)
sys.stdin.read()
"""


def test_nothing_outlives_a_killed_run(kube_server: Kube, tmp_path: Path) -> None:
    """Not even what hangs."""
    with subprocess.Popen(
        (sys.executable, "-c", KILLED, str(tmp_path / "kube")),
        cwd=TOP,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdout
        pids = victim.stdout.readline().split()
        assert 3 == len(pids)
        victim.send_signal(signal.SIGKILL)

    until(lambda: not any(lives(pid) for pid in pids))


def test_the_programs_are_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build(monkeypatch, tmp_path, 'echo built >>"$1/etcd"')
    assert not binaries.built()

    assert binaries.folder() == binaries.folder()

    assert binaries.built()
    assert "built\n" == (binaries.folder() / "etcd").read_text()


def test_what_fails_to_build_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The end of what it said, and where the rest is; and nothing is kept."""
    build(monkeypatch, tmp_path, "echo no mirror; exit 3")

    with pytest.raises(AssertionError, match=r"exit 3; the end of .*kube-build.log:\nno mirror"):
        binaries.folder()

    assert not binaries.built()


def build(monkeypatch: pytest.MonkeyPatch, folder: Path, command: str) -> None:
    """Let this be what builds, into a cache of its own."""
    script = folder / "kube-build"
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(0o755)
    monkeypatch.setattr(binaries, "SCRIPT", script)
    monkeypatch.setenv("TRUED_CACHE", str(folder / "cache"))
