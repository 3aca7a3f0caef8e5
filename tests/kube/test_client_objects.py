"""The door to Kubernetes at a real API server: what is deleted, replaced, and found."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import HostError
from agent.host.kubernetes import acts, look
from agent.host.kubernetes.door import Door
from agent.host.servers import ClusterError
from agent.model import DeleteObject, ReplaceObject
from tests.kube.doors import FREE, HELD, apply, deployment, kind_of, live, name_of, patched
from tests.kube.server import Kube
from tests.waiting import until

# Delete and replace


def test_an_object_is_deleted_by_its_uid(door: Door, make: Callable[..., Any]) -> None:
    declared = make()
    apply(door, declared)
    uid = live(door, declared)["metadata"]["uid"]
    with pytest.raises(HostError, match="ConfigMap/.*/web is another one now, and is left alone"):
        door.perform(DeleteObject(name=name_of(declared), uid="another", why=""), lambda: None)
    assert live(door, declared)
    for _ in range(2):  # that it is gone already is as well
        door.perform(DeleteObject(name=name_of(declared), uid=uid, why=""), lambda: None)

    cluster = door.look()
    assert cluster.find(kind_of(cluster, declared), declared["metadata"]["namespace"], "web") is None


def test_what_an_object_has_made_goes_with_it(kube: Kube, door: Door, make: Callable[..., Any]) -> None:
    declared = deployment(make)
    apply(door, declared)
    path = f"/apis/apps/v1/namespaces/{declared['metadata']['namespace']}/replicasets"
    until(lambda: kube.get(path)["items"])
    door.perform(
        DeleteObject(name=name_of(declared), uid=live(door, declared)["metadata"]["uid"], why=""),
        lambda: None,
    )

    until(lambda: not kube.get(path)["items"])


def test_a_replaced_object_is_another_one(door: Door, make: Callable[..., Any]) -> None:
    apply(door, deployment(make))
    before, moved = live(door, deployment(make))["metadata"]["uid"], deployment(make, app="other")
    door.perform(ReplaceObject(name=name_of(moved), object=moved, uid=before, why=""), lambda: None)
    found = live(door, moved)

    assert before != found["metadata"]["uid"]
    assert {"app": "other"} == found["spec"]["selector"]["matchLabels"]
    with pytest.raises(HostError, match="is another one now"):
        door.perform(ReplaceObject(name=name_of(moved), object=moved, uid=before, why=""), lambda: None)


def test_an_object_that_does_not_go_says_what_it_waits_for(
    kube: Kube, door: Door, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts, "GOING", 1.0)
    declared, beats = make(), []
    apply(door, declared)
    patched(kube, declared, HELD)
    step = ReplaceObject(
        name=name_of(declared), object=declared, uid=live(door, declared)["metadata"]["uid"], why=""
    )
    try:
        with pytest.raises(HostError, match="is not gone within 1 s: it waits for example.com/hold"):
            door.perform(step, lambda: beats.append(1))
        assert len(beats) > 2
    finally:
        patched(kube, declared, FREE)


# Lists and kinds


def test_what_a_host_owns_is_found_in_all_namespaces(
    kube: Kube, door: Door, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its label, page after page; of others nothing."""
    monkeypatch.setattr(look, "PAGE", 2)
    namespace = make()["metadata"]["namespace"]
    names = {f"map-{number}" for number in range(5)}
    for name in names:
        apply(door, make(name=name, data={"a": name}))
    other = Door(owner="edge-02", kubeconfig=kube.kubeconfig)
    apply(other, make(name="others"))
    other.close()
    cluster = door.look()
    kind = kind_of(cluster, make())
    found = [one for one in cluster.owned(kind, whole=False) if one["metadata"]["namespace"] == namespace]
    whole = [one for one in cluster.owned(kind, whole=True) if one["metadata"]["namespace"] == namespace]

    assert names == {one["metadata"]["name"] for one in found} == {one["metadata"]["name"] for one in whole}
    assert all(one.keys() == {"apiVersion", "kind", "metadata"} for one in found)
    assert {("v1", "ConfigMap")} == {(one["apiVersion"], one["kind"]) for one in (*found, *whole)}
    assert names == {one["data"]["a"] for one in whole}
    assert 6 <= len(list(cluster.listed(kind, namespace)))
    assert [] == list(cluster.listed(kind, namespace, selector="trued.dev/owner=nobody"))


def test_every_kind_is_what_can_be_listed_and_deleted(door: Door) -> None:
    found = {f"{one.api_version}/{one.kind}": one for one in door.look().every_kind()}

    assert {
        "v1/ConfigMap",
        "apps/v1/Deployment",
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
    } <= found.keys()
    assert not any("Review" in name or "Binding" in name.rpartition("/")[2][:7] for name in found)
    assert found["apps/v1/Deployment"].has_status
    assert not found["v1/ConfigMap"].has_status


def test_a_custom_resource_is_known_once_its_definition_is(
    kube: Kube, door: Door, make: Callable[..., Any], namespace: str
) -> None:
    """And is gone with it."""
    group = f"{namespace}.example.com"
    cart = make("Cart", api=f"{group}/v1", spec={"size": 3})
    assert door.look().served(group, "Cart") is None
    with pytest.raises(ClusterError, match=f"the API server has no {group}/v1/Cart") as error:
        door.look().tried(cart, adopted=False)
    assert (404, "NoMatch") == (error.value.code, error.value.status["reason"])

    definition = cart_definition(group)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/carts.{group}"
    kube.cleanup(path)
    apply(door, definition)
    until(lambda: door.look().served(group, "Cart"))
    until(lambda: applied(door, cart))
    kind = door.look().served(group, "Cart")
    assert kind
    assert (f"{group}/v1", True) == (kind.api_version, kind.has_status)
    uid = live(door, cart)["metadata"]["uid"]

    door.perform(
        DeleteObject(name=name_of(definition), uid=live(door, definition)["metadata"]["uid"], why=""),
        lambda: None,
    )
    until(lambda: kube.get(path) is None)
    until(lambda: door.look().find(kind, namespace, "web") is None)
    assert () == tuple(door.look().listed(kind, namespace))
    until(lambda: door.look().served(group, "Cart") is None)
    door.perform(DeleteObject(name=name_of(cart), uid=uid, why=""), lambda: None)


def applied(door: Door, declared: dict[str, Any]) -> bool:
    try:
        apply(door, declared)
    except ClusterError as error:
        if error.code != 404:
            raise
        return False
    return True


def cart_definition(group: str) -> dict[str, Any]:
    size = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": size},
        "subresources": {"status": {}},
    }
    names = {"plural": "carts", "singular": "cart", "kind": "Cart"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"carts.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def test_what_is_deprecated_is_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        cluster = door.look()
        kind = cluster.served("extensions", "Ingress", "v1beta1")
        assert kind
        list(cluster.listed(kind))
        list(cluster.listed(kind))

    said = [record.getMessage() for record in caplog.records if "Ingress" in record.getMessage()]
    assert 1 == len(said)
    assert "Kubernetes warns: extensions/v1beta1 Ingress is deprecated" in said[0]
