"""Nothing that stands in a Secret is ever told to anybody: by a plan, a report, a log or an error."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from tests.fleet import Fleet
from tests.kube.declared import declare, patch, thing
from tests.kube.server import Kube
from tests.servers.repo import git

VERBS = (
    ("plan",),
    ("plan", "--json"),
    ("diff", "HEAD"),
    ("apply", "--json"),
    ("status",),
    ("status", "--json"),
    ("log",),
)


def secret(namespace: str, name: str = "secret", /, **more: Any) -> dict[str, Any]:
    return thing("v1", "Secret", namespace, name, **more)


def told(fleet: Fleet, *verbs: tuple[str, ...]) -> str:
    """Return all that the verbs say, and all that went to the status branch and into logs."""
    said = "".join(fleet.run(*verb).said for verb in verbs)
    branch = f"status/{fleet.host}"
    sent = git("log", "-p", branch, cwd=fleet.remote) if branch in git("branch", cwd=fleet.remote) else ""
    logs = "".join(path.read_text(errors="replace") for path in fleet.path.glob("*.log"))
    return said + sent + logs


def test_no_value_of_a_secret_is_told(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """While it is made, when it has drifted, when it changes, when it goes."""
    words = [f"hush{secrets.token_hex(6)}" for _ in range(6)]
    name = f"manifest:Secret/{namespace}/secret"
    every = (*VERBS, ("explain", name))
    noted = {"annotations": {"note": words[5]}}
    declare(kube_fleet, secret(namespace, stringData={"a": words[0]}, metadata=noted))
    said = told(kube_fleet, *every)
    path = f"/api/v1/namespaces/{namespace}/secrets/secret"
    patch(kube, path, {"stringData": {"a": words[1], "b": words[2]}})
    kube.kubectl("annotate", "-n", namespace, "secret", "secret", f"other={words[3]}")
    said += told(kube_fleet, *every)
    declare(kube_fleet, secret(namespace, data={"c": base64.b64encode(words[4].encode()).decode()}))
    said += told(kube_fleet, *every)
    declare(kube_fleet, secret(namespace, "another"))
    with kube_fleet.service():
        said += told(kube_fleet, *every)
    said += told(kube_fleet)
    assert kube.get(path) is None
    assert "data.a" in said
    _check_silent(said, words)


def test_a_secret_that_is_refused_is_not_quoted(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """The server quotes what it does not like; so do readers of YAML."""
    word = f"hush{secrets.token_hex(6)}"
    bad: tuple[dict[str, Any], ...] = (
        secret(namespace, "unknown", stringData={"a": word}, daat={"a": word}),
        secret(namespace, "long", stringData={"a" * 260: word}),
        secret(namespace, word.upper(), stringData={}),
        secret(namespace, "number", data={"a": 12345678901}),
        secret(namespace, "base", data={"a": f"{word}!"}),
        secret(namespace, "list", stringData=[word]),
        secret(namespace, "tls", type="kubernetes.io/tls", stringData={"tls.crt": word}),
        secret(namespace, "docker", type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": word}),
    )  # fmt: skip
    said = ""
    for one in bad:
        declare(kube_fleet, one)
        said += told(kube_fleet, *VERBS)
    kept = secret(namespace, "kept", stringData={"a": word}, immutable=True)
    for plain in (word, f"{word}-changed"):
        declare(kube_fleet, {**kept, "stringData": {"a": plain}})
        said += told(kube_fleet, *VERBS)
    kube_fleet.declare(
        {"manifests": {"web": "manifests/web.yaml"}},
        {"base/manifests/web.yaml": f"kind: Secret\nstringData:\n  a: {word}\n a: '{word}\n"},
    )
    said += told(kube_fleet, *VERBS)
    assert "it cannot be changed in place" in said
    _check_silent(said, [word, "12345678901"])


def _check_silent(said: str, words: list[str]) -> None:
    for word in words:
        encoded = base64.b64encode(word.encode()).decode().rstrip("=")[:-2]
        around = [line for line in said.splitlines() if word in line or encoded in line]
        assert [] == around
