"""
A registry of one's own, Debian's docker-registry (https://distribution.github.io/distribution), inside a cell.

One store has two doors: `server.test` with a certificate of a private authority and a password, and 127.0.0.1, which engines
ask without either.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Self

from tests.engine.api import Client
from tests.engine.cell import ADDRESS, SERVER, Cell
from tests.host.machine.network import enter, listen
from tests.servers.faults import Fault, FaultProxy
from tests.servers.processes import find
from tests.servers.tls import make_tls

USER, PASSWORD = "puller", "pull-secret-1"
SECURE, PLAIN, FAULTY = 5443, 5000, 5444  # ports; nobody else is in the cell's network
CERTIFICATES = "/etc/docker/certs.d"  # of Podman, too: containers-certs.d(5)
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


class Registry:
    """Started once for a run; `wipe` empties it. `faults.fault` is what goes wrong on the way to `faulty`."""

    host = f"{SERVER}:{SECURE}"
    plain = f"127.0.0.1:{PLAIN}"
    faulty = f"{SERVER}:{FAULTY}"  # the same as `host`, through a network that fails as told
    credentials: Mapping[str, str] = {"username": USER, "password": PASSWORD}

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.folder = cell.work / "registry"
        self.password_file = self.folder / "password"
        self.log = self.folder / "log"
        self.faults = _InCell(cell)
        self._store = self.folder / "store"

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self._store.mkdir()
        self.password_file.write_text(f"{PASSWORD}\n")
        self.password_file.chmod(0o600)
        self._tls = make_tls(self.folder / "tls")
        for host in (self.host, self.faulty):
            trusted = self.cell.path(f"{CERTIFICATES}/{host}")
            trusted.mkdir(parents=True)
            shutil.copy(self._tls.ca, trusted / "ca.crt")
        self._start(PLAIN, {"addr": self.plain})
        tls = {"certificate": str(self._tls.certificate), "key": str(self._tls.key)}
        self._start(SECURE, {"addr": f"{ADDRESS}:{SECURE}", "tls": tls}, auth=self._htpasswd())
        self.faults.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.faults.__exit__(*exc)

    @property
    def access(self) -> Mapping[str, Mapping[str, str]]:
        """Return what agent.yaml says about it under `registries`."""
        way = {"username": USER, "password_file": str(self.password_file)}
        return {self.host: way, self.faulty: way}

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.fault = Fault()

    def wipe(self) -> None:
        """Forget all images. Nothing of them is in its memory."""
        shutil.rmtree(self._store / "docker", ignore_errors=True)

    def push(self, api: Client, image: str, name: str) -> str:
        """Push an image of the engine as `name` (web:1.2); return its digest. The engine forgets the name again."""
        repository, _, tag = name.rpartition(":")
        api.tag(image, f"{self.plain}/{repository}", tag)
        try:
            said = api.push(f"{self.plain}/{repository}", tag, stream=True, decode=True)
            errors = [line["error"] for line in said if "error" in line]
            assert not errors, errors
        finally:
            api.remove_image(f"{self.plain}/{name}")
        return self.digest(name)

    def digest(self, name: str) -> str:
        """Return the digest that a name stands for now; empty if there is no such image."""
        repository, _, tag = name.rpartition(":")
        answer = self._ask("HEAD", f"{repository}/manifests/{tag}")
        return str(answer.get("Docker-Content-Digest", ""))

    def delete(self, name: str) -> None:
        """Forget one image, with every tag that points to it."""
        repository = name.rpartition(":")[0]
        self._ask("DELETE", f"{repository}/manifests/{self.digest(name)}")

    def _ask(self, method: str, path: str) -> Mapping[str, str]:
        request = urllib.request.Request(
            f"http://{self.plain}/v2/{path}", method=method, headers={"Accept": ", ".join(MANIFESTS)}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def ask() -> Mapping[str, str]:
            try:
                with opener.open(request, timeout=10) as answer:
                    return dict(answer.headers)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 404:
                        raise
                return {}

        return self.cell.inside(ask)

    def _htpasswd(self) -> Mapping[str, Any]:
        # The least of rounds: it is computed for each request.
        argv = (find("htpasswd") or "htpasswd", "-C", "4", "-Bbn", USER, PASSWORD)
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        (self.folder / "htpasswd").write_text(said)
        return {"htpasswd": {"realm": "test", "path": str(self.folder / "htpasswd")}}

    def _start(self, port: int, http: Mapping[str, Any], auth: Mapping[str, Any] | None = None) -> None:
        config = {
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self._store)}, "delete": {"enabled": True}},
            "http": {**http, "secret": "one-for-both"},
            **({"auth": auth} if auth else {}),
        }
        path = self.folder / f"{port}.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        process = self.cell.start("docker-registry", "serve", path, log=self.log)
        address = str(http["addr"]).rpartition(":")[0]
        end = time.monotonic() + 10
        while not self.cell.inside(lambda: _listening(address, port)):
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"no registry:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)


class _InCell(FaultProxy):
    """The proxy whose both ends are in the cell's network."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(SECURE, ADDRESS, listener=listen(cell.namespace, ADDRESS, FAULTY))
        self._cell = cell

    def _run(self) -> None:
        enter(self._cell.namespace)
        super()._run()


def _listening(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
