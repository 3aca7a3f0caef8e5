"""What a person has to say yes to before it goes from a real API server, and what is found again when the ledger is lost."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from tests.fleet import Fleet
from tests.kube.declared import (
    LABELS,
    config_maps,
    declare,
    definition,
    hand,
    planned,
    settings,
    standing,
    thing,
    written,
)
from tests.kube.server import Kube
from tests.waiting import until

ONE: Any = {"removals": {"count": 1, "share": "10%"}}


def lose_ledger(fleet: Fleet) -> None:
    for path in (fleet.path / "state").glob("ledger.db*"):
        path.unlink()


def test_many_removals_are_held(kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str) -> None:
    """Objects count, not entries."""
    fleet = kube_fleet_of(limits=ONE)
    stays = settings(namespace, "stays")
    declare(fleet, stays, settings(namespace, "a"), settings(namespace, "b"))
    fleet.apply()
    declare(fleet, stays)
    since = kube.mark()

    assert {f"ConfigMap/{namespace}/{name}": "remove held" for name in "ab"} == planned(fleet.plan(code=3))
    result, reason = standing(fleet.apply(code=3), f"ConfigMap/{namespace}/a")
    assert "held" == result
    assert "2 removals of 3 owned are more than limits.removals allows" in reason
    assert [] == written(kube, since)
    assert "converged" == fleet.apply("--allow-removals")["result"]
    assert kube.get(config_maps(namespace, "a")) is None


def test_an_empty_state_is_held(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    declare(kube_fleet, settings(namespace, a="1"))
    kube_fleet.apply()
    declare(kube_fleet)

    result, reason = standing(kube_fleet.apply(code=3), f"ConfigMap/{namespace}/settings")
    assert ("held", True) == (result, reason.startswith("the declared state is empty"))
    assert kube.get(config_maps(namespace, "settings"))
    kube_fleet.apply("--allow-removals")
    assert kube.get(config_maps(namespace, "settings")) is None


def test_a_namespace_with_what_is_not_to_go_is_held(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    new, stays = f"test-{secrets.token_hex(4)}", settings(namespace, "stays")
    path = f"/api/v1/namespaces/{new}"
    kube.cleanup(path)
    declare(kube_fleet, stays, thing("v1", "Namespace", "", new), settings(new, a="1"))
    kube_fleet.apply()
    kube.kubectl("create", "configmap", "foreign", "-n", new)
    declare(kube_fleet, stays)

    report = kube_fleet.apply(code=3)
    result, reason = standing(report, f"Namespace/{new}")
    assert "held" == result
    assert reason.startswith(
        f"with the namespace would go what is not to go: ConfigMap/{new}/foreign; to let"
    )
    assert "deletionTimestamp" not in kube.get(path)["metadata"]
    assert kube.get(config_maps(new, "settings")) is None
    assert "converged" == kube_fleet.apply("--allow-removals")["result"]
    assert kube.get(path) is None


def test_a_definition_of_what_is_not_to_go_is_held(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    group, stays = f"g{secrets.token_hex(4)}.example.com", settings(namespace, "stays")
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}"
    kube.cleanup(path)
    declare(kube_fleet, stays, definition(group), thing(f"{group}/v1", "Widget", namespace, "ours"))
    kube_fleet.apply()
    widgets = f"/apis/{group}/v1/namespaces/{namespace}/widgets"
    kube.request("POST", widgets, thing(f"{group}/v1", "Widget", namespace, "foreign"))
    declare(kube_fleet, stays)

    name = f"apiextensions.k8s.io/CustomResourceDefinition/widgets.{group}"
    result, reason = standing(kube_fleet.apply(code=3), name)
    assert "held" == result
    assert reason.startswith(
        f"with the definition would go what is not to go: {group}/Widget/{namespace}/foreign"
    )
    assert ["foreign"] == [one["metadata"]["name"] for one in kube.get(widgets)["items"]]
    assert "converged" == kube_fleet.apply("--allow-removals")["result"]
    assert kube.get(path) is None


def test_what_a_lost_ledger_knew_is_found_by_the_label(
    kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str
) -> None:
    """What was made goes; what was adopted, and what only bears a copy of the label, does not. Limits hold."""
    fleet = kube_fleet_of(limits=ONE)
    hand(kube, settings(namespace, "adopted", a="1"))
    stays = settings(namespace, "stays")
    serving = thing("v1", "Service", namespace, "web", spec={"ports": [{"port": 80}], "selector": LABELS})
    declare(fleet, stays, settings(namespace, "adopted", a="2"), settings(namespace, "made"), serving)
    fleet.apply()
    copied = thing(
        "v1", "Endpoints", namespace, "copied", metadata={"labels": {"trued.dev/owner": fleet.host}}
    )
    kube.request("POST", f"/api/v1/namespaces/{namespace}/endpoints", copied)
    lose_ledger(fleet)
    declare(fleet, stays)
    since = kube.mark()

    names = {f"Service/{namespace}/web", f"ConfigMap/{namespace}/made"}
    assert dict.fromkeys(names, "remove held") == planned(fleet.plan(code=3))
    report = fleet.apply(code=3)
    assert {"held"} == {standing(report, name)[0] for name in names}
    assert dict.fromkeys(names, "remove held") == planned(fleet.plan(code=3))
    assert [] == written(kube, since)
    fleet.apply("--allow-removals")
    core = f"/api/v1/namespaces/{namespace}"
    assert [f"delete {core}/services/web", f"delete {core}/configmaps/made"] == written(kube, since)
    assert {"a": "2"} == kube.get(config_maps(namespace, "adopted"))["data"]
    assert kube.get(f"{core}/endpoints/copied")


def test_a_lost_ledger_changes_nothing_of_what_is_declared(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    """It is still known that trued made it: when it is no longer declared, it goes."""
    stays = settings(namespace, "stays")
    declare(kube_fleet, stays, settings(namespace, a="1"))
    kube_fleet.apply()
    lose_ledger(kube_fleet)
    since = kube.mark()
    assert [] == kube_fleet.plan(code=0)["entries"]
    assert "converged" == kube_fleet.apply()["result"]
    assert [] == written(kube, since)
    declare(kube_fleet, stays)
    kube_fleet.apply()
    until(lambda: kube.get(config_maps(namespace, "settings")) is None)


def test_what_is_said_of_an_object(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """`explain` and `status` name the place in the manifest, which is where a person looks."""
    declare(kube_fleet, settings(namespace, a="1"), settings(namespace, "second") | {"spec": {}})
    kube_fleet.apply(code=3)
    first = kube_fleet.trued("explain", f"manifest:ConfigMap/{namespace}/settings")
    assert "base/manifests/web.yaml:1" in first
    second = kube_fleet.trued("explain", f"manifest:ConfigMap/{namespace}/second")
    assert "base/manifests/web.yaml:9" in second
    assert "field not declared in schema" in second
    assert "field not declared in schema" in kube_fleet.trued("status")
