"""
One kept connection to an API server: bytes there and back, over TLS. The one importer of http.client and ssl in this room, and
imported when one is first needed: they cost as much memory as all the rest of trued's door.

http.client knows nothing of proxies, which is wanted. Certificates and keys are never written to a disk.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from agent.errors import HostError
from agent.host import shown
from agent.host.kubernetes.kubeconfig import Access
from agent.host.kubernetes.trouble import SilentError, StaleError, TooLargeError, UntrustedError
from agent.values import dataclass

CONNECTING: Final = 5.0  # seconds, with all of TLS
WHOLE: Final = 90.0  # seconds in which an answer that has begun has to be there
MOST: Final = 16 << 20  # bytes of an answer: as objects it takes several times as many
PIECE: Final = 1 << 16
CLOSED: Final = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
# Validity of RFC 5280, 4.1: two of UTCTime or GeneralizedTime. The first of a certificate is its own.
VALIDITY: Final = re.compile(
    rb"\x30[\x1e-\x22](?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    code: int
    body: bytes
    retry_after: str
    warnings: tuple[str, ...]


class Wire(http.client.HTTPSConnection):
    """A connection, opened when something is sent. Not for two threads at once."""

    _access: Access
    _tls: ssl.SSLContext

    def __init__(self, access: Access, other: Wire | None = None) -> None:
        """`other`: one whose settings of TLS are shared, if it is for the same server."""
        shared = other is not None and other._access == access  # noqa: SLF001 - of its own kind
        self._tls = other._tls if other is not None and shared else _context(access)  # noqa: SLF001
        self._access = access
        self.opened = 0  # times that it was
        super().__init__(access.host, access.port, timeout=CONNECTING, context=self._tls)

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), CONNECTING)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._access.server_name)
        except BaseException:
            plain.close()
            raise
        self.opened += 1

    def send_and_read(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], wait: float
    ) -> Answer:
        """Return the answer, or raise SilentError, or TooLargeError. StaleError: a kept connection was closed before anything was answered."""
        kept = self.sock is not None
        answered = False
        try:
            if not kept:
                self.connect()
            self.sock.settimeout(wait)
            self.request(method, self._access.prefix + path, body, dict(headers))
            response = self.getresponse()
            answered = True
            return Answer(
                response.status,
                self._body(response),
                response.getheader("Retry-After") or "",
                tuple(response.headers.get_all("Warning") or ()),
            )
        except (http.client.HTTPException, OSError) as error:
            self.close()
            if kept and not answered and isinstance(error, CLOSED):
                raise StaleError from error
            raise self._trouble(error) from error
        except BaseException:
            self.close()  # what is half read would be taken for the next answer
            raise

    def send_only(self, path: str, headers: Mapping[str, str]) -> None:
        """
        Ask for something by a new connection, and leave the answer to who reads `sock`, which blocks no more.

        By HTTP/1.0, in which an answer has no end and no chunks (RFC 9112, 6.1). Raises HostError.
        """
        authorization = self._access.authorization
        proof = {"Authorization": authorization} if authorization else {}
        lines = (f"{name}: {value}" for name, value in {"Host": self.host, **headers, **proof}.items())
        head = "\r\n".join((f"GET {self._access.prefix}{path} HTTP/1.0", *lines, "", ""))
        try:
            self.connect()
            self.sock.sendall(head.encode("latin-1"))
            self.sock.setblocking(False)
        except OSError as error:
            self.close()
            raise self._trouble(error) from error

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        pieces, size, end = [], 0, time.monotonic() + WHOLE
        while piece := response.read1(
            PIECE
        ):  # what has come: drop by drop it would take for ever to fill a piece
            pieces.append(piece)
            size += len(piece)
            if size > MOST:
                self.close()
                raise TooLargeError(f"{self._place()} answers with more than {MOST >> 20} MiB")
            if time.monotonic() > end:
                raise TimeoutError
        if response.length:  # reading in pieces says nothing of what is missing
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # Pythons before 3.11.8 leave it open, and take no other request then
        return b"".join(pieces)

    def _place(self) -> str:
        return f"the API server at {self._access.server}"

    def _trouble(self, error: Exception) -> HostError:
        place, file = self._place(), shown(str(self._access.file))
        running = f"see systemctl status k3s, and whether {file} names the right server"
        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message.rstrip(".")
            return UntrustedError(f"{place}: its certificate is not trusted: {why}", hint=_trust(why, file))
        if isinstance(error, TimeoutError):
            return SilentError(f"{place} does not answer in time", hint=running)
        if isinstance(error, ssl.SSLError) and not isinstance(error, CLOSED):
            why = (error.reason or "TLS error").replace("_", " ").lower()
            return UntrustedError(f"{place}: no secure connection: {why}", hint=running)
        if isinstance(error, socket.gaierror | ConnectionRefusedError) or not isinstance(
            error, (http.client.HTTPException, *CLOSED)
        ):
            why = getattr(error, "strerror", "") or type(error).__name__
            return SilentError(f"{place} cannot be reached: {why}", hint=running)
        return SilentError(f"{place} broke off, or does not speak HTTP", hint=running)


def _trust(why: str, file: str) -> str:
    if "expired" in why or "not yet valid" in why:
        return "see that this host's clock is right; k3s renews its certificates when it starts: systemctl restart k3s"
    if "mismatch" in why:
        return f"expected a name or an address that the certificate is for, as server in {file}"
    return f"expected the cluster's own certificate-authority-data in {file}; is it from before the cluster was made anew?"


def _context(access: Access) -> ssl.SSLContext:
    """Return what both sides have to prove; raises HostError where the kubeconfig's certificates are none."""
    file = shown(str(access.file))
    try:
        context = ssl.create_default_context(cadata=access.authority or None)
    except (ssl.SSLError, ValueError) as error:
        raise HostError(f"{file}: expected a certificate (PEM) as certificate-authority") from error
    if access.authority:
        # The cluster's own authority is trusted as it is: older ones lack what RFC 5280 asks for, and Python 3.13 for too.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.trusting:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.certificate:
        try:
            _present(context, access)
        except (ssl.SSLError, ValueError) as error:
            raise HostError(
                f"{file}: expected a client-certificate and its client-key (PEM, without a password)"
            ) from error
    return context


def _present(context: ssl.SSLContext, access: Access) -> None:
    """Load a certificate and its key; ssl takes them from a file, which here is one in memory."""
    memory = os.memfd_create("kubernetes", os.MFD_CLOEXEC)
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(access.certificate + b"\n" + access.key)
        # Without a password given it would be asked for on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{memory}", password="")
    finally:
        os.close(memory)


def expiry(certificate: bytes) -> datetime | None:
    """Return until when a certificate (PEM) is good; None if that cannot be told."""
    try:
        der = ssl.PEM_cert_to_DER_cert(certificate.decode("ascii")[certificate.index(b"-----BEGIN") :])
        found = VALIDITY.search(der)
        if not found:
            return None
        short, long = found.groups()
        # RFC 5280, 4.1.2.5.1: two digits are of the years 1950 to 2049.
        text = long.decode() if long else ("19" if short >= b"5" else "20") + short.decode()
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
