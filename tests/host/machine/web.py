"""A web server in the network of the machines, that remembers what it was asked for and fails as told."""

from __future__ import annotations

import enum
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.host.machine.network import Network


class Fault(enum.Enum):
    """What goes wrong."""

    NONE = "none"
    REFUSED = "refused"  # nobody listens
    SILENT = "silent"  # a connection is taken, and never answered
    BROKEN = "broken"  # 503


class Web:
    """Serves a folder at `url`, http://server.test:PORT."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder
        self.requests: list[str] = []  # the paths, in order
        self._fault = Fault.NONE
        self._port = 0
        self._released = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._listen()

    @property
    def url(self) -> str:
        return f"http://server.test:{self._port}"

    def fail(self, fault: Fault) -> None:
        """Fail like this from now on; Fault.NONE is all well again."""
        self._close()
        self._fault = fault
        if fault is not Fault.REFUSED:
            self._listen()

    def close(self) -> None:
        self._close()

    def _listen(self) -> None:
        listener = self.network.listen(self._port)
        self._port = listener.getsockname()[1]
        self._released = threading.Event()
        server = _Server(self, self._fault, self._released)
        server.socket.close()
        server.socket = listener
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), name="web", daemon=True).start()

    def _close(self) -> None:
        self._released.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, web: Web, fault: Fault, released: threading.Event) -> None:
        self.web, self.fault, self.released = web, fault, released
        super().__init__(("", 0), _Handler, bind_and_activate=False)

    def finish_request(self, request: object, client_address: object) -> None:
        _Handler(request, client_address, self, directory=str(self.web.folder))  # type: ignore[arg-type]


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def send_head(self) -> object:  # type: ignore[override]
        self.server.web.requests.append(self.path)
        if self.server.fault is Fault.SILENT:
            self.server.released.wait()
            self.close_connection = True
            return None
        if self.server.fault is Fault.BROKEN:
            self.send_error(503)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: `requests` holds it."""
