"""
A kubeconfig: where an API server is, how it is known, and who this host is there. Reads that file and those that it names.

Source: kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig, and kubeconfig (v1) in its reference.
"""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Collection
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from agent.errors import DocumentError, HostError
from agent.host import shown
from agent.host.servers import NoClusterError
from agent.model import few, quoted
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.documents.nodes import Node

Stamp: TypeAlias = tuple[int, int, int] | None

MOST: Final = 4 << 20  # bytes
PORT: Final = 443
WHERE: Final = "start k3s, or say where it is in agent.yaml: kubernetes.kubeconfig"
# What would be another way in, or make this host somebody else: leaving it out would not be what the file says.
REFUSED: Final = ("exec", "auth-provider", "as", "as-uid", "as-groups", "as-user-extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How one API server is reached. Nothing of what proves who we are is in its repr."""

    file: Path  # the kubeconfig that said so
    host: str
    port: int
    prefix: str  # of all paths
    server_name: str  # what its certificate has to be for
    authority: str = field(repr=False)  # PEM; "": those of this machine
    trusting: bool  # its certificate is not looked at
    certificate: bytes = field(repr=False)  # PEM, with all between it and the authority
    key: bytes = field(repr=False)
    authorization: str = field(repr=False)  # the header; "" is none

    @property
    def server(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{name}:{self.port}{self.prefix}"


@dataclass(slots=True)
class Kubeconfig:
    """A kubeconfig, read when it is first asked for, and again when it, or a file that it names, has changed."""

    path: Path
    context: str = ""  # "": its current-context
    _access: Access | None = None
    _stamps: dict[Path, Stamp] = field(default_factory=dict)

    def access(self, *, anew: bool = False) -> Access:
        """Return what it says now; raises HostError. `anew`: it is read though it seems to be unchanged."""
        unchanged = all(_stamp(path) == stamp for path, stamp in self._stamps.items())
        if self._access is None or anew or not unchanged:
            reading = _Reading(self.path)
            self._access = None
            self._access = reading.access(self.context)
            self._stamps = reading.stamps
        return self._access


def is_there(path: Path) -> bool:
    """Return whether there is a kubeconfig; one that this user may not look for is not."""
    try:
        return path.exists()
    except OSError:
        return False


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class _Reading:
    """Reads one kubeconfig, once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamps: dict[Path, Stamp] = {}

    def access(self, context: str) -> Access:
        root = self._document()
        context = context or _text(root, "current-context")
        if not context:
            raise self._wrong("no current-context", "say which one in agent.yaml: kubernetes.context")
        chosen = self._named(root, "context", context)
        cluster = self._named(root, "cluster", _text(chosen, "cluster"))
        name = _text(chosen, "user")
        user = self._named(root, "user", name) if name else None
        self._refuse(cluster, ("proxy-url",), "the API server of this host is reached without a proxy")
        self._refuse(user, REFUSED, "give the user a client certificate or a token")
        host, port, prefix = self._server(_text(cluster, "server"))
        certificate, key = self._data(user, "client-certificate"), self._data(user, "client-key")
        if bool(certificate) != bool(key):
            raise self._wrong("expected client-certificate and client-key, found one of them")
        return Access(
            file=self.path,
            host=host,
            port=port,
            prefix=prefix,
            server_name=_text(cluster, "tls-server-name") or host,
            authority=self._ascii(self._data(cluster, "certificate-authority"), "certificate-authority"),
            trusting=_text(cluster, "insecure-skip-tls-verify").lower() == "true",
            certificate=certificate,
            key=key,
            authorization=self._authorization(user),
        )

    def _document(self) -> Node | None:
        from agent.documents.parse import parse  # noqa: PLC0415 - brings PyYAML

        data = self._content(self.path, "there is no kubeconfig {}")
        try:
            root = parse(data, shown(str(self.path)))
        except DocumentError as error:
            raise HostError(str(error).partition("\n")[0], hint="expected a kubeconfig") from error
        if not _entries(root):
            raise self._wrong("expected a kubeconfig, a mapping with clusters, contexts and users")
        return root

    def _named(self, root: Node | None, kind: str, name: str) -> Node | None:
        """Return an entry of `clusters`, `contexts` or `users`."""
        every = {_text(one, "name"): one for one in _items(_entries(root).get(f"{kind}s"))}
        if not name or name not in every:
            there = f"there are {few([quoted(each) for each in every])}" if every else "there is none at all"
            way_out = "say which one in agent.yaml: kubernetes.context" if kind == "context" else WHERE
            raise self._wrong(f"there is no {kind} {quoted(name)}, {there}", way_out)
        return _entries(every[name]).get(kind)

    def _refuse(self, node: Node | None, keys: Collection[str], way_out: str) -> None:
        for key in keys:
            if key in _entries(node):
                raise self._wrong(f"{key} is nothing that trued can do", way_out)

    def _server(self, url: str) -> tuple[str, int, str]:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or PORT
        except ValueError:
            host, port = None, PORT
        if (
            not host
            or parts.scheme != "https"
            or parts.username
            or not url.isascii()
            or not url.isprintable()
        ):
            got = "one with a password" if "@" in url else quoted(url)
            raise self._wrong(f"expected a server as in https://127.0.0.1:6443, got {got}")
        return host, port, parts.path.rstrip("/")

    def _authorization(self, user: Node | None) -> str:
        """Return the header (RFC 6750, RFC 7617). What stands in a file of its own wins, since it is kept fresh."""
        token = _text(user, "token")
        if file := _text(user, "tokenFile"):
            token = self._ascii(self._content(self._beside(file), "there is no token {}"), "tokenFile")
        token = token.strip()
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise self._wrong("expected a token on one line, found something else")
            return f"Bearer {token}"
        if name := _text(user, "username"):
            pair = f"{name}:{_text(user, 'password')}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return ""

    def _data(self, node: Node | None, key: str) -> bytes:
        """Return what `key-data` holds, in base64, or else the file that `key` names."""
        if data := _text(node, f"{key}-data"):
            try:
                return base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                raise self._wrong(f"expected base64 as {key}-data, found something else") from None
        if file := _text(node, key):
            return self._content(self._beside(file), f"there is no {key} {{}}")
        return b""

    def _beside(self, file: str) -> Path:
        return self.path.parent / file

    def _ascii(self, data: bytes, what: str) -> str:
        try:
            return data.decode("ascii")
        except UnicodeDecodeError:
            raise self._wrong(f"expected text as {what}, found other bytes") from None

    def _content(self, path: Path, missing: str) -> bytes:
        self.stamps[path] = _stamp(path)
        name = shown(str(path))
        where = WHERE if path == self.path else f"{shown(str(self.path))} names it"
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise HostError(f"{name}: expected a file, found something else", hint=where)
            with path.open("rb") as file:
                data = file.read(MOST + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            lacking = NoClusterError if path == self.path else HostError
            raise lacking(missing.format(name), hint=where) from error
        except OSError as error:
            raise HostError(f"{name}: cannot be read: {error.strerror}", hint=where) from error
        if len(data) > MOST:
            raise HostError(f"{name}: expected at most {MOST >> 20} MiB", hint=where)
        return data

    def _wrong(self, what: str, hint: str = "") -> HostError:
        return HostError(f"{shown(str(self.path))}: {what}", hint=hint)


def _entries(node: Node | None) -> dict[str, Node]:
    return dict(getattr(node, "entries", {}))


def _items(node: Node | None) -> tuple[Node, ...]:
    return tuple(getattr(node, "items", ()))


def _text(node: Node | None, key: str) -> str:
    """Return a scalar as it is spelled: a token of digits is a token. What is null, or no scalar, is nothing."""
    found = _entries(node).get(key)
    return "" if getattr(found, "value", None) is None else str(getattr(found, "text", ""))
