"""
A Kubernetes without nodes: etcd, kube-apiserver and kube-controller-manager in one scratch folder.

One TCP port on the loopback is all that is seen of it. No root is needed. Controllers do what they do in any cluster, but
no pod ever runs by itself: kubelet.py says that it does.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.kube import audit
from tests.kube.certificates import Authority, Pair, write_kubeconfig
from tests.kube.client import Client, RefusedError
from tests.kube.daemon import Daemon

# etcd insists on host:port: these are names of sockets in the folder that all three run in.
STORE, PEER = "unix://etcd:1", "unix://peer:1"
CONTROLLERS: Final = (
    "namespace", "garbagecollector", "serviceaccount", "serviceaccount-token", "clusterrole-aggregation", "deployment",
    "replicaset", "statefulset", "daemonset", "job",
)  # fmt: skip
MASTERS: Final = (
    "system:masters"  # who may do everything, kubernetes.io/docs/reference/access-authn-authz/rbac
)


class Kube:
    """`api`, `etcd` and `controllers` can be started, stopped, killed and frozen; data and port stay the same."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        self._reservation = _reserve()
        self.port = int(self._reservation.getsockname()[1])
        self.authority = Authority(folder / "authority")
        self._admin = self.authority.client("system:admin", (MASTERS,))
        self.kubeconfig = self._kubeconfig("admin", self._admin)
        self._audit = folder / "audit.log"
        self._cleanups: list[str] = []
        self.etcd, self.api, self.controllers = self._etcd(), self._api(), self._controllers()

    # Whether it runs

    def start(self) -> None:
        """Start what does not run; return when it answers."""
        if not self.etcd.running:
            for name in (STORE, PEER):  # a killed one has left its own, and is not answered at them again
                (self.folder / name.removeprefix("unix://")).unlink(missing_ok=True)
            self.etcd.start()
        self.etcd.wait_until((self.folder / STORE.removeprefix("unix://")).exists)
        self.api.start()
        self.api.wait_until(self.ready)
        self.controllers.start()

    def restart(self) -> None:
        """Kill the API server and start it again: at the same port, with the same data."""
        self.api.kill()
        self.start()

    def heal(self) -> None:
        """Have it run, whatever has been done to it."""
        for daemon in self._daemons:
            daemon.thaw()
        if self.api.running and not any(self.ready() for _ in range(3)):
            self.api.kill()
        self.start()

    def close(self) -> None:
        """End it for ever. What it said stays in the folder."""
        for daemon in self._daemons:
            daemon.kill()
        self._reservation.close()

    def ready(self) -> bool:
        """Say whether the API server takes requests."""
        try:
            return bool(self.request("GET", "/readyz", timeout=5.0) == "ok")
        except (OSError, RefusedError):
            return False

    @property
    def _daemons(self) -> Sequence[Daemon]:
        return (self.controllers, self.api, self.etcd)

    # What is in it

    def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "", timeout: float = 30.0
    ) -> Any:
        """Ask it something as an administrator; raises RefusedError, and OSError where it does not answer."""
        return self._client.request(method, path, body, content_type=content_type, timeout=timeout)

    def get(self, path: str) -> Any:
        """Return an object or a list; None where there is no such thing."""
        return self._client.get(path)

    def kubectl(self, *words: str, stdin: str = "", kubeconfig: Path | None = None) -> str:
        """Return what the real kubectl prints; raise AssertionError with all it said when it fails."""
        done = subprocess.run(
            (str(self._programs / "kubectl"), *words),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self.folder),  # for what it caches
                "KUBECONFIG": str(kubeconfig or self.kubeconfig),
            },
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: exit {done.returncode}\n{done.stderr}"
        return done.stdout

    def cleanup(self, path: str) -> None:
        """Have this deleted after the test, if it is there then: what is in no namespace of the test's own."""
        self._cleanups.append(path)

    def clean(self) -> None:
        """Ask for what was marked so to be deleted; do not wait until it is gone."""
        while self._cleanups:
            try:
                self.request("DELETE", self._cleanups.pop())
            except RefusedError as error:
                if error.code != 404:
                    raise

    # What it was asked for

    def mark(self) -> int:
        """Return a point in time, for `writes`."""
        return audit.position(self._audit)

    def writes(self, since: int = 0, *, by: str = "") -> Sequence[audit.Write]:
        """Return the requests since then that were no mere reading, of those whose User-Agent begins so."""
        return tuple(write for write in audit.writes(self._audit, since) if write.agent.startswith(by))

    # Who comes to it

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return the kubeconfig of somebody who may nothing, unless a role says so."""
        return self._kubeconfig(user, self.authority.client(user, groups))

    def expired(self) -> Path:
        """Return the kubeconfig of an administrator whose certificate has ended: 401."""
        return self._kubeconfig("expired", self.authority.client("system:admin", (MASTERS,), days=-1))

    def stranger(self) -> Path:
        """Return the kubeconfig of an administrator of another cluster: 401."""
        return self._kubeconfig("stranger", self._others.client("system:admin", (MASTERS,)))

    def distrustful(self) -> Path:
        """Return the kubeconfig of somebody who expects another cluster at this port: TLS fails."""
        return self._kubeconfig("distrustful", self._admin, authority=self._others)

    def _kubeconfig(self, name: str, pair: Pair, *, authority: Authority | None = None) -> Path:
        return write_kubeconfig(
            self.folder / f"{name.replace('/', '-')}.kubeconfig",
            port=self.port,
            authority=(authority or self.authority).certificate,
            pair=pair,
        )

    @cached_property
    def _others(self) -> Authority:
        return Authority(self.folder / "others")

    @cached_property
    def _client(self) -> Client:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.load_cert_chain(self._admin.certificate, self._admin.key)
        return Client(self.port, context)

    # How it is started

    def _etcd(self) -> Daemon:
        return self._daemon(
            "etcd",
            "--data-dir=etcd.data",
            f"--listen-client-urls={STORE}",
            f"--advertise-client-urls={STORE}",
            f"--listen-peer-urls={PEER}",
            f"--initial-advertise-peer-urls={PEER}",
            f"--initial-cluster=default={PEER}",
        )

    def _api(self) -> Daemon:
        pair = self.authority.server()
        policy = self.folder / "audit.yaml"
        policy.write_text(audit.POLICY)
        return self._daemon(
            "kube-apiserver",
            f"--etcd-servers={STORE}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--permit-port-sharing=true",
            "--advertise-address=127.0.0.1",  # else it looks for a default route
            "--endpoint-reconciler-type=none",  # which would refuse to tell others this address
            f"--tls-cert-file={pair.certificate}",
            f"--tls-private-key-file={pair.key}",
            f"--client-ca-file={self.authority.certificate}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._signing}",
            f"--service-account-signing-key-file={self._signing}",
            "--service-cluster-ip-range=10.43.0.0/24",
            "--authorization-mode=RBAC",
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self._audit}",
            "--audit-log-mode=blocking",
        )

    def _controllers(self) -> Daemon:
        pair = self.authority.client(audit.CONTROLLERS, (MASTERS,))
        return self._daemon(
            "kube-controller-manager",
            f"--kubeconfig={self._kubeconfig('controllers', pair)}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
            f"--service-account-private-key-file={self._signing}",
            f"--root-ca-file={self.authority.certificate}",
        )

    @cached_property
    def _signing(self) -> Path:
        """The key that tokens of ServiceAccounts are signed with."""
        key = self.folder / "accounts.key"
        subprocess.run(("openssl", "genrsa", "-out", str(key), "2048"), check=True, capture_output=True)
        return key

    def _daemon(self, name: str, *options: str) -> Daemon:
        return Daemon(self._programs / name, *options, folder=self.folder)


def _reserve() -> socket.socket:
    """Return a socket that keeps a port for us, socket(7): nobody gets it meanwhile but who shares it on purpose."""
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reservation.bind(("127.0.0.1", 0))
    return reservation
