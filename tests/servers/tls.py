"""A private certificate authority and what it signs, made with openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

# RFC 5280 fields that a strict verifier (Python 3.13, VERIFY_X509_STRICT) asks for.
_LEAF = """\
subjectAltName=DNS:localhost,DNS:server.test,IP:127.0.0.1
extendedKeyUsage=serverAuth
basicConstraints=CA:FALSE
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files of one authority and one server certificate for localhost, 127.0.0.1 and server.test."""

    ca: Path
    certificate: Path
    key: Path


def make_tls(folder: Path, *, days: int = 30) -> Tls:
    """Make an authority and a server certificate in a new folder."""
    folder.mkdir()
    (folder / "leaf.ext").write_text(_LEAF)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(
        folder,
        "req", "-x509", *curve, "-days", "30", "-subj", "/CN=private test authority",
        "-keyout", "ca.key", "-out", "ca.crt",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    _openssl(folder, "req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    _openssl(
        folder,
        "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", str(days), "-extfile", "leaf.ext", "-out", "server.crt",
    )  # fmt: skip
    return Tls(ca=folder / "ca.crt", certificate=folder / "server.crt", key=folder / "server.key")


def _openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)
