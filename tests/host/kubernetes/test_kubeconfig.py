"""Kubeconfigs as they are met: what each says, and in which words a wrong one is refused."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import HostError
from agent.host.kubernetes.kubeconfig import Kubeconfig
from agent.host.servers import NoClusterError

SECRETS = ("s3cret", "LS0tS0VZ", "---KEY")
K3S = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: https://127.0.0.1:6443
  name: default
- cluster: {{server: "https://[fd00::1]/k8s/clusters/c-1/", tls-server-name: api.example.com, insecure-skip-tls-verify: true}}
  name: far
contexts:
- context: {{cluster: default, user: default}}
  name: default
- context: {{cluster: far, user: robot}}
  name: far
- context: {{cluster: far}}
  name: nobody
current-context: default
kind: Config
preferences: {{}}
users:
- name: default
  user:
    client-certificate-data: {certificate}
    client-key-data: LS0tS0VZ
- name: robot
  user: {{token: 012345}}
"""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def k3s(tmp_path: Path) -> Path:
    path = tmp_path / "k3s.yaml"
    path.write_text(K3S.format(authority=encoded("the authority"), certificate=encoded("the certificate")))
    return path


@pytest.fixture
def of(tmp_path: Path) -> Callable[..., Kubeconfig]:
    """Make a kubeconfig of one context, from what its cluster and its user say."""

    def make(cluster: object = None, user: object = None, **more: Any) -> Kubeconfig:
        content = {
            "clusters": [{"name": "c", "cluster": cluster or {"server": "https://127.0.0.1:6443"}}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (tmp_path / "config").write_text(json.dumps({**content, **more}))
        return Kubeconfig(tmp_path / "config")

    return make


def test_what_k3s_writes_is_understood(k3s: Path) -> None:
    access = Kubeconfig(k3s).access()

    assert "https://127.0.0.1:6443" == access.server
    assert ("the authority", b"the certificate", b"---KEY") == (
        access.authority,
        access.certificate,
        access.key,
    )
    assert ("", False, "127.0.0.1") == (access.authorization, access.trusting, access.server_name)


def test_another_context_is_another_way_in(k3s: Path) -> None:
    access = Kubeconfig(k3s, "far").access()

    assert "https://[fd00::1]:443/k8s/clusters/c-1" == access.server
    assert ("api.example.com", True, "") == (access.server_name, access.trusting, access.authority)
    assert "Bearer 012345" == access.authorization  # as it is spelled
    assert "" == Kubeconfig(k3s, "nobody").access().authorization


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"token": "old", "tokenFile": "token"}, "Bearer from-a-file"),
        ({"username": "me", "password": "s3cret"}, f"Basic {encoded('me:s3cret')}"),
        ({"token": None}, ""),
    ],
)
def test_a_user_proves_who_it_is(
    of: Callable[..., Kubeconfig], tmp_path: Path, user: object, header: str
) -> None:
    (tmp_path / "token").write_text("from-a-file\n")

    assert header == of(user=user).access().authorization


def test_files_are_beside_the_kubeconfig_and_read_again_when_they_change(
    of: Callable[..., Kubeconfig], tmp_path: Path
) -> None:
    for name in ("ca.crt", "me.crt", "me.key"):
        (tmp_path / name).write_text(name)
    cluster = {"server": "https://[::1]:6443", "certificate-authority": "ca.crt"}
    found = of(cluster, {"client-certificate": "me.crt", "client-key": str(tmp_path / "me.key")})
    access = found.access()

    assert ("ca.crt", b"me.crt", b"me.key") == (access.authority, access.certificate, access.key)
    assert found.access() is access
    (tmp_path / "me.crt").write_text("renewed")
    assert b"renewed" == found.access().certificate
    (tmp_path / "me.crt").unlink()
    with pytest.raises(HostError, match="there is no client-certificate .*me.crt"):
        found.access()
    (tmp_path / "me.crt").write_text("there again")
    assert b"there again" == found.access().certificate


