"""What comes of manifests at a real API server: made in one cycle, refused without harm, and left in peace once it is so."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

from tests.fleet import Fleet
from tests.kube.declared import (
    FREE,
    HELD,
    LABELS,
    POD,
    config_maps,
    declare,
    definition,
    deployment,
    patch,
    planned,
    settings,
    standing,
    thing,
    written,
)
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube
from tests.waiting import until


def test_an_object_comes_with_its_namespace(kube: Kube, kube_fleet: Fleet) -> None:
    """Though its namespace is not there when the plan is made: a dry run of it would be refused."""
    new = f"test-{secrets.token_hex(4)}"
    kube.cleanup(f"/api/v1/namespaces/{new}")
    declare(kube_fleet, settings(new, log="info"), thing("v1", "Namespace", "", new))

    plan = kube_fleet.plan(code=2)
    assert {f"Namespace/{new}": "create", f"ConfigMap/{new}/settings": "create"} == planned(plan)
    assert list(planned(plan)) == [f"Namespace/{new}", f"ConfigMap/{new}/settings"]
    assert "converged" == kube_fleet.apply()["result"]
    assert {"log": "info"} == kube.get(config_maps(new, "settings"))["data"]


def test_a_custom_resource_comes_with_its_definition(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    group = f"g{secrets.token_hex(4)}.example.com"
    kube.cleanup(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")
    widget = thing(f"{group}/v1", "Widget", namespace, "one", spec={"color": "red"})
    declare(kube_fleet, widget, definition(group))

    assert {"create"} == set(planned(kube_fleet.plan(code=2)).values())
    assert "converged" == kube_fleet.apply()["result"]
    assert {"color": "red"} == kube.get(f"/apis/{group}/v1/namespaces/{namespace}/widgets/one")["spec"]
    since = kube.mark()
    kube_fleet.apply()
    assert [] == written(kube, since)


def test_a_kind_that_never_comes_holds_up_nobody(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    declare(kube_fleet, thing("example.com/v1", "Widget", namespace, "one"), settings(namespace, log="info"))
    report = kube_fleet.apply(code=3)
    result, reason = standing(report, f"example.com/Widget/{namespace}/one")
    assert "blocked" == result
    assert reason.startswith("the cluster knows no Widget of example.com/v1; declare its Custom")
    assert {"log": "info"} == kube.get(config_maps(namespace, "settings"))["data"]


def test_what_the_server_refuses_is_told_in_its_words_and_not_tried(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    """A field that there is not, a wrong type, a key that is there twice, a label that is too long, a wrong value."""
    twice = {"containers": [{"name": "web", "image": "web:1", "env": [{"name": "A"}, {"name": "A"}]}]}
    bad: dict[str, tuple[dict[str, Any], str]] = {
        f"ConfigMap/{namespace}/unknown": (
            settings(namespace, "unknown") | {"sepc": {}},
            ".sepc: field not declared in schema",
        ),
        f"apps/Deployment/{namespace}/web": (deployment(namespace, replicas="two"), "expected numeric"),
        f"Pod/{namespace}/twice": (
            thing("v1", "Pod", namespace, "twice", spec=twice),
            "duplicate entries for key",
        ),
        f"ConfigMap/{namespace}/label": (
            thing("v1", "ConfigMap", namespace, "label", metadata={"labels": {"a": "b" * 64}}),
            "must be no more than 63 characters",
        ),
        f"Service/{namespace}/port": (
            thing("v1", "Service", namespace, "port", spec={"ports": [{"port": 99999}]}),
            "must be between 1 and 65535",
        ),
    }
    declare(kube_fleet, settings(namespace, log="info"), *(one for one, _ in bad.values()))
    since = kube.mark()

    plan, report = kube_fleet.plan(code=3), kube_fleet.apply(code=3)

    assert {"blocked"} == {what for name, what in planned(plan).items() if name in bad}
    for name, (_, words) in bad.items():
        result, reason = standing(report, name)
        assert "blocked" == result
        assert reason.startswith("the API server refuses it: ")
        assert words in reason
        assert reason.endswith("; mend the manifest")
    assert [f"patch {config_maps(namespace, 'settings')}"] == written(kube, since)


def test_what_is_so_is_left_in_peace(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """Objects that this server would write anew at each apply, once a controller has touched them."""
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1000Mi"}}}
    stateful = {"serviceName": "db", "selector": {"matchLabels": LABELS}, "template": POD}
    declare(
        kube_fleet,
        deployment(namespace),
        thing("apps/v1", "StatefulSet", namespace, "db", spec=stateful),
        thing("v1", "PersistentVolumeClaim", namespace, "data", spec=room),
        thing("v1", "Secret", namespace, "secret", stringData={"a": "b"}, data={"c": "ZA=="}),
        thing("v1", "Service", namespace, "web", spec={"ports": [{"port": 80}], "selector": LABELS}),
        wait="0s",
    )
    with kubelet.working():
        assert "converged" == kube_fleet.apply()["result"]
        apps = f"/apis/apps/v1/namespaces/{namespace}"
        until(lambda: kube.get(f"{apps}/deployments/web")["status"].get("availableReplicas") == 2)
        until(lambda: kube.get(f"{apps}/statefulsets/db")["status"].get("readyReplicas") == 1)
    claim_path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"
    patch(kube, f"{claim_path}/status", {"status": {"phase": "Bound"}})
    patch(kube, claim_path, {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}})
    since = kube.mark()

    assert [] == kube_fleet.plan(code=0)["entries"]
    assert "converged" == kube_fleet.apply()["result"]
    assert "converged" == kube_fleet.apply()["result"]
    assert [] == written(kube, since)


def test_a_key_of_a_secret_that_git_drops_goes(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """Also one that stood below stringData, which the server alone would keep for ever."""
    for plain in ({"a": "1", "b": "2"}, {"a": "1"}):
        declare(kube_fleet, thing("v1", "Secret", namespace, "secret", stringData=plain))
        kube_fleet.apply()
    secret = kube.get(f"/api/v1/namespaces/{namespace}/secrets/secret")
    assert {"a": base64.b64encode(b"1").decode()} == secret["data"]


def test_what_only_the_server_sets_is_no_wish(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """A manifest that somebody has got with `kubectl get -o yaml`."""
    found = deployment(namespace, replicas=0) | {"status": {"replicas": 7}}
    found["metadata"] |= {
        "creationTimestamp": None,
        "generation": 9,
        "managedFields": [],
        "resourceVersion": "1",
        "selfLink": "/somewhere",
        "uid": "0b9e2b0c-0000-0000-0000-000000000000",
    }
    declare(kube_fleet, found)
    assert "converged" == kube_fleet.apply()["result"]
    since = kube.mark()
    assert "converged" == kube_fleet.apply()["result"]
    assert [] == written(kube, since)


def test_a_folder_of_all_sorts_of_files(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """Several documents, a list, JSON; the entry's namespace, variables, and what begins with a dot."""
    base = "base/manifests/shop"
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}}
    items = [settings(namespace, f"item-{n}", n=str(n)) for n in range(2)]
    kube_fleet.declare(
        {"manifests": {"shop": {"source": "manifests/shop/", "namespace": namespace, "substitute": True}}},
        {
            f"{base}/two.yaml": "---\n"
            + "---\n".join(
                f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
                "data: {host: 'on ${host}', cost: '5 $$'}\n"
                for name in ("a", "b")
            ),
            f"{base}/more/list.yml": json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
            f"{base}/one.json": json.dumps(one),
            f"{base}/.hidden.yaml": "this: is nothing",
            f"{base}/README.md": "# nothing either",
        },
    )
    assert "converged" == kube_fleet.apply()["result"]
    found = {one["metadata"]["name"]: one.get("data") for one in kube.get(config_maps(namespace))["items"]}
    found.pop("kube-root-ca.crt", None)
    text = {"host": f"on {kube_fleet.host}", "cost": "5 $"}
    assert {"a": text, "b": text, "item-0": {"n": "0"}, "item-1": {"n": "1"}, "json": None} == found


