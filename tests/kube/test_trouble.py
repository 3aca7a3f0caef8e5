"""Trouble on the way to Kubernetes, and with others who work there: rights, webhooks, finalizers, other hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from agent.host.kubernetes.look import ClusterView
from agent.model import Json
from tests.fleet import Fleet
from tests.kube.server import Kube
from tests.kube.test_manifests import declare, deployment, settings, written

RBAC = "/apis/rbac.authorization.k8s.io/v1"
MERGE = "application/merge-patch+json"


@pytest.fixture
def fleet(kube_fleet_of: Callable[..., Fleet], namespace: str) -> Fleet:
    """A host of a name of its own: what other tests have left belongs to others."""
    return kube_fleet_of(host=f"edge-{namespace}")


def named(namespace: str, name: str) -> dict[str, Any]:
    return {**settings(namespace, a="b"), "metadata": {"name": name, "namespace": namespace}}


def allow(kube: Kube, namespace: str, user: str, **rights: Sequence[str]) -> None:
    """Let somebody do this with these resources of the namespace, and nothing else."""
    rules = [
        {"apiGroups": ["*"], "resources": [resource], "verbs": list(verbs)}
        for resource, verbs in rights.items()
    ]
    path = f"{RBAC}/namespaces/{namespace}"
    kube.request("POST", f"{path}/roles", {"metadata": {"name": user}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    binding = {"metadata": {"name": user}, "roleRef": reference, "subjects": [subject]}
    kube.request("POST", f"{path}/rolebindings", binding)


def test_rights_in_one_namespace_are_enough_for_what_is_in_it(
    kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str
) -> None:
    """Though it may not list what there is elsewhere; and what it may not do is told, with the way out."""
    verbs = ("get", "list", "create", "patch", "update", "delete")
    user = f"user-{namespace}"
    allow(kube, namespace, user, configmaps=verbs, deployments=("get",))
    fleet = kube_fleet_of(kubeconfig=kube.kubeconfig_for(user), host=f"edge-{namespace}")
    every = [named(namespace, f"c{number}") for number in range(5)]
    declare(fleet, *every, deployment(namespace), wait="0s")

    said = fleet.trued("apply", code=3)

    refused = f'manifest:apps/Deployment/{namespace}/web  deployments.apps "web" is forbidden: User "{user}" cannot patch'
    assert refused in said
    assert "needs a role that allows it (RBAC)" in said
    since = kube.mark()
    declare(fleet, *every[:2], wait="0s")
    fleet.apply("--allow-removals")
    base = f"/api/v1/namespaces/{namespace}/configmaps"
    assert [f"delete {base}/c{number}" for number in (4, 3, 2)] == sorted(written(kube, since), reverse=True)
    assert "converged" == fleet.apply()["result"]


def test_what_another_changes_between_two_looks_is_no_drift(
    kube: Kube, fleet: Fleet, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A controller writes between the look at an object and the dry run: what differs then is what that has written."""
    declare(fleet, settings(namespace, log="info"))
    fleet.apply()
    path = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    tried, times = ClusterView.tried, iter(range(1, 100))

    def slow(view: ClusterView, object_: Json, *, adopted: bool) -> Json:
        if (time := next(times)) < 3:
            change = {"metadata": {"annotations": {"example.com/time": str(time)}}}
            kube.request("PATCH", path, change, content_type=MERGE)
        return tried(view, object_, adopted=adopted)

    monkeypatch.setattr(ClusterView, "tried", slow)
    declare(fleet, settings(namespace, log="warn"), wait="0s")
    report = fleet.apply()

    reason = report["resources"][f"manifest:ConfigMap/{namespace}/settings"]["reason"]
    assert "differs: data.log" == reason
    assert "2" == kube.get(path)["metadata"]["annotations"]["example.com/time"]


def test_a_server_that_is_away_or_hangs_costs_little_and_is_found_again(
    kube: Kube, fleet: Fleet, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.host.kubernetes.wire.CONNECTING", 1.0)
    declare(fleet, *(named(namespace, f"c{number}") for number in range(20)))
    fleet.apply()
    kube.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/c7")

    kube.api.kill()
    assert "cannot be reached: Connection refused; see systemctl status k3s" in fleet.trued("apply", code=3)
    kube.start()
    kube.api.freeze()
    assert "does not answer in time" in fleet.trued("apply", code=3)
    kube.api.thaw()
    fleet.apply()

    assert kube.get(f"/api/v1/namespaces/{namespace}/configmaps/c7") is not None


def test_what_never_goes_is_told_until_it_has_gone(
    kube: Kube, fleet: Fleet, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is declared anew meanwhile is made once it is gone."""
    monkeypatch.setattr("agent.kinds.manifest.steps.REMOVAL", 1.0)
    held = named(namespace, "held")
    held["metadata"]["finalizers"] = ["example.com/never"]
    declare(fleet, held, settings(namespace))
    fleet.apply()
    declare(fleet, settings(namespace))
    for _ in range(2):
        said = fleet.trued("apply", code=3)
        assert "is being deleted, waits for its finalizers: example.com/never" in said
    declare(fleet, named(namespace, "held"), settings(namespace))
    said = fleet.trued("apply", code=3)
    assert "is being deleted, and waits for its finalizers: example.com/never; it is made anew" in said

    path = f"/api/v1/namespaces/{namespace}/configmaps/held"
    kube.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE)
    fleet.apply()

    assert "deletionTimestamp" not in kube.get(path)["metadata"]


def test_two_hosts_that_declare_one_object_do_not_fight(
    kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str
) -> None:
    """The second is told who keeps it, and nothing of it is changed or removed by it."""
    one, two = (kube_fleet_of(host=f"edge-{namespace}-{place}") for place in "ab")
    declare(one, settings(namespace, log="info"))
    one.apply()
    declare(two, settings(namespace, log="debug"))
    since = kube.mark()

    assert f"the trued of host edge-{namespace}-a keeps it already; take it away there first" in two.trued(
        "apply", code=3
    )
    declare(two, named(namespace, "other"))
    two.apply()
    one.apply()

    assert [f"patch /api/v1/namespaces/{namespace}/configmaps/other"] == written(kube, since)
    assert {"log": "info"} == json.loads(
        kube.kubectl("get", "configmap", "settings", "-n", namespace, "-o", "json")
    )["data"]
