"""An API server that answers what a test tells it to, over real TLS on the loopback; and the kubeconfig that leads there."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agent.host.servers import ApiKind
from tests.servers.tls import Tls

READY = "/readyz?verbose"
MAPS = ApiKind(api_version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
CORE = {
    "resources": [
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list", "delete"]},
        {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["list", "delete"]},
    ]
}
FOUND = {"metadata": {"name": "x", "namespace": "shop", "uid": "1"}}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # by name in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Say:
    """One answer, and what goes wrong with it."""

    code: int = 200
    body: Any = None  # bytes are sent as they are, anything else as JSON
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False  # the connection ends in the middle of the body
    close: bool = False  # it ends after the body, and nothing has told so
    hang: bool = False  # nothing is answered
    drop: bool = False  # it ends instead of an answer

    @property
    def whole(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        lines = [f"HTTP/1.1 {self.code} Said", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        head = "\r\n".join((*lines, "", "")).encode()
        return head + (body[: len(body) // 2] if self.cut else body)


class Scripted:
    """`say` is called for each request but those for /readyz, which say `ready`."""

    def __init__(self, tls: Tls) -> None:
        self.say: Callable[[Asked], Say] = lambda asked: Say(404, b"404 page not found\n")
        self.ready = Say(200, b"ok")
        self.asked: list[Asked] = []  # without those for /readyz
        self.connections = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(tls.certificate, tls.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def answers(self, *every: Say) -> None:
        """Answer these, one after the other, and then the last for ever."""
        rest = list(every)
        self.say = lambda asked: rest.pop(0) if len(rest) > 1 else rest[0]

    def _start(self, work: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, plain)

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(20)
        with (
            plain,
            suppress(OSError, ssl.SSLError, EOFError),
            self._context.wrap_socket(plain, server_side=True) as tls,
        ):
            self.connections += 1
            with tls.makefile("rb") as file:
                while self._answer(tls, _request(file)):
                    pass

    def _answer(self, tls: ssl.SSLSocket, asked: Asked) -> bool:
        if asked.path == READY:
            said = self.ready
        else:
            self.asked.append(asked)
            said = self.say(asked)
        if said.hang:
            self._over.wait(20)
        if said.hang or said.drop:
            return False
        tls.sendall(said.whole)
        return not (said.cut or said.close)


def _request(file: Any) -> Asked:
    line = file.readline()
    if not line:
        raise EOFError
    method, path, _ = line.decode().split()
    headers = {}
    while line := file.readline().decode().strip():
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return Asked(method, path, headers, file.read(int(headers.get("content-length", 0))))


def kubeconfig(path: Path, port: int, authority: Path, **user: str) -> Path:
    """Write a kubeconfig that names the authority's file; `user`: with _ for -."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}
    content = {
        "clusters": [{"name": "one", "cluster": cluster}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "current-context": "one",
        "users": [{"name": "one", "user": {name.replace("_", "-"): value for name, value in user.items()}}],
    }
    path.write_text(json.dumps(content))
    return path