def test_what_is_being_deleted_is_made_anew_once_it_is_gone(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    declare(kube_fleet, settings(namespace, log="info"), settings(namespace, "other", a="b"))
    kube_fleet.apply()
    path = config_maps(namespace, "settings")
    patch(kube, path, HELD)
    kube.request("DELETE", path)
    since = kube.mark()

    report = kube_fleet.apply(code=3)

    result, reason = standing(report, f"ConfigMap/{namespace}/settings")
    assert "blocked" == result
    assert "is being deleted, and waits for its finalizers: example.com/hold" in reason
    assert ["example.com/hold"] == kube.get(path)["metadata"]["finalizers"]
    assert [] == written(kube, since)
    patch(kube, path, FREE)
    until(lambda: kube.get(path) is None)
    assert "converged" == kube_fleet.apply()["result"]
    assert {"log": "info"} == kube.get(path)["data"]


def test_a_namespace_that_is_being_deleted_is_made_anew_once_it_is_gone(
    kube: Kube, kube_fleet: Fleet
) -> None:
    new = f"test-{secrets.token_hex(4)}"
    path = f"/api/v1/namespaces/{new}"
    kube.cleanup(path)
    both = (settings(new, log="info"), settings(new, "other", a="b"))
    declare(kube_fleet, thing("v1", "Namespace", "", new), *both)
    kube_fleet.apply()
    held = config_maps(new, "settings")
    patch(kube, held, HELD)
    kube.request("DELETE", path)
    until(lambda: kube.get(config_maps(new, "other")) is None)
    until(lambda: "deletionTimestamp" in kube.get(held)["metadata"])

    report = kube_fleet.apply(code=3)

    blocked = {
        f"Namespace/{new}": "is being deleted",
        f"ConfigMap/{new}/settings": "waits for its finalizers: example.com/hold",
        f"ConfigMap/{new}/other": "its namespace is being deleted",
    }
    for name, words in blocked.items():
        result, reason = standing(report, name)
        assert "blocked" == result
        assert words in reason
    patch(kube, held, FREE)
    until(lambda: kube.get(path) is None)
    assert "converged" == kube_fleet.apply()["result"]
    assert {"log": "info"} == kube.get(held)["data"]
