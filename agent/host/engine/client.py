"""
The API of the container engine, as JSON both ways: one connection over its socket.

Paths and bodies are those of the Docker Engine API (https://docs.docker.com/reference/api/engine/). What goes wrong is raised
as HostError with the engine's own words.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from agent.errors import HostError
from agent.host import shown

if TYPE_CHECKING:
    from agent.host.engine.sdk import APIClient

Headers: TypeAlias = Mapping[str, str] | None
Query: TypeAlias = Mapping[str, object]

NO_QUERY: Final[Query] = {}
SOCKETS: Final = (Path("/run/docker.sock"), Path("/var/run/docker.sock"), Path("/run/podman/podman.sock"))
NEWEST: Final = (1, 45)  # what is asked for here is written for; engines answer older versions for years
PATIENCE: Final = 30.0  # seconds that one answer may take
NOT_THERE: Final = 404
SAID: Final = 400  # characters of the engine's words


class EngineError(HostError):
    """The engine said no. `status` is that of HTTP; `unknown`: it has no such call."""

    def __init__(self, message: str, *, status: int, unknown: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.unknown = unknown


class LateError(HostError):
    """No answer came in time: from the engine, or from whom it asked for the sake of it."""


class Client:
    """One connection. Not for two threads at once: a second one makes its own."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.patience = PATIENCE  # seconds for an answer, where nothing else is said
        self.broken = False  # it did not answer, once
        self._api = _connect(socket)
        self.api = str(self._api.api_version)
        self._base = f"{self._api.base_url}/v{self.api}"

    def close(self) -> None:
        self._api.close()

    def get(
        self, path: str, query: Query = NO_QUERY, *, headers: Headers = None, wait: float | None = None
    ) -> Any:
        """Return what stands there; raises EngineError."""
        with self._noticing():
            return self._json(self._send("GET", path, query, headers=headers, wait=wait))

    def find(self, path: str) -> Any:
        """Return what stands there, or None if there is no such thing."""
        try:
            return self.get(path)
        except EngineError as error:
            if error.status == NOT_THERE:
                return None
            raise

    def post(
        self, path: str, body: object = None, *, query: Query = NO_QUERY, wait: float | None = None
    ) -> Any:
        """Ask for something to be done; return what the engine answers. Raises EngineError."""
        with self._noticing():
            return self._json(self._send("POST", path, query, body=body, wait=wait))

    def delete(self, path: str, *, wait: float | None = None) -> None:
        """Remove something; that it is not there is no error."""
        try:
            self._send("DELETE", path, NO_QUERY, wait=wait)
        except EngineError as error:
            if error.status != NOT_THERE:
                raise

    def text(self, path: str, query: Query) -> bytes:
        """Return bytes that are no JSON, as a log."""
        content: bytes = self._send("GET", path, query).content
        return content

    @contextmanager
    def lines(
        self, method: str, path: str, query: Query, *, silence: float, headers: Headers = None
    ) -> Iterator[Iterator[Any]]:
        """Lend the JSON objects of an answer that goes on; `silence`: seconds between two of them at most."""
        answer = self._send(method, path, query, wait=silence, stream=True, headers=headers)
        try:
            yield self._objects(answer)
        finally:
            answer.close()

    def _objects(self, answer: Any) -> Iterator[Any]:
        # A chunk may hold several objects, or a part of one: podman ends no line before the next one begins.
        decoder, text = json.JSONDecoder(), ""
        with self._noticing():
            for chunk in answer.iter_content(chunk_size=None):
                text += chunk.decode(errors="replace")
                while text := text.lstrip():
                    try:
                        found, end = decoder.raw_decode(text)
                    except ValueError:
                        break
                    yield found
                    text = text[end:]

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        *,
        body: object = None,
        wait: float | None = None,
        stream: bool = False,
        headers: Headers = None,
    ) -> Any:
        with self._noticing():
            answer = self._api.request(
                method,
                self._base + path,
                params={key: _plain(value) for key, value in query.items() if value is not None},
                json=body,
                timeout=(self.patience, self.patience if wait is None else wait),
                stream=stream,
                headers=headers,
            )
            if answer.status_code >= 400:
                unknown = answer.status_code == NOT_THERE and not _is_json(answer)
                raise EngineError(_words(answer), status=answer.status_code, unknown=unknown)
            return answer

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            with _translated(self.socket):
                yield
        except EngineError:
            raise
        except HostError:
            self.broken = True
            raise

    @staticmethod
    def _json(answer: Any) -> Any:
        # Podman answers some with a plain OK.
        return json.loads(answer.content) if _is_json(answer) and answer.content.strip() else None


