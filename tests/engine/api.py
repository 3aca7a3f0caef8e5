"""What tests ask of an engine, of Docker as of Podman: the SDK's connection, an image from here, and a clean slate."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from docker import APIClient as Client  # type: ignore[import-untyped, unused-ignore]
from docker.errors import APIError, NotFound  # type: ignore[import-untyped, unused-ignore]

from tests.engine import images

__all__ = ("Client", "answers", "clear", "connect", "load", "wait_until")

NEWEST = (1, 45)  # that the SDK was written for
OLDEST = (1, 24)
PREDEFINED = {"bridge", "host", "none", "podman"}


class Unix(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def answers(path: Path, timeout: float = 1.0) -> bool:
    """Ask GET /_ping."""
    with contextlib.closing(Unix(path, timeout)) as connection:
        try:
            connection.request("GET", "/_ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, patience: float = 30
) -> None:
    """Raise AssertionError with the end of the log if the process ends before, or time does."""
    end = time.monotonic() + patience
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            said = log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"{process.args!r} does not serve:\n{said}")
        time.sleep(0.01)


def connect(path: Path, *, timeout: float = 60.0) -> Client:
    """Return a connection that speaks the newest version that both know; a server may know no old ones."""
    url = f"unix://{path}"
    with contextlib.closing(Client(base_url=url, version="1.41", timeout=timeout)) as client:
        said = client.version(api_version=False)
    least = said.get("MinAPIVersion") or said["ApiVersion"]  # Podman 4.3 says none that Docker would have
    version = max(number(least), min(number(said["ApiVersion"]), NEWEST))
    return Client(base_url=url, version=".".join(map(str, version)), timeout=timeout)


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def load(api: Client, *made: images.Image) -> None:
    """Bring images in, POST /images/load."""
    for line in api.load_image(io.BytesIO(images.archive(*made)), quiet=True):
        assert "error" not in line, line


def clear(api: Client) -> None:
    """Remove all containers, networks and volumes, and the images that are not named trued-test/…"""
    with ThreadPoolExecutor(4) as several:  # most of it is waiting
        tuple(several.map(partial(_end, api), [one["Id"] for one in api.containers(all=True)]))
    for one in api.networks():
        if one["Name"] not in PREDEFINED:
            _gone(partial(api.remove_network, one["Id"]))
    for one in api.volumes()["Volumes"] or ():
        _gone(partial(api.remove_volume, one["Name"], force=True))
    for one in api.images():
        _forget(api, one)


def _end(api: Client, container: str) -> None:
    _gone(partial(api.remove_container, container, v=True, force=True))


def _forget(api: Client, image: dict[str, Any]) -> None:
    tags = image.get("RepoTags") or []
    kept = [tag for tag in tags if "trued-test/" in tag]
    for tag in tags:
        if tag not in kept and tag != "<none>:<none>":
            _gone(partial(api.remove_image, tag, force=not kept))
    if not kept:
        _gone(partial(api.remove_image, image["Id"], force=True))


def _gone(remove: Callable[[], object]) -> None:
    """Remove what may have gone by itself."""
    try:
        remove()
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in str(error):
            raise
