"""The door to Kubernetes at a real API server: what becomes of an object that is tried, or applied."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import HostError
from agent.host.kubernetes import client
from agent.host.kubernetes.door import Door
from agent.host.servers import ClusterError
from agent.model import DeleteObject
from tests.kube.doors import APPLY, FREE, HELD, apply, deployment, live, name_of, patched
from tests.kube.server import Kube

# Apply


def test_an_object_is_made_with_the_marks_of_its_host(door: Door, make: Callable[..., Any]) -> None:
    declared = make(data={"color": "red"})
    apply(door, declared, adopted=True)
    found = live(door, declared)

    assert {"color": "red"} == found["data"]
    assert {"trued.dev/owner": "edge-01"} == found["metadata"]["labels"]
    assert {"trued.dev/adopted": "true"} == found["metadata"]["annotations"]
    assert ["trued"] == [entry["manager"] for entry in found["metadata"]["managedFields"]]
    apply(door, declared)
    assert "annotations" not in live(door, declared)["metadata"]


def test_a_trial_says_what_an_object_would_be_and_changes_nothing(
    kube: Kube, door: Door, make: Callable[..., Any]
) -> None:
    declared = make(data={"color": "red"})
    apply(door, declared)
    before, since = live(door, declared), kube.mark()

    tried = door.look().tried(make(data={"color": "blue"}), adopted=False)

    assert {"color": "blue"} == tried["data"]
    assert before["metadata"]["uid"] == tried["metadata"]["uid"]
    assert before == live(door, declared)
    assert [True] == [write.dry_run for write in kube.writes(since, by="trued")]


def test_what_git_does_not_say_any_more_goes(door: Door, make: Callable[..., Any]) -> None:
    apply(door, make(data={"a": "1", "b": "2"}))
    apply(door, make(data={"a": "1"}))

    assert {"a": "1"} == live(door, make())["data"]


def test_git_wins_over_whoever_has_a_field(kube: Kube, door: Door, make: Callable[..., Any]) -> None:
    declared = make(data={"color": "red"})
    path = f"/api/v1/namespaces/{declared['metadata']['namespace']}/configmaps/web?fieldManager=other"
    kube.request("PATCH", path, make(data={"color": "blue"}), content_type=APPLY)

    assert {"color": "red"} == door.look().tried(declared, adopted=True)["data"]
    apply(door, declared)
    assert {"color": "red"} == live(door, declared)["data"]


def test_what_kubectl_has_left_goes_once_it_is_taken_over(
    kube: Kube, door: Door, make: Callable[..., Any]
) -> None:
    """It stays otherwise, since kubectl has it too. A controller keeps what is its own."""
    kube.kubectl("apply", "-f", "-", stdin=json.dumps(make(data={"a": "1", "b": "2"})))
    patched(kube, make(), {"data": {"c": "3"}})  # by somebody who is no kubectl

    apply(door, make(data={"a": "1"}), adopted=True)
    assert {"a": "1", "b": "2", "c": "3"} == live(door, make())["data"]
    apply(door, make(data={"a": "1"}), adopted=True, taking=True)

    found = live(door, make())
    assert {"a": "1", "c": "3"} == found["data"]
    assert ["trued.dev/adopted"] == list(
        found["metadata"]["annotations"]
    )  # not kubectl's last-applied-configuration
    assert not any(entry["manager"].startswith("kubectl") for entry in found["metadata"]["managedFields"])
    apply(door, make(data={"a": "1"}), adopted=True, taking=True)  # nothing is left to take
    assert found["metadata"]["resourceVersion"] == live(door, make())["metadata"]["resourceVersion"]


def test_somebody_who_is_faster_is_waited_for_once(
    kube: Kube, door: Door, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of the fields and their taking over, the object changes."""
    kube.kubectl("apply", "-f", "-", stdin=json.dumps(make(data={"a": "1", "b": "2"})))
    ask, meanwhile = client.Client.ask, iter(({"data": {"c": "3"}},))

    def slow(self: client.Client, method: str, path: str, *rest: Any, **more: Any) -> Any:
        if method == "PUT" and (patch := next(meanwhile, None)):
            patched(kube, make(), patch)
        return ask(self, method, path, *rest, **more)

    monkeypatch.setattr(client.Client, "ask", slow)
    apply(door, make(data={"a": "1"}), taking=True)

    assert {"a": "1", "c": "3"} == live(door, make())["data"]


