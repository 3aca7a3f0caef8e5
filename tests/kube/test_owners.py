"""Whose an object is: what was there before trued, what another host keeps, and what k3s itself keeps."""

from __future__ import annotations

from collections.abc import Callable

from tests.fleet import Fleet
from tests.kube.declared import config_maps, declare, hand, settings, standing, written
from tests.kube.server import Kube


def test_what_was_there_before_is_left_when_it_is_no_longer_declared(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    hand(kube, settings(namespace, a="1"))
    declare(kube_fleet, settings(namespace, a="2"), settings(namespace, "other", b="1"))
    kube_fleet.apply()
    declare(kube_fleet, settings(namespace, "other", b="1"))

    report = kube_fleet.apply()

    assert (
        "left as it is: it was there before trued"
        in (standing(report, f"ConfigMap/{namespace}/settings")[1])
    )
    assert {"a": "2"} == kube.get(config_maps(namespace, "settings"))["data"]
    assert "converged" == kube_fleet.apply()["result"]


def test_what_another_host_keeps_is_refused_and_may_be_adopted(
    kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str
) -> None:
    """Two hosts at one cluster would undo what the other does, at each look."""
    first, second = kube_fleet_of(), kube_fleet_of()
    declare(first, settings(namespace, a="1"))
    first.apply()
    name, path = f"ConfigMap/{namespace}/settings", config_maps(namespace, "settings")
    since = kube.mark()

    declare(second, settings(namespace, a="2"))
    result, reason = standing(second.apply(code=3), name)
    assert "blocked" == result
    assert f"the trued of host {first.host} keeps it already; take it away there first" in reason
    assert [] == written(kube, since)

    declare(second, settings(namespace, a="2"), adopt=True)
    assert "changed" == standing(second.apply(), name)[0]
    found = kube.get(path)
    assert {"a": "2"} == found["data"]
    assert second.host == found["metadata"]["labels"]["trued.dev/owner"]
    result, reason = standing(first.apply(code=3), name)
    assert f"the trued of host {second.host} keeps it already" in reason
    declare(first, settings(namespace, "other", b="1"))
    assert "left in place: it does not bear this host's label" in standing(first.apply(), name)[1]
    assert kube.get(path)


def test_what_k3s_itself_keeps_is_refused_and_may_be_adopted(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    addon = settings(namespace, a="1", b="2")
    addon["metadata"]["labels"] = {"objectset.rio.cattle.io/hash": "0123"}
    addon["metadata"]["annotations"] = {"objectset.rio.cattle.io/applied": "everything"}
    kube.request("POST", f"{config_maps(namespace)}?fieldManager=deploy@{kube_fleet.host}", addon)
    name = f"ConfigMap/{namespace}/settings"
    since = kube.mark()

    declare(kube_fleet, settings(namespace, a="3"))
    result, reason = standing(kube_fleet.apply(code=3), name)
    assert "blocked" == result
    assert reason.startswith("k3s itself keeps it, as part of an AddOn")
    assert "adopt: true" in reason
    assert [] == written(kube, since)

    declare(kube_fleet, settings(namespace, a="3"), adopt=True)
    assert "everything" not in kube_fleet.trued("plan", code=2)
    kube_fleet.apply()
    found = kube.get(config_maps(namespace, "settings"))
    assert {"a": "3"} == found["data"]
    assert {"trued.dev/owner": kube_fleet.host} == found["metadata"]["labels"]
    assert {"trued.dev/adopted": "true"} == found["metadata"]["annotations"]
