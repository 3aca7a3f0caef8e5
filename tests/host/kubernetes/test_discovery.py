"""Which kinds an API server has, and how seldom it is asked for them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.host.kubernetes.door import Door
from tests.host.kubernetes.scripted import CORE, MAPS, Asked, Say, Scripted


@pytest.fixture
def discovered(server: Scripted) -> dict[str, Any]:
    """The documents of a server, by path; a test changes them."""
    documents: dict[str, Any] = {"/api/v1": CORE, "/apis": {"groups": []}}

    def say(asked: Asked) -> Say:
        found = documents.get(asked.path)
        if isinstance(found, Say):
            return found
        return Say(200, found) if found is not None else Say(404, b"404 page not found\n")

    server.say = say
    return documents


def group(name: str, *versions: str, preferred: str = "") -> dict[str, Any]:
    every = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {
        "name": name,
        "versions": every,
        "preferredVersion": next(one for one in every if one["version"] == (preferred or versions[0])),
    }


def resources(*kinds: str) -> dict[str, Any]:
    return {
        "resources": [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["list", "delete"]}
            for kind in kinds
        ]
    }


def test_a_kind_is_looked_up_once_for_many_looks(
    server: Scripted, door: Door, discovered: dict[str, Any]
) -> None:
    for _ in range(3):
        assert MAPS == door.look().served("", "ConfigMap")

    assert ["/api/v1"] == [asked.path for asked in server.asked]


def test_what_is_missed_is_looked_up_once_more_in_each_look(
    server: Scripted, door: Door, discovered: dict[str, Any]
) -> None:
    def look() -> list[object]:
        cluster = door.look()
        del server.asked[:]
        return [
            cluster.served("shop.dev", kind, version) for kind in ("Cart", "Till") for version in ("", "v1")
        ]

    assert [None] * 4 == look() == look()
    assert 2 == len(server.asked)
    discovered |= {"/apis/shop.dev": group("shop.dev", "v1"), "/apis/shop.dev/v1": resources("Cart")}
    found = look()
    assert ["carts", "carts", None, None] == [getattr(one, "plural", None) for one in found]
    assert 2 == len(server.asked)


def test_the_preferred_version_comes_first_and_others_after_it(
    door: Door, discovered: dict[str, Any]
) -> None:
    discovered |= {
        "/apis/shop.dev": group("shop.dev", "v1", "v2", preferred="v2"),
        "/apis/shop.dev/v1": resources("Cart", "Till"),
        "/apis/shop.dev/v2": resources("Cart"),
    }
    cluster = door.look()
    found = {kind: cluster.served("shop.dev", kind) for kind in ("Cart", "Till")}

    assert {"Cart": "shop.dev/v2", "Till": "shop.dev/v1"} == {
        kind: one and one.api_version for kind, one in found.items()
    }


def test_a_kind_that_is_served_no_more_is_forgotten(door: Door, discovered: dict[str, Any]) -> None:
    discovered |= {"/apis/shop.dev/v1": resources("Cart")}
    kind = door.look().served("shop.dev", "Cart", "v1")
    assert kind
    del discovered["/apis/shop.dev/v1"]
    cluster = door.look()

    assert cluster.find(kind, "a", "b") is None
    assert cluster.served("shop.dev", "Cart", "v1") is None


def test_every_kind_leaves_out_what_does_not_answer(door: Door, discovered: dict[str, Any]) -> None:
    discovered |= {
        "/apis": {
            "groups": [group("metrics.k8s.io", "v1beta1"), group("shop.dev", "v1", "v2", preferred="v2")]
        },
        "/apis/metrics.k8s.io/v1beta1": Say(503, b"service unavailable\n"),
        "/apis/shop.dev/v1": resources("Cart", "Till"),
        "/apis/shop.dev/v2": {
            "resources": [
                *resources("Cart")["resources"],
                {"name": "carts/status", "kind": "Cart", "namespaced": True, "verbs": ["get"]},
                {"name": "reviews", "kind": "Review", "namespaced": True, "verbs": ["create"]},
            ]
        },
    }
    found = list(door.look().every_kind())

    assert ["v1/ConfigMap", "v1/Secret", "shop.dev/v2/Cart", "shop.dev/v1/Till"] == [
        f"{one.api_version}/{one.kind}" for one in found
    ]
    assert [False, False, True, False] == [one.has_status for one in found]
