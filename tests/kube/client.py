"""What tests themselves ask an API server, and tell it: JSON both ways, one connection for each request."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

AGENT = "tests.kube"  # who it says it is


class RefusedError(Exception):
    """The API server has answered with 400 or more: `code`, and its `Status` or text."""

    def __init__(self, code: int, said: Any) -> None:
        self.code, self.said = code, said
        self.reason = str(said.get("reason", "")) if isinstance(said, dict) else ""
        self.message = str(said.get("message", "")) if isinstance(said, dict) else str(said)
        super().__init__(f"{code} {self.reason}: {self.message}")


class Client:
    """One who speaks with the server at a port of the loopback."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port, self._context = port, context

    def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "", timeout: float = 30.0
    ) -> Any:
        """Return what it answers: JSON, else text. Raises RefusedError, and OSError where nobody answers."""
        headers = {"User-Agent": AGENT, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type or "application/json"
        data = body.encode() if isinstance(body, str) else json.dumps(body) if body is not None else None
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, context=self._context, timeout=timeout
        )
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            said = _read(answer)
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise RefusedError(answer.status, said)
        return said

    def get(self, path: str) -> Any:
        """Return an object or a list of them; None where there is no such thing."""
        try:
            return self.request("GET", path)
        except RefusedError as error:
            if error.code == 404:
                return None
            raise


def _read(answer: http.client.HTTPResponse) -> Any:
    text = answer.read().decode()
    return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
