"""What the door does when an API server, or the way to it, fails: over real TLS, without a cluster."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.kubernetes import client, wire
from agent.host.kubernetes.door import Door
from agent.host.servers import Cluster, ClusterError
from agent.model import AwaitCluster
from tests.host.kubernetes.scripted import FOUND, MAPS, Asked, Say, Scripted, kubeconfig
from tests.servers.tls import Tls, make_tls

BUSY = Say(429, {"message": "too many"}, (("Retry-After", "1"),))


def find(cluster: Cluster) -> object:
    return cluster.find(MAPS, "shop", "x")


# The connection


def test_one_connection_carries_all(server: Scripted, door: Door) -> None:
    server.answers(Say(200, FOUND))
    for _ in range(3):
        assert find(door.look())

    assert 1 == server.connections


def test_what_a_kept_connection_swallowed_is_asked_once_more(server: Scripted, door: Door) -> None:
    server.answers(Say(200, FOUND, close=True))
    cluster = door.look()
    for _ in range(3):
        assert find(cluster)

    assert 3 == len(server.asked)
    assert 3 == server.connections


def test_a_fresh_connection_that_breaks_is_an_error(server: Scripted, door: Door) -> None:
    server.answers(Say(drop=True))
    with pytest.raises(HostError, match="broke off"):
        find(door.look())

    assert 2 == len(server.asked)  # the one that /readyz had used, and a fresh one


def test_half_an_answer_is_none(server: Scripted, door: Door) -> None:
    server.answers(Say(200, FOUND, cut=True))
    with pytest.raises(HostError, match="broke off"):
        find(door.look())

    assert 1 == len(server.asked)  # it may have been done: what has begun to be answered is not asked twice


@pytest.mark.parametrize("body", [b"<html>", b'{"metadata": ', b"ok"])
def test_what_is_no_json_is_an_error(server: Scripted, door: Door, body: bytes) -> None:
    server.answers(Say(200, body))
    with pytest.raises(HostError, match="JSON"):
        find(door.look())


def test_an_answer_has_a_limit(server: Scripted, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST", 1 << 20)
    server.answers(Say(200, {"data": "x" * (1 << 21)}))
    with pytest.raises(HostError, match="answers with more than 1 MiB"):
        find(door.look())


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs_is_waited_for_once(server: Scripted, door: Door) -> None:
    server.answers(Say(hang=True))
    cluster = door.look()
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(HostError, match="does not answer in time"):
            find(cluster)

    assert time.monotonic() - began < 2
    assert 1 == len(server.asked)
    server.answers(Say(200, FOUND))
    assert find(door.look())  # the next look is another one


def test_no_connection_is_told_with_the_way_out(tls: Tls, tmp_path: Path) -> None:
    with Scripted(tls) as server:
        port = server.port
    door = Door(kubeconfig=kubeconfig(tmp_path / "config", port, tls.ca))
    with pytest.raises(
        HostError, match=f"https://127.0.0.1:{port} cannot be reached: Connection refused"
    ) as error:
        door.look()

    assert "systemctl status k3s" in error.value.hint


# Certificates


def test_another_cluster_is_not_trusted(server: Scripted, other_tls: Tls, tmp_path: Path) -> None:
    door = Door(kubeconfig=kubeconfig(tmp_path / "config", server.port, other_tls.ca, token="s3cret-token"))
    with pytest.raises(
        HostError, match="its certificate is not trusted: unable to get local issuer"
    ) as error:
        door.look()

    assert "certificate-authority-data" in error.value.hint
    assert [] == server.asked


def test_a_certificate_that_has_expired_is_told(tmp_path: Path) -> None:
    tls = make_tls(tmp_path / "tls", days=-1)
    with Scripted(tls) as server:
        door = Door(kubeconfig=kubeconfig(tmp_path / "config", server.port, tls.ca))
        with pytest.raises(HostError, match="certificate has expired") as error:
            door.look()

    assert "systemctl restart k3s" in error.value.hint


def test_a_cluster_that_was_made_anew_is_found_by_its_new_kubeconfig(
    server: Scripted, tls: Tls, other_tls: Tls, tmp_path: Path
) -> None:
    """The file changes while the door stands open."""
    server.answers(Say(200, FOUND))
    config = kubeconfig(tmp_path / "config", server.port, tls.ca)
    door = Door(kubeconfig=config)
    assert find(door.look())
    with Scripted(other_tls) as other:
        other.answers(Say(200, {**FOUND, "data": {"of": "other"}}))
        kubeconfig(config, other.port, other_tls.ca)

        found = door.look().find(MAPS, "shop", "x")
        door.close()

    assert found
    assert {"of": "other"} == found["data"]


def test_who_is_not_known_any_more_reads_the_kubeconfig_once_more(
    server: Scripted, config: Path, door: Door, tls: Tls
) -> None:
    """Even where its stamp says that nothing has changed."""

    def say(asked: Asked) -> Say:
        known = asked.headers["authorization"] == "Bearer n3w-token"
        return Say(200, FOUND) if known else Say(401, {"message": "Unauthorized"})

    server.say = say
    cluster = door.look()
    kubeconfig(config, server.port, tls.ca, token="n3w-token")

    assert find(cluster)
    kubeconfig(config, server.port, tls.ca, token="wr0ng-token")
    with pytest.raises(ClusterError, match="Unauthorized") as error:
        find(door.look())
    assert "t0ken" not in error.value.reason
    assert str(config) in error.value.hint


# What a server asks for


def test_a_busy_server_says_when_to_come_back(server: Scripted, door: Door) -> None:
    server.answers(BUSY, Say(503, {}, (("Retry-After", "0"),)), Say(200, FOUND))
    began = time.monotonic()

    assert find(door.look())
    assert 1 <= time.monotonic() - began < 4


def test_a_server_that_stays_busy_is_given_up(
    server: Scripted, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at once, when a look has waited for it long enough."""
    monkeypatch.setattr(client, "RETRYING", 1.5)
    server.answers(BUSY)
    cluster = door.look()
    began = time.monotonic()
    for _ in range(10):
        with pytest.raises(ClusterError, match="too many") as error:
            find(cluster)

    assert 429 == error.value.code
    assert time.monotonic() - began < 3


