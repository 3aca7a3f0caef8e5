"""Certificates of a kubeconfig that are none, and until when one is good."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.kubernetes.kubeconfig import Kubeconfig
from agent.host.kubernetes.trouble import UntrustedError
from agent.host.kubernetes.wire import Wire, expiry
from tests.servers.tls import Tls, make_tls

HTTPS = {"server": "https://127.0.0.1:6443"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("cluster", "user", "why"),
    [
        (
            {"certificate-authority-data": encoded("nonsense")},
            {},
            "certificate \\(PEM\\) as certificate-authority",
        ),
        (
            {},
            {"client-certificate": "server.crt", "client-key": "ca.key"},
            "client-certificate and its client-key",
        ),
        ({}, {"client-certificate": "server.crt", "client-key": "locked.key"}, "without a password"),
        (
            {},
            {"client-certificate-data": encoded("x"), "client-key": "server.key"},
            "expected a client-certificate",
        ),
    ],
)
def test_certificates_that_are_none_are_told(
    tmp_path: Path, tls: Tls, cluster: dict[str, str], user: dict[str, str], why: str
) -> None:
    """Nobody is asked for the password of a key."""
    path = tmp_path / "config"
    locked = tls.ca.with_name("locked.key")
    if not locked.exists():
        lock(tls.key, locked)
    every = {
        key: value if key.endswith("-data") else str(tls.ca.parent / value) for key, value in user.items()
    }
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    content = {
        "clusters": [{"name": "c", "cluster": HTTPS | cluster}],
        "users": [{"name": "u", "user": every}],
        "contexts": [context],
        "current-context": "x",
    }
    path.write_text(json.dumps(content))
    access = Kubeconfig(path).access()
    with pytest.raises(HostError, match=why) as error:
        Wire(access)

    assert not isinstance(error.value, UntrustedError)
    assert str(path) in str(error.value)


def lock(key: Path, locked: Path) -> None:
    words = ("openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:s3cret", "-out", str(locked))
    subprocess.run(words, check=True, capture_output=True)


def test_until_when_a_certificate_is_good_is_read_from_it(tls: Tls, tmp_path: Path) -> None:
    found = expiry(tls.certificate.read_bytes())
    past = expiry(make_tls(tmp_path / "tls", days=-1).certificate.read_bytes())
    far = expiry(
        make_tls(tmp_path / "far", days=36500).certificate.read_bytes()
    )  # after 2049: GeneralizedTime

    assert found
    assert past
    assert far
    now = datetime.now(UTC)
    assert timedelta(days=29) < found - now <= timedelta(days=30)
    assert timedelta(days=-2) < past - now < timedelta(0)
    assert timedelta(days=36000) < far - now
    assert expiry(b"") is expiry(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") is None
