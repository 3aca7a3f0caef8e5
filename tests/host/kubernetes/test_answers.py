"""What the door makes of what an API server answers about objects, where a real one hardly ever does."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.errors import HostError
from agent.host.kubernetes import client, wire
from agent.host.kubernetes.door import Door
from agent.host.servers import ClusterError
from agent.model import ApplyObject
from tests.host.kubernetes.scripted import CORE, FOUND, MAPS, Asked, Say, Scripted


def settings(kind: str = "ConfigMap", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "shop"}} | more


def hooked(asked: Asked) -> Say:
    if asked.method == "GET":
        return Say(200, CORE)
    time.sleep(0.3)
    words = 'failed calling webhook "check.example.com": Post "https://check/?timeout=10s": context deadline exceeded'
    return Say(500, {"reason": "InternalError", "message": f"Internal error occurred: {words}"})


@pytest.mark.usefixtures("impatient")
def test_a_webhook_that_hangs_is_not_waited_for_by_every_object(
    server: Scripted, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each namespace once, since it may be for some of them only; and in two at most."""
    monkeypatch.setattr(client, "PATIENCE", 5)
    server.say = hooked
    cluster = door.look()
    for namespace in ("a", "a", "b", "b", "c", "d"):
        with pytest.raises(ClusterError, match='webhook "check.example.com"'):
            cluster.tried({**settings(), "metadata": {"name": "x", "namespace": namespace}}, adopted=False)

    assert 2 == len([asked for asked in server.asked if asked.method == "PATCH"])
    with pytest.raises(ClusterError):
        cluster.tried(settings("Secret"), adopted=False)
    assert 3 == len([asked for asked in server.asked if asked.method == "PATCH"])


def test_a_long_list_comes_in_pages(server: Scripted, door: Door) -> None:
    """What items lack is filled in; and a list that has grown old is begun anew."""
    pages = iter(
        [
            Say(200, {"items": [FOUND], "metadata": {"continue": "two"}}),
            Say(410, {"reason": "Expired", "message": "too old"}),
            Say(200, {"items": [FOUND, FOUND], "metadata": {"continue": "two"}}),
            Say(200, {"items": None, "metadata": {}}),
        ]
    )
    server.say = lambda asked: next(pages)
    found = list(door.look().owned(MAPS, whole=True))

    assert [{"apiVersion": "v1", "kind": "ConfigMap", **FOUND}] * 2 == found
    paths = [asked.path for asked in server.asked]
    assert "/api/v1/configmaps?labelSelector=trued.dev%2Fowner%3Dedge-01&limit=500" == paths[0] == paths[2]
    assert all(path.endswith("&continue=two") for path in (paths[1], paths[3]))


class Large:
    """A server that has objects of a size, and counts pages in its tokens."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self.limits: list[int] = []

    def __call__(self, asked: Asked) -> Say:
        query = parse_qs(urlsplit(asked.path).query)
        if "limit" not in query:
            return Say(200, FOUND)
        first, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        self.limits.append(limit)
        last = min(self.count, first + limit)
        items = [
            {"metadata": {"name": f"x{at}"}, "data": {"a": "b" * self.size}} for at in range(first, last)
        ]
        return Say(200, {"items": items, "metadata": {"continue": str(last) if last < self.count else ""}})


def test_large_objects_come_in_smaller_pages(
    server: Scripted, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it turns out; the next look knows it."""
    monkeypatch.setattr(wire, "MOST", 1 << 20)
    server.say = large = Large(60, 100_000)
    for _ in range(2):
        assert 60 == len({one["metadata"]["name"] for one in door.look().owned(MAPS, whole=True)})

    assert [500, 125, 31, *[7] * 18] == large.limits


def test_one_object_that_is_too_large_is_the_trouble_of_its_kind_only(
    server: Scripted, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST", 1 << 16)
    server.say = Large(3, 100_000)
    cluster = door.look()
    with pytest.raises(HostError, match="answers with more than 0 MiB"):
        cluster.owned(MAPS, whole=True)

    assert FOUND["metadata"] == cluster.find(MAPS, "shop", "x")["metadata"]  # type: ignore[index]


def test_a_server_without_lists_of_metadata_alone_is_understood(server: Scripted, door: Door) -> None:
    server.answers(Say(200, {"items": [{**FOUND, "data": {"a": "b"}}], "metadata": {}}))

    assert [{"apiVersion": "v1", "kind": "ConfigMap", **FOUND}] == list(door.look().owned(MAPS, whole=False))


@pytest.mark.parametrize(
    ("code", "said", "shown"),
    [
        (
            500,
            "failed to create typed patch object: .stringData.pin: expected string, got &value{Value:31415}",
            "expected string",
        ),
        (400, 'Secret cannot be handled: illegal base64, error found in |"pin":"31415"}}|', "not one that"),
    ],
)
def test_what_a_server_quotes_of_a_secret_is_not_shown(
    server: Scripted, door: Door, code: int, said: str, shown: str
) -> None:
    server.say = lambda asked: Say(200, CORE) if asked.method == "GET" else Say(code, {"message": said})
    secret = settings("Secret", stringData={"pin": 31415})
    step = ApplyObject(name="Secret/shop/x", object=secret, why="")
    cluster = door.look()
    for attempt in (
        lambda: cluster.tried(secret, adopted=False),
        lambda: cluster.tried_anew(secret),
        lambda: door.perform(step, lambda: None),
    ):
        with pytest.raises(ClusterError, match=shown) as error:
            attempt()
        assert "31415" not in f"{error.value} {error.value.hint} {json.dumps(error.value.status)}"
    assert "31415" not in repr(step)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (("Invalid value: 31234: provided port is already allocated",), False),
        (
            (
                'Invalid value: ["10.43.0.77"]: failed to allocate IP 10.43.0.77: provided IP is already allocated',
            ),
            False,
        ),
        (("Invalid value: 31234: provided port is already allocated", "Required value"), True),
        ((), True),
    ],
)
def test_what_only_lacks_an_address_that_is_its_own_could_be_made_anew(
    server: Scripted, door: Door, said: tuple[str, ...], wrong: bool
) -> None:
    """As newer servers answer the trial of a Service like one that there is."""
    causes = [{"reason": "FieldValueInvalid", "message": text, "field": "spec"} for text in said]
    answer = Say(422, {"reason": "Invalid", "message": "invalid", "details": {"causes": causes}})
    server.say = lambda asked: Say(200, CORE) if asked.method == "GET" else answer
    cluster = door.look()
    if wrong:
        with pytest.raises(ClusterError):
            cluster.tried_anew(settings())
    else:
        cluster.tried_anew(settings())
    (posted,) = [asked for asked in server.asked if asked.method == "POST"]
    assert (
        "/api/v1/namespaces/shop/configmaps?fieldManager=trued&dryRun=All&fieldValidation=Strict"
        == posted.path
    )
    assert "x-trued" == json.loads(posted.body)["metadata"]["name"]


def test_numbers_that_json_lacks_are_refused(server: Scripted, door: Door) -> None:
    server.answers(Say(200, CORE))
    with pytest.raises(HostError, match="what JSON does not have"):
        door.look().tried(settings(data={"a": float("nan")}), adopted=False)
