"""What goes from a real API server when it is no longer declared: in which order, and what may stand in the way."""

from __future__ import annotations

import time

import pytest

from agent.kinds.manifest import steps, wellness
from tests.fleet import Fleet
from tests.kube.declared import (
    FREE,
    HELD,
    LABELS,
    config_maps,
    declare,
    deployment,
    patch,
    planned,
    settings,
    standing,
    thing,
    written,
)
from tests.kube.server import Kube
from tests.waiting import until


def account(namespace: str) -> dict[str, object]:
    """Return what is left declared: an empty state is another matter."""
    return thing("v1", "ServiceAccount", namespace, "stays")


def test_last_things_go_first(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    serving = thing("v1", "Service", namespace, "web", spec={"ports": [{"port": 80}], "selector": LABELS})
    every = (deployment(namespace), serving, settings(namespace, a="1"))
    declare(kube_fleet, account(namespace), *every, wait="0s")
    kube_fleet.apply()
    since = kube.mark()
    declare(kube_fleet, account(namespace), wait="0s")

    plan = kube_fleet.plan(code=2)
    names = [
        f"apps/Deployment/{namespace}/web",
        f"Service/{namespace}/web",
        f"ConfigMap/{namespace}/settings",
    ]
    assert names == list(planned(plan))
    assert {"remove"} == set(planned(plan).values())
    kube_fleet.apply()

    core = f"/api/v1/namespaces/{namespace}"
    assert [
        f"delete /apis/apps/v1/namespaces/{namespace}/deployments/web",
        f"delete {core}/services/web",
        f"delete {core}/configmaps/settings",
    ] == written(kube, since)
    assert kube.get(f"{core}/serviceaccounts/stays")
    until(lambda: not kube.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets")["items"])
    assert [] == kube_fleet.plan(code=0)["entries"]


def test_another_version_of_an_api_is_no_removal(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    spec = {"rules": [{"host": "web.example.com"}]}
    paths = [
        f"/apis/networking.k8s.io/{version}/namespaces/{namespace}/ingresses/web"
        for version in ("v1beta1", "v1")
    ]
    declare(
        kube_fleet, thing("networking.k8s.io/v1beta1", "Ingress", namespace, "web", spec=spec), wait="0s"
    )
    kube_fleet.apply()
    uid = kube.get(paths[0])["metadata"]["uid"]
    since = kube.mark()

    declare(kube_fleet, thing("networking.k8s.io/v1", "Ingress", namespace, "web", spec=spec), wait="0s")
    kube_fleet.apply()

    assert uid == kube.get(paths[1])["metadata"]["uid"]
    assert not [write for write in written(kube, since) if write.startswith("delete")]
    since = kube.mark()
    kube_fleet.apply()
    assert [] == written(kube, since)


def test_what_a_finalizer_holds_is_reported_until_it_is_gone(
    kube: Kube, kube_fleet: Fleet, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for once, from when it was told to go; later cycles do not wait for it again."""
    declare(kube_fleet, account(namespace), settings(namespace, a="1"))
    kube_fleet.apply()
    path, name = config_maps(namespace, "settings"), f"ConfigMap/{namespace}/settings"
    patch(kube, path, HELD)
    declare(kube_fleet, account(namespace))
    monkeypatch.setattr(steps, "REMOVAL", 3.0)

    first = standing(kube_fleet.apply(code=3), name)
    time.sleep(wellness.TICK)  # it is not taken for older than the server's whole seconds show
    second = standing(kube_fleet.apply(code=3), name)

    assert {"failed"} == {first[0], second[0]}
    assert "waits for its finalizers: example.com/hold" in first[1]
    assert (
        "done, and it is still not so: is being deleted, waits for its finalizers: example.com/hold"
        == (second[1])
    )
    patch(kube, path, FREE)
    until(lambda: kube.get(path) is None)
    assert "converged" == kube_fleet.apply()["result"]
    assert f"manifest:{name}" not in kube_fleet.report()["resources"]


def test_what_was_made_anew_by_hand_is_somebody_elses(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    declare(kube_fleet, account(namespace), settings(namespace, a="1"))
    kube_fleet.apply()
    path, name = config_maps(namespace, "settings"), f"ConfigMap/{namespace}/settings"
    kube.request("DELETE", path)
    kube.request("POST", config_maps(namespace), settings(namespace, mine="1"))
    declare(kube_fleet, account(namespace))
    since = kube.mark()

    assert "does not bear this host's label any more" in standing(kube_fleet.apply(), name)[1]
    assert "converged" == kube_fleet.apply()["result"]
    assert [] == written(kube, since)
    assert {"mine": "1"} == kube.get(path)["data"]


def test_what_says_that_it_stays_stays(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """By its manifest, by an annotation set by hand, by its entry, and once its label is taken off."""
    mark = {"annotations": {"trued.dev/prune": "disabled"}}
    said = {**settings(namespace, "said"), "metadata": {"name": "said", "namespace": namespace, **mark}}
    every = [said, settings(namespace, "annotated"), settings(namespace, "unlabelled")]
    declare(kube_fleet, account(namespace), *every, settings(namespace, "goes"))
    kube_fleet.apply()
    patch(kube, config_maps(namespace, "annotated"), {"metadata": mark})
    patch(kube, config_maps(namespace, "unlabelled"), {"metadata": {"labels": {"trued.dev/owner": None}}})
    declare(kube_fleet, account(namespace))
    since = kube.mark()

    report = kube_fleet.apply()

    reasons = {
        name: standing(report, f"ConfigMap/{namespace}/{name}")[1]
        for name in ("said", "annotated", "unlabelled")
    }
    assert "kept as it was declared to be" in reasons["said"]
    assert "it says trued.dev/prune: disabled" in reasons["annotated"]
    assert "it does not bear this host's label any more" in reasons["unlabelled"]
    assert [f"delete {config_maps(namespace, 'goes')}"] == written(kube, since)
    assert "converged" == kube_fleet.apply()["result"]


@pytest.mark.parametrize("how", [{"prune": False}, {"keep": True}])
def test_an_entry_may_keep_all_its_objects(
    kube: Kube, kube_fleet: Fleet, namespace: str, how: dict[str, bool]
) -> None:
    declare(kube_fleet, account(namespace), settings(namespace, a="1"), **how)
    kube_fleet.apply()
    declare(kube_fleet, account(namespace), **how)
    since = kube.mark()

    reason = standing(kube_fleet.apply(), f"ConfigMap/{namespace}/settings")[1]
    assert "no longer declared, kept as it was declared to be" == reason
    assert [] == written(kube, since)


def test_what_no_cluster_can_do_without_stays(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """Though this host has made its mark on it, as a person might, too."""
    declare(kube_fleet, account(namespace), thing("v1", "Namespace", "", "kube-node-lease"))
    kube_fleet.apply()
    path = "/api/v1/namespaces/kube-node-lease"
    patch(kube, path, {"metadata": {"annotations": {"trued.dev/adopted": None}}})
    (kube_fleet.path / "state/ledger.db").unlink()
    declare(kube_fleet, account(namespace))
    since = kube.mark()

    report = kube_fleet.apply("--allow-removals")

    assert "no cluster can do without it" in standing(report, "Namespace/kube-node-lease")[1]
    assert [] == written(kube, since)
    patch(kube, path, {"metadata": {"labels": {"trued.dev/owner": None}}})
