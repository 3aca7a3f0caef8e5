"""Checks of the road to a repository: its name, the connection, its clock, its host key. Opens connections, sends no secret."""

from __future__ import annotations

import os
import pwd
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit

from agent.doctor import Found, failed, in_time, ok
from agent.enroll.keys import known_as, pinned
from agent.errors import SourceError
from agent.git.address import Access, Transport
from agent.git.failures import explain
from agent.values import dataclass

CONNECT = 10.0  # seconds
ASKING = 10.0  # seconds until the web server has said what time it is
PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "http": 80, "ssh": 22})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The first hop to a repository: the server's own, or the proxy's."""

    access: Access
    host: str
    port: int
    secure: bool  # TLS from the first byte, with the server itself

    @classmethod
    def to(cls, access: Access) -> Self | None:
        """Return the way to a repository; None for one on this machine."""
        place = access.place
        if place.transport is Transport.LOCAL:
            return None
        scheme = "ssh" if place.transport is Transport.SSH else access.url.partition(":")[0].lower()
        if access.proxy is not None:
            proxy = urlsplit(access.proxy)
            return cls(access=access, host=proxy.hostname or "", port=proxy.port or 8080, secure=False)
        return cls(
            access=access, host=place.host, port=place.port or PORTS[scheme], secure=scheme == "https"
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'the proxy ' if self.access.proxy else ''}{host}:{self.port}"


def name(way: Way) -> Found:
    """Return the addresses of the server; raises SourceError."""
    try:
        return ok(f"{ip_address(way.host)} is an address, no name")
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(way.host, way.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = f"{way.host!r} cannot be resolved: {getattr(error, 'strerror', None) or 'it is no name'}"
        return failed(
            text, f"resolvectl query {way.host}, or: getent hosts {way.host}; see /etc/resolv.conf"
        )
    return ok(f"{way.host}: {', '.join(dict.fromkeys(str(each[4][0]) for each in found))}")


def connection(way: Way) -> Found:
    """Connect, and over https also prove who answers; raises SourceError."""
    try:
        with socket.create_connection((way.host, way.port), CONNECT) as plain:
            if not way.secure:
                return ok(f"{way} takes connections")
            with _context(way.access).wrap_socket(plain, server_hostname=way.host) as secure:
                return ok(f"{way} answers with {secure.version()}, its certificate is good{_until(secure)}")
    except OSError as error:
        raise explain(way.access, error) from error


def _context(access: Access) -> ssl.SSLContext:
    if access.ca_file is not None and not access.ca_file.is_file():
        raise SourceError(f"{access.ca_file}: there is no such file of authorities", hint="correct ca_file")
    return ssl.create_default_context(cafile=None if access.ca_file is None else str(access.ca_file))


def _until(secure: ssl.SSLSocket) -> str:
    certificate = secure.getpeercert() or {}
    return f" until {certificate['notAfter']}" if "notAfter" in certificate else ""


def skew(way: Way) -> float | None:
    """
    Return how many seconds this host's clock is ahead of the web server's; None if there is none that says.

    The certificate is not asked for: with a wrong clock a good one is refused, and that is what this is to find out.
    Nothing secret is sent, and nothing but a number is made of the answer.
    """
    if way.access.place.transport is not Transport.HTTP or way.access.proxy is not None:
        return None
    # A resolver that hangs is no fault of the clock, and has a check of its own.
    return in_time(ASKING, lambda: _skew(way), None)


def _skew(way: Way) -> float | None:
    asked: HTTPConnection
    if way.secure:
        context = ssl._create_unverified_context()  # noqa: SLF001, S323 - see above
        asked = HTTPSConnection(way.host, way.port, timeout=ASKING, context=context)
    else:
        asked = HTTPConnection(way.host, way.port, timeout=ASKING)
    try:
        with closing(asked):
            asked.request("HEAD", "/", headers={"User-Agent": "git/trued"})
            said = parsedate_to_datetime(asked.getresponse().headers["Date"] or "")
    except (OSError, HTTPException, ValueError, TypeError):
        return None
    return (datetime.now(UTC) - said).total_seconds() if said.tzinfo else None


def host_key(way: Way) -> Found:
    """Return whether the server's host key is pinned. What it shows is judged by ssh, when the repository is asked."""
    place, named = way.access.place, way.access.known_hosts
    looked = (named,) if named else _usual()
    files = [path for path in looked if path.is_file()]
    host = known_as(place)
    kinds = sorted({kind for path in files for kind in pinned(host, path)})
    where = " and ".join(map(str, looked))
    if kinds:
        return ok(f"{where}: {host} is known by {', '.join(kinds)}")
    port = f"-p {place.port} " if place.port else ""
    mend = (
        f"trued enroll pins it when it writes agent.yaml. By hand: ssh-keyscan {port}{place.host} > keys;"
        f" ssh-keygen -lf keys; compare with what the server's operator says; cat keys >> {looked[0]}"
    )
    return failed(f"{where}: {host} is not in it", mend)


def _usual() -> tuple[Path, ...]:
    """Return where ssh looks when agent.yaml names no known_hosts (ssh_config(5))."""
    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    return Path("/etc/ssh/ssh_known_hosts"), home / ".ssh/known_hosts"
