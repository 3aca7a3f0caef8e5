"""Who comes to a real API server, and what is told of one that is away, hangs, or comes back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.kubernetes import client
from agent.host.kubernetes.door import Door
from agent.host.servers import ApiKind, Cluster, ClusterError
from agent.model import AwaitCluster
from tests.kube.server import Kube

MAPS = ApiKind(api_version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)


def ask(cluster: Cluster) -> object:
    return list(cluster.listed(MAPS, "kube-system"))


def test_a_certificate_that_has_ended_is_told_in_words(kube: Kube) -> None:
    """The server itself only says that it does not know us."""
    path = kube.expired()
    door = Door(kubeconfig=path)
    with pytest.raises(ClusterError, match="Unauthorized") as error:
        ask(door.look())
    door.close()

    assert 401 == error.value.code
    assert f"the client certificate in {path} has expired, on 20" in error.value.hint
    assert "systemctl restart k3s" in error.value.hint


def test_somebody_of_another_cluster_is_not_known(kube: Kube) -> None:
    path = kube.stranger()
    door = Door(kubeconfig=path)
    with pytest.raises(ClusterError, match="Unauthorized") as error:
        ask(door.look())
    door.close()

    assert f"the API server does not know who is in {path}" in error.value.hint


def test_another_cluster_is_not_trusted(kube: Kube) -> None:
    with pytest.raises(HostError, match="its certificate is not trusted"):
        Door(kubeconfig=kube.distrustful()).look()


def test_what_nobody_allowed_is_told(kube: Kube) -> None:
    door = Door(kubeconfig=kube.kubeconfig_for("visitor"))
    with pytest.raises(ClusterError, match='User "visitor" cannot list resource "configmaps"') as error:
        ask(door.look())
    door.close()

    assert 403 == error.value.code


@pytest.mark.slow
def test_a_server_that_comes_back_is_found_again(kube: Kube, door: Door) -> None:
    assert ask(door.look())
    cluster = door.look()
    kube.api.kill()
    with pytest.raises(HostError, match="cannot be reached: Connection refused"):
        ask(cluster)
    with pytest.raises(HostError, match="cannot be reached"):
        door.look()
    kube.start()

    assert ask(door.look())
    kube.restart()  # between two looks: the connection that was kept is of the one before
    assert ask(door.look())


def test_a_server_is_waited_for(kube: Kube, door: Door) -> None:
    beats = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 2:
            kube.start()

    kube.api.kill()
    door.perform(AwaitCluster(why=""), beat)

    assert ask(door.look())
    assert len(beats) >= 2


def test_a_server_that_hangs_costs_one_patience(
    kube: Kube, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 1.0)
    cluster = door.look()
    kube.api.freeze()
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(HostError, match="does not answer in time"):
            ask(cluster)
    kube.api.thaw()

    assert time.monotonic() - began < 5
    assert ask(door.look())


@pytest.mark.slow
def test_a_store_that_is_away_is_named(kube: Kube, door: Door) -> None:
    door.look()
    kube.etcd.kill()
    with pytest.raises(HostError, match="is not ready: .*etcd|does not answer in time"):
        door.look()


def test_nothing_is_left_in_a_folder(
    kube: Kube, door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither certificates nor keys: ssl takes them from memory."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert ask(door.look())

    assert [] == list(tmp_path.iterdir())