def _is_json(answer: Any) -> bool:
    return str(answer.headers.get("Content-Type", "")).startswith("application/json")


def part(name: str) -> str:
    """Return a name as a part of a path; a reference to an image keeps its slashes."""
    return quote(name, safe="/:@")


def the_socket(wanted: Path | None) -> Path:
    """Return where the engine listens; raises HostError where nothing does."""
    for path in (wanted,) if wanted else SOCKETS:
        try:
            if stat.S_ISSOCK(path.stat().st_mode):
                return path
        except OSError:
            continue
    places = shown(str(wanted)) if wanted else " or ".join(map(str, (SOCKETS[0], SOCKETS[-1])))
    raise HostError(
        f"no container engine answers on this host: there is no socket {places}",
        hint="install docker.io or podman (and enable podman.socket), or say where it is in agent.yaml: engine.socket",
    )


def _connect(socket: Path) -> APIClient:
    """
    Return a connection with the newest version of the API that both sides know; raises HostError.

    The SDK would take the engine's newest, whatever that is.
    """
    with _translated(socket):
        from agent.host.engine.sdk import APIClient  # noqa: PLC0415 - only where there are containers

        url = f"unix://{socket}"
        asking = APIClient(base_url=url, version="1.41", timeout=PATIENCE)
        try:
            said = asking.version(api_version=False)
        finally:
            asking.close()
        version = version_for(said["ApiVersion"], said.get("MinAPIVersion", "1.24"))
        return APIClient(base_url=url, version=version, timeout=PATIENCE)


def version_for(newest: str, oldest: str) -> str:
    """Return the version to speak with an engine that offers these."""
    wanted = max(_number(oldest), min(_number(newest), NEWEST))
    return ".".join(map(str, wanted))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in version.split("."))


@contextmanager
def _translated(socket: Path) -> Iterator[None]:
    """Raise what the libraries raise as HostError: requests' errors are OSError, the SDK's own are not."""
    from agent.host.engine.sdk import DockerException  # noqa: PLC0415 - as above

    try:
        yield
    except HostError:
        raise
    except (DockerException, OSError, ValueError, KeyError) as error:
        late = "timed out" in str(error).lower()
        what = "does not answer in time" if late else "cannot be reached, or broke off"
        raise (LateError if late else HostError)(
            f"the container engine at {shown(str(socket))} {what}",
            hint="see systemctl status docker (or podman.socket)",
        ) from error


def _words(answer: Any) -> str:
    """Return what the engine says is wrong, on one line."""
    try:
        said = str(json.loads(answer.content)["message"])
    except (ValueError, KeyError, TypeError):
        said = answer.text or f"HTTP status {answer.status_code}"
    line = one_line(said)
    return line if len(line) <= SAID else f"{line[:SAID]}…"


def one_line(said: str) -> str:
    """Return words as one line; what is said twice in a row ("manifest unknown: manifest unknown"), once."""
    return ": ".join(part for part, _ in groupby(" ".join(said.split()).split(": ")))


def _plain(value: object) -> object:
    return (
        json.dumps(value)
        if isinstance(value, Mapping)
        else str(value).lower()
        if isinstance(value, bool)
        else value
    )


def attempt(call: Callable[[], object]) -> str:
    """Do something on the way out of trouble; return why it could not be done, or nothing."""
    try:
        call()
    except HostError as error:
        return error.reason
    return ""