def test_what_is_being_deleted_is_not_applied_to(kube: Kube, door: Door, make: Callable[..., Any]) -> None:
    declared = make(data={"a": "1"})
    apply(door, declared)
    patched(kube, declared, HELD)
    door.perform(
        DeleteObject(name=name_of(declared), uid=live(door, declared)["metadata"]["uid"], why=""),
        lambda: None,
    )
    try:
        assert live(door, declared)["metadata"]["deletionTimestamp"]
        with pytest.raises(
            HostError, match=r"ConfigMap/.*/web is being deleted: it waits for example.com/hold \(final"
        ):
            apply(door, declared)
    finally:
        patched(kube, declared, FREE)


# What is wrong with an object


@pytest.mark.parametrize(
    ("container", "why"),
    [
        ({"imgae": "x"}, "field not declared in schema"),
        ({"command": "x"}, "expected list"),
        ({"ports": [{"containerPort": 80, "protocol": "TCP"}] * 2}, "duplicate entries for key"),
    ],
)
def test_what_its_schema_does_not_know_is_told(
    door: Door, make: Callable[..., Any], container: dict[str, Any], why: str
) -> None:
    """As 500: callers tell it from an outage by how it begins."""
    for attempt in (
        lambda: door.look().tried(deployment(make, **container), adopted=False),
        lambda: apply(door, deployment(make, **container)),
    ):
        with pytest.raises(ClusterError, match=f"^failed to create typed patch object.*{why}") as error:
            attempt()
        assert 500 == error.value.code


def test_a_namespace_that_is_not_there_is_told(door: Door) -> None:
    declared = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "nowhere"}}
    with pytest.raises(ClusterError, match='namespaces "nowhere" not found') as error:
        door.look().tried(declared, adopted=False)

    assert (404, "NotFound") == (error.value.code, error.value.status["reason"])


def test_a_namespace_that_goes_is_told(
    kube: Kube, door: Door, make: Callable[..., Any], namespace: str
) -> None:
    kube.request("DELETE", f"/api/v1/namespaces/{namespace}")
    with pytest.raises(ClusterError) as error:
        apply(door, make())

    causes = error.value.status["details"]["causes"]
    assert (403, "NamespaceTerminating") == (error.value.code, causes[0]["reason"])


def test_a_namespace_belongs_to_kinds_that_have_one(door: Door, make: Callable[..., Any]) -> None:
    with pytest.raises(HostError, match="Namespace web: is in no namespace"):
        door.look().tried(make("Namespace"), adopted=False)
    with pytest.raises(HostError, match="ConfigMap web: expected a namespace"):
        door.look().tried(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}, adopted=False
        )


def test_what_cannot_be_changed_is_told_from_what_is_wrong(door: Door, make: Callable[..., Any]) -> None:
    """The same code stands for both: another one like it could be made, or could not."""
    apply(door, deployment(make))
    cluster = door.look()
    moved, wrong = deployment(make, app="other"), deployment(make, app="-other-")
    for declared in (moved, wrong):
        with pytest.raises(ClusterError) as error:
            cluster.tried(declared, adopted=False)
        assert (422, "Invalid") == (error.value.code, error.value.status["reason"])

    cluster.tried_anew(moved)
    with pytest.raises(ClusterError, match="Invalid value"):
        cluster.tried_anew(wrong)


def test_a_port_that_is_its_own_does_not_make_a_service_wrong(door: Door, make: Callable[..., Any]) -> None:
    """Its address cannot be changed; another Service could not have its port of the node."""
    ports = [{"port": 80, "protocol": "TCP", "nodePort": 31234}]
    apply(door, make("Service", spec={"type": "NodePort", "ports": ports, "clusterIP": "10.43.0.77"}))
    cluster = door.look()
    moved = make("Service", spec={"type": "NodePort", "ports": ports, "clusterIP": "10.43.0.78"})
    with pytest.raises(ClusterError, match="may not change once set|field is immutable"):
        cluster.tried(moved, adopted=False)

    cluster.tried_anew(moved)
    wrong = {"type": "NodePort", "ports": [{**ports[0], "port": 99999}]}
    with pytest.raises(ClusterError, match="must be between 1 and 65535"):
        cluster.tried_anew(make("Service", spec=wrong))


def test_a_secret_is_never_quoted(door: Door, make: Callable[..., Any]) -> None:
    """The server does: a number that should be text, and what is around broken base64."""
    for data in ({"stringData": {"pin": 31415926}}, {"data": {"pin": "31415926-!"}}):
        for attempt in (door.look().tried_anew, lambda declared: apply(door, declared)):
            with pytest.raises(ClusterError) as error:
                attempt(make("Secret", **data))
            assert "31415926" not in f"{error.value.reason} {json.dumps(error.value.status)}"
