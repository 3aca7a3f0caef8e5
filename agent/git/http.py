"""
A repository over HTTPS: kept connections, a poll in one request, single objects, a push in one request.

Stands on urllib3 alone. An answer is read to its end, so that the connection serves the next request too.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from agent.errors import SourceError
from agent.git import wire
from agent.git.address import Access
from agent.git.entries import PackError
from agent.git.failures import PROXY_WANTS, PROXY_WAY_OUT, foreign, reported
from agent.git.limits import Deadline, Limits
from agent.git.overtime import Overtime
from agent.git.pack import receive
from agent.git.snapshot import Shelf

if TYPE_CHECKING:
    from agent.git.objects import Item

T = TypeVar("T")
REST = 64 << 10  # what may follow an answer before its connection is not worth keeping
AGENT = "git/trued"  # some forges answer only what begins with git/


class HttpRemote:
    """See `agent.git.remote.Remote`."""

    def __init__(self, access: Access, limits: Limits, beat: Callable[[], object]) -> None:
        self._access, self._limits, self._beat = access, limits, beat
        self._url = access.url.rstrip("/")
        self._said: wire.Advertisement | None = None
        self._pool: urllib3.PoolManager | None = None
        self._kept = False  # whether the pool has a connection that has served before
        self._live: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._overtime = Overtime(limits.total, partial(_cut, self._live))

    @property
    def can_filter(self) -> bool:
        with reported(self._access):
            return self._known().can_filter

    def poll(self, ref: str) -> str | None:
        with reported(self._access):
            return self._list(ref).get(ref)

    def refs(self, prefix: str) -> Mapping[str, str]:
        with reported(self._access):
            return self._list(prefix)

    def objects(
        self, wants: Collection[str], into: Shelf, *, haves: Collection[str] = (), depth: int = 0
    ) -> frozenset[str]:
        def bring(asked: Collection[str], file: BinaryIO) -> None:
            bare = self._known().can_filter
            shallow = () if bare else haves
            self._fetch(wire.Wish(wants=asked, haves=haves, shallow=shallow, depth=depth, bare=bare), file)

        with reported(self._access):
            try:
                return receive(into, self._limits, wants, bring)
            except PackError:
                raise
            except Exception:
                self._said = (
                    None  # it may not be able any more to do what was asked: another one, or set up anew
                )
                raise

    def push(self, ref: str, old: str | None, new: str, objects: Sequence[Item]) -> None:
        with reported(self._access):
            body = b"".join(wire.push(ref, old, new, objects))
            self._post("git-receive-pack", 0, body, lambda lines, _: wire.read_report(lines, ref))

    def rest(self) -> None:
        """A kept connection is the point: the next poll is one round trip."""

    def close(self) -> None:
        self._kept = False
        self._overtime.close()
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def _list(self, prefix: str) -> Mapping[str, str]:
        """Version 2 is taken for granted, which saves a request; what speaks against it is looked into once."""
        if self._said is None or self._said.version == 2:
            try:
                return self._list_version2(prefix)
            except wire.ProtocolError:
                self._said = None
        self._said = self._discover()
        if self._said.version == 2:
            return self._list_version2(prefix)
        return {name: sha for name, sha in self._said.refs.items() if name.startswith(prefix)}

    def _list_version2(self, prefix: str) -> Mapping[str, str]:
        return self._post(
            "git-upload-pack",
            2,
            wire.list_refs(prefix),
            lambda lines, _: wire.read_refs(lines, prefix, self._limits.refs),
        )

    def _known(self) -> wire.Advertisement:
        self._said = self._said or self._discover()
        return self._said

    def _discover(self) -> wire.Advertisement:
        """Ask a server what it can."""
        return self._exchange(
            "GET",
            "info/refs?service=git-upload-pack",
            {"Git-Protocol": "version=2"},
            None,
            lambda lines, _: wire.read_advertisement(lines, self._limits.refs),
        )

    def _fetch(self, wish: wire.Wish, file: BinaryIO) -> None:
        said, limits = self._known(), self._limits
        if said.version == 2:
            self._post(
                "git-upload-pack",
                2,
                wire.fetch(wish),
                lambda lines, deadline: wire.read_fetch(lines, file, limits, deadline),
            )
            return
        deepened = wish.depth > 0
        self._post(
            "git-upload-pack",
            0,
            wire.fetch_version0(wish, said.capabilities),
            lambda lines, deadline: wire.read_fetch_version0(
                lines, file, limits, deadline, deepened=deepened
            ),
        )

    def _post(self, service: str, version: int, body: bytes, read: Callable[[wire.Lines, Deadline], T]) -> T:
        headers = {
            "Content-Type": f"application/x-{service}-request",
            "Accept": f"application/x-{service}-result",
            **({"Git-Protocol": "version=2"} if version == 2 else {}),
        }
        return self._exchange("POST", service, headers, body, read)

    def _exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        read: Callable[[wire.Lines, Deadline], T],
    ) -> T:
        deadline = Deadline(self._limits.total)
        with self._within(deadline):
            return self._answered(
                method,
                target,
                headers,
                body,
                lambda answer: read(wire.Lines(_pieces(answer, deadline)), deadline),
            )

    def _answered(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        read: Callable[[urllib3.BaseHTTPResponse], T],
    ) -> T:
        answer = self._asked(method, target, headers, body)
        self._kept = False
        try:
            _check(answer, self._access)
            found = read(answer)
            self._kept = _at_end(answer)
            return found
        finally:
            self._beat()
            if self._kept:
                answer.release_conn()
            else:  # one that was read to its end is in the pool again, whatever it said
                answer.close()
                self.close()

    def _asked(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        """
        Ask, and once more where a kept connection was let go by the server meanwhile, as it may (RFC 9112, 9.3.1).

        A push is not repeated: whether it arrived is for the publisher to find out.
        """
        try:
            return self._ask(method, target, headers, body)
        except urllib3.exceptions.ProtocolError:
            if not self._kept or target == "git-receive-pack":
                raise
            self.close()
            return self._ask(method, target, headers, body)

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        return self._connections().request(
            method,
            f"{self._url}/{target}",
            headers={**headers, **self._authorization()},
            body=body,
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
        )

    @contextmanager
    def _within(self, deadline: Deadline) -> Iterator[None]:
        """
        End the connection when the total time is over.

        A stall is timed for each read, so headers that come a byte at a time would never end.
        """
        with self._overtime.watched():
            try:
                yield
            except foreign():
                deadline.left()
                raise

    def _authorization(self) -> Mapping[str, str]:
        """Read the token anew for each request: it may be renewed under a running daemon."""
        if (credentials := self._access.credentials()) is None:
            return {}
        return urllib3.make_headers(basic_auth=":".join(credentials))

    def _connections(self) -> urllib3.PoolManager:
        if self._pool is None:
            self._pool = _pool(self._access, self._limits)
            self._pool.pool_classes_by_scheme = _watched(self._live)
        return self._pool


def _pool(access: Access, limits: Limits) -> urllib3.PoolManager:
    if access.ca_file is not None and not access.ca_file.is_file():
        raise SourceError(f"{access.ca_file}: there is no such file of authorities", hint="correct ca_file")
    ca = str(access.ca_file) if access.ca_file else None
    timeout = urllib3.Timeout(connect=limits.connect, read=limits.stall)
    headers = {"User-Agent": AGENT}
    if access.proxy is None:
        return urllib3.PoolManager(headers=headers, ca_certs=ca, timeout=timeout, maxsize=1)
    proxy = urlsplit(access.proxy)
    who = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}" if proxy.username else None
    return urllib3.ProxyManager(
        f"{proxy.scheme}://{proxy.netloc.rpartition('@')[2]}",
        headers=headers,
        proxy_headers=urllib3.make_headers(proxy_basic_auth=who),
        ca_certs=ca,
        timeout=timeout,
        maxsize=1,
    )


def _watched(live: weakref.WeakSet[HTTPConnection]) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections are known from outside, so that they can be cut."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            live.add(self)
            super().connect()

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            live.add(self)
            super().connect()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _cut(live: weakref.WeakSet[HTTPConnection]) -> None:
    """End the connections from under whoever reads them; past TLS, whose state belongs to the other thread."""
    for connection in list(live):
        if (sock := connection.sock) is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _check(answer: urllib3.BaseHTTPResponse, access: Access) -> None:
    """Raise what a status other than 200 means."""
    match answer.status:
        case 200:
            return
        case 401:
            raise SourceError("the server wants credentials (401)", hint=_about_token(access))
        case 403:
            raise SourceError("these credentials may not do this (403)", hint=_about_token(access))
        case 404 | 410:
            raise wire.ProtocolError(
                f"there is no such repository ({answer.status})",
                hint="check url; some forges say so as well when the credentials do not suffice",
            )
        case 407:
            raise SourceError(PROXY_WANTS, hint=PROXY_WAY_OUT)
        case 301 | 302 | 303 | 307 | 308:
            where = wire.plain(
                answer.headers.get("Location", "elsewhere").partition("/info/refs")[0].encode()
            )
            raise wire.ProtocolError(
                f"the server sends us on ({answer.status}) to {where}", hint="write that address as url"
            )
    raise wire.ProtocolError(f"the server answers with HTTP status {answer.status}")


def _about_token(access: Access) -> str:
    if access.token_file is None:
        return "name a token_file"
    return f"is the token in {access.token_file} still valid, and may it read and write this repository?"


def _pieces(answer: urllib3.BaseHTTPResponse, deadline: Deadline) -> Callable[[], bytes]:
    """Return what reads on: never longer than a stall may last, never past the total time."""

    def more() -> bytes:
        deadline.left()
        return answer.read1(REST)

    return more


def _at_end(answer: urllib3.BaseHTTPResponse) -> bool:
    """Read what follows the last packet line: the end mark, or too much."""
    return len(answer.read(REST)) < REST