def test_a_far_away_time_is_not_waited_for(server: Scripted, door: Door) -> None:
    server.answers(Say(503, {"message": "away"}, (("Retry-After", "3600"),)))
    with pytest.raises(ClusterError, match="away"):
        find(door.look())


def test_a_warning_is_logged_once(server: Scripted, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    text = 'policy/v1beta1 PodSecurityPolicy is \\"old\\"'
    server.answers(Say(200, FOUND, (("Warning", f'299 - "{text}"'), ("Warning", '299 - "and so"'))))
    with caplog.at_level(logging.INFO):
        find(door.look())
        find(door.look())

    said = [record.getMessage() for record in caplog.records]
    assert [
        'Kubernetes warns: policy/v1beta1 PodSecurityPolicy is "old"',
        "Kubernetes warns: and so",
    ] == said


def test_words_of_a_server_are_one_line_that_ends(server: Scripted, door: Door) -> None:
    """As of a field that cannot be changed, whose old value is quoted in the midst."""
    words = "no\n\tway \x1b[31m" + "x" * 5000 + ": field is immutable"
    server.answers(Say(403, {"reason": "Forbidden", "message": words}))
    with pytest.raises(ClusterError, match=r"^no way \?\[31mx+… x+: field is immutable$") as error:
        find(door.look())

    assert (403, "Forbidden") == (error.value.code, error.value.status["reason"])
    assert len(str(error.value)) < 420


# Whether it is ready


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            Say(500, b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]log failed\nreadyz check failed\n"),
            "etcd, log failed",
        ),
        (Say(503, b"apiserver is shutting down\n"), "apiserver is shutting down"),
        (Say(500, b""), "HTTP status 500"),
    ],
)
def test_what_is_not_ready_is_told(server: Scripted, door: Door, said: Say, why: str) -> None:
    server.ready = said
    with pytest.raises(HostError, match=f"is not ready: {why}$"):
        door.look()


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_server_that_does_not_tell_us_is_taken_to_be_ready(
    server: Scripted, door: Door, code: int
) -> None:
    server.ready = Say(code, {"message": "not for you"})

    assert door.look()


@pytest.mark.usefixtures("impatient")
def test_a_server_is_waited_for_until_it_is_ready(server: Scripted, door: Door) -> None:
    beats = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 2:
            server.ready = Say(200, b"ok")

    server.ready = Say(hang=True)
    door.perform(AwaitCluster(why=""), beat)

    assert 2 == len(beats)


def test_a_server_that_never_comes_is_told(tls: Tls, tmp_path: Path) -> None:
    """There is no kubeconfig before k3s has started for the first time."""
    door = Door(kubeconfig=tmp_path / "k3s.yaml")
    with pytest.raises(HostError, match="no API server is ready within 1 s: there is no kubeconfig"):
        door.perform(AwaitCluster(why="", patience=1), lambda: None)
