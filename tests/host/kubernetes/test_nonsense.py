"""An API server that answers with nonsense: what it says is an error in words, and never more than that."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import HostError
from agent.host.kubernetes import client, wire
from agent.host.kubernetes.door import Door
from agent.host.servers import ClusterError
from agent.kinds.manifest.observe import observe
from agent.kinds.manifest.spec import ManifestSpec
from agent.model import ApplyObject, TreePath
from tests.host.kubernetes.scripted import CORE, FOUND, MAPS, Asked, Say, Scripted, kubeconfig
from tests.servers.tls import Tls

OBJECT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "x", "namespace": "shop"},
}
WANT = ManifestSpec(source=TreePath("x.yaml"), document=OBJECT, api_version="v1", digest="1")
DEEP = b'{"metadata": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_001
NONSENSE = {
    "a list": [],
    "text": b"",
    "no metadata": {},
    "metadata that is none": {"metadata": "x"},
    "an object without a name": {"metadata": {}},
    "labels that are none": {"metadata": {"name": "x", "labels": ["x"]}},
    "managers that are none": {"metadata": {"name": "x", "managedFields": ["x"]}},
    "a name that is none": {"metadata": {"name": ["x"]}},
    "what nests for ever": DEEP,
}


class Eyes:
    """A probe that has nothing but a door to Kubernetes."""

    def __init__(self, door: Door) -> None:
        self.cluster = door.look


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_what_is_no_object_is_an_error_of_what_is_asked_for(
    server: Scripted, door: Door, nonsense: str
) -> None:
    def say(asked: Asked) -> Say:
        return Say(200, CORE if asked.path == "/api/v1" else NONSENSE[nonsense])

    server.say = say
    found = observe(Eyes(door), {"ConfigMap/shop/x": WANT})  # type: ignore[arg-type]

    assert isinstance(found["ConfigMap/shop/x"], HostError)


@pytest.mark.parametrize("items", ["x", {"a": 1}, ["x"], [{"metadata": {}}], [[FOUND]]])
def test_a_list_of_something_else_is_an_error(server: Scripted, door: Door, items: object) -> None:
    server.answers(Say(200, {"items": items}))
    with pytest.raises(HostError, match="something else than ConfigMap objects"):
        door.look().owned(MAPS, whole=False)


@pytest.mark.parametrize("groups", [["x"], [{"versions": "x"}], "x", [{"name": "x"}], None])
def test_groups_and_kinds_that_are_none_are_left_out(server: Scripted, door: Door, groups: object) -> None:
    server.say = lambda asked: Say(
        200, {"groups": groups} if asked.path == "/apis" else {"resources": [*CORE["resources"], "x", {}]}
    )

    assert ["ConfigMap", "Secret"] == [kind.kind for kind in door.look().every_kind()]


@pytest.mark.parametrize("code", [204, 302, 307, 399])
def test_a_redirect_is_not_followed(server: Scripted, door: Door, code: int) -> None:
    server.answers(Say(code, b"", headers=(("Location", "https://127.0.0.1:1/elsewhere"),)))
    with pytest.raises(HostError, match=f"(HTTP status {code}, and no object|broke off)"):
        door.look().find(MAPS, "shop", "x")

    assert 1 == len(server.asked)


@pytest.mark.parametrize("details", ["x", ["x"], {"causes": "x"}, {"causes": ["x", {"field": 1}]}])
def test_a_refusal_with_odd_details_is_a_refusal(server: Scripted, door: Door, details: object) -> None:
    refusal = Say(422, {"message": "no", "details": details})
    server.say = lambda asked: Say(200, CORE) if asked.method == "GET" else refusal
    cluster = door.look()
    with pytest.raises(ClusterError, match="no"):
        cluster.tried(OBJECT, adopted=False)
    with pytest.raises(ClusterError, match="no"):
        cluster.tried_anew(OBJECT)


def test_words_of_a_server_cannot_steer_a_terminal(server: Scripted, door: Door) -> None:
    server.answers(Say(403, {"message": "\x1b[2J\x1b]0;owned\x07no\nmore\u202e\ud800"}))
    with pytest.raises(HostError) as told:
        door.look().find(MAPS, "shop", "x")

    assert str(told.value).isprintable()


def test_a_time_that_is_no_number_is_one_second(
    server: Scripted, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(client.time, "sleep", slept.append)
    server.answers(Say(429, {}, headers=(("Retry-After", "\xb2"),)), Say(200, FOUND))

    assert door.look().find(MAPS, "shop", "x") is not None
    assert [1.0] == slept


def test_what_is_beyond_16_bits_is_sent_as_yaml_has_it(server: Scripted, door: Door) -> None:
    """A server reads an apply as YAML, and to YAML the two escapes that JSON has for 😀 are none."""
    server.say = lambda asked: Say(200, CORE if asked.method == "GET" else FOUND)
    declared = {**OBJECT, "data": {"a": "\\ud83d\\ude00 😀", "b": "\x7f\u2028\x07ß"}}
    step = ApplyObject(name="ConfigMap/shop/x", object=declared, why="missing")
    door.perform(step, lambda: None)

    body = server.asked[-1].body.decode()
    assert r'"a":"\\ud83d\\ude00 😀"' in body
    assert r'"b":"\u007f\u2028\u0007\u00df"' in body.replace("\x7f", r"\u007f")


def test_an_answer_that_comes_drop_by_drop_is_given_up(
    tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each drop comes in time, and the whole never would."""
    monkeypatch.setattr(wire, "WHOLE", 0.5)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=_drip, args=(listener, context, over))
        dripping.start()
        door = Door(
            owner="edge-01", kubeconfig=kubeconfig(tmp_path / "config", listener.getsockname()[1], tls.ca)
        )
        began = time.monotonic()
        with pytest.raises(HostError, match="does not answer in time"):
            door.look()
        over.set()
        dripping.join()
        door.close()

    assert time.monotonic() - began < 5


def _drip(listener: socket.socket, context: ssl.SSLContext, over: threading.Event) -> None:
    plain, _ = listener.accept()
    with plain, context.wrap_socket(plain, server_side=True) as tls:
        tls.recv(1 << 16)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.05):
            try:
                tls.sendall(b" ")
            except OSError:
                return
