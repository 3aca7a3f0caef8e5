"""Who is who at an API server: an authority of one's own, made with openssl, and the kubeconfigs of what it signs."""

from __future__ import annotations

import base64
import itertools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

# Ten years: it has happened that somebody else set a machine's clock ahead for a while.
DAYS = 3650
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
# RFC 5280 fields that a strict verifier (Python 3.13, VERIFY_X509_STRICT) asks for.
SERVER = """\
subjectAltName=IP:127.0.0.1,DNS:localhost
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
CLIENT = """\
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    certificate: Path
    key: Path


class Authority:
    """It signs for one API server and for those who speak with it. `folder` is made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder, self._numbers = folder, itertools.count()
        self.certificate = folder / "ca.crt"
        self._openssl(
            "req", "-x509", *CURVE, "-days", str(DAYS), "-subj", f"/CN={folder.name}",
            "-keyout", "ca.key", "-out", "ca.crt",
            "-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign",
        )  # fmt: skip

    def server(self) -> Pair:
        """Return a certificate of a server on the loopback."""
        return self._sign("/CN=kube-apiserver", SERVER, DAYS)

    def client(self, user: str, groups: Sequence[str] = (), *, days: int = DAYS) -> Pair:
        """Return a certificate of somebody: the user is its CN, the groups its Os. Days: -1 ended yesterday."""
        return self._sign("".join(f"/O={group}" for group in groups) + f"/CN={user}", CLIENT, days)

    def _sign(self, subject: str, extensions: str, days: int) -> Pair:
        name = f"pair-{next(self._numbers)}"
        (self._folder / f"{name}.ext").write_text(extensions)
        self._openssl("req", *CURVE, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.crt",
        )  # fmt: skip
        return Pair(certificate=self._folder / f"{name}.crt", key=self._folder / f"{name}.key")

    def _openssl(self, *words: str) -> None:
        subprocess.run(("openssl", *words), cwd=self._folder, check=True, capture_output=True)


def write_kubeconfig(path: Path, *, port: int, authority: Path, pair: Pair) -> Path:
    """Write what k3s writes: all in one file, that its owner alone may read; return its path."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": _data(authority)}
    user = {"client-certificate-data": _data(pair.certificate), "client-key-data": _data(pair.key)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default", "cluster": cluster}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        "current-context": "default",
        "preferences": {},
        "users": [{"name": "default", "user": user}],
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(content))
    return path


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