def test_a_file_that_looks_unchanged_is_read_again_where_somebody_asks(
    of: Callable[..., Kubeconfig], tmp_path: Path
) -> None:
    found = of(user={"token": "one"})
    before, path = found.access(), tmp_path / "config"
    stamps = path.stat()
    with path.open("r+") as file:
        text = file.read().replace("one", "two")
        file.seek(0)
        file.write(text)
    os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))

    assert before is found.access()
    assert "Bearer two" == found.access(anew=True).authorization


HTTPS = {"server": "https://127.0.0.1:6443"}


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"cluster": {"server": "http://127.0.0.1:6443"}}, "expected a server as in https"),
        ({"cluster": {"server": "https://127.0.0.1:x"}}, "expected a server as in https"),
        ({"cluster": {"server": "https://s3cret:s3cret@127.0.0.1"}}, "expected a server as in https"),
        ({"cluster": {"certificate-authority": "ca.crt"}}, "expected a server as in https"),
        ({"cluster": HTTPS | {"proxy-url": "http://p"}}, "proxy-url is nothing that trued can do"),
        (
            {"cluster": HTTPS | {"certificate-authority": "none"}},
            "there is no certificate-authority .*/none",
        ),
        (
            {"cluster": HTTPS | {"certificate-authority-data": "s3cret!"}},
            "expected base64 as certificate-authority-data",
        ),
        ({"cluster": HTTPS | {"certificate-authority": "."}}, "expected a file, found something else"),
        ({"user": {"exec": {"command": "s3cret"}}}, "exec is nothing that trued can do"),
        ({"user": {"auth-provider": {"name": "oidc"}}}, "auth-provider is nothing that trued can do"),
        ({"user": {"token": "s3cret", "as": "somebody"}}, "as is nothing that trued can do"),
        ({"user": {"client-key-data": "LS0tS0VZ"}}, "expected client-certificate and client-key, found one"),
        ({"user": {"token": "s3cret\nX-Evil: s3cret"}}, "expected a token on one line"),
        ({"user": {"tokenFile": "none"}}, "there is no token .*/none"),
        ({"users": []}, "there is no user 'u', there is none at all"),
        ({"users": "s3cret"}, "there is no user 'u'"),
        ({"current-context": None}, "no current-context"),
        ({"current-context": "y"}, "there is no context 'y', there are 'x'"),
        ({"clusters": [{"name": "d"}]}, "there is no cluster 'c', there are 'd'"),
        ({"contexts": [{"name": "x", "context": {}}]}, "there is no cluster ''"),
    ],
)
def test_what_makes_no_sense_is_told_in_words(
    of: Callable[..., Kubeconfig], what: dict[str, Any], why: str
) -> None:
    """With the file, and without a secret."""
    found = of(**what)
    with pytest.raises(HostError, match=why) as error:
        found.access()

    assert str(found.path.parent) in error.value.reason
    assert not any(secret in error.value.reason for secret in SECRETS)
    assert "\n" not in error.value.reason


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "expected a kubeconfig"),
        (b"- s3cret", "expected a kubeconfig"),
        (b"a: [s3cret", "config:2:1: not YAML"),
        (b"token: \xff\xfe", "expected UTF-8"),
        (b"a: 1\na: s3cret\n", "given twice"),
        (b"x" * (5 << 20), "expected at most 4 MiB"),
    ],
)
def test_what_is_no_kubeconfig_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(HostError, match=why) as error:
        Kubeconfig(path).access()

    assert str(path) in str(error.value)
    assert "s3cret" not in error.value.reason


def test_no_kubeconfig_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NoClusterError, match="^there is no kubeconfig .*/k3s.yaml$") as error:
        Kubeconfig(tmp_path / "k3s.yaml").access()

    assert "start k3s, or say where it is in agent.yaml: kubernetes.kubeconfig" == error.value.hint


def test_nothing_secret_is_in_a_repr(k3s: Path) -> None:
    """Of what is in a traceback, or a log."""
    for context in ("default", "far"):
        kubeconfig = Kubeconfig(k3s, context)
        kubeconfig.access()
        assert not any(secret in repr(kubeconfig) for secret in (*SECRETS, "012345", "certificate'"))
