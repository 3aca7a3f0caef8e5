"""Turns what other libraries, the network and a hostile server raise into SourceError, in words, with a way out."""

from __future__ import annotations

import errno
import re
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.errors import SourceError, TruedError
from agent.git.address import Access

if TYPE_CHECKING:
    import ssl

# What needs no import to be named. A server can send anything, and dulwich answers with most of these.
BUILT_IN: tuple[type[Exception], ...] = (
    OSError, EOFError, ValueError, KeyError, IndexError, AssertionError, TypeError, MemoryError, RecursionError,
    OverflowError, NotImplementedError, RuntimeError, zlib.error, struct.error,
)  # fmt: skip

PROXY_WANTS = "the proxy wants credentials (407)"
PROXY_WAY_OUT = "write the proxy as http://user:password@host:port"


def foreign() -> tuple[type[Exception], ...]:
    """Return all that may come out of a library; what was never imported cannot have been raised."""
    found = list(BUILT_IN)
    if "urllib3" in sys.modules:
        from urllib3.exceptions import HTTPError

        found.append(HTTPError)
    if "dulwich.errors" in sys.modules:
        from dulwich import errors

        found += [
            errors.GitProtocolError, errors.NotGitRepository, errors.FileFormatException, errors.ChecksumMismatch,
            errors.ApplyDeltaError, errors.WrongObjectException, errors.MissingCommitError, errors.RefFormatError,
            errors.ObjectMissing, errors.CommitError,
        ]  # fmt: skip
    if "dulwich.file" in sys.modules:
        from dulwich.file import FileLocked

        found.append(FileLocked)
    if "dulwich.pack" in sys.modules:
        from dulwich.pack import PackFileDisappeared, UnresolvedDeltas

        found += [PackFileDisappeared, UnresolvedDeltas]
    return tuple(found)


@contextmanager
def reported(access: Access) -> Iterator[None]:
    """Wrap every talk with a repository: what goes wrong names the URL first, and never a credential."""
    try:
        yield
    except SourceError as error:
        if str(error).startswith(access.url):
            raise
        raise type(error)(f"{access.url}: {error}", hint=error.hint) from error
    except TruedError:
        raise
    except foreign() as error:
        raise explain(access, error) from error


def explain(access: Access, error: BaseException) -> SourceError:
    """Return what an exception means to the person who looks after this host."""
    what, hint = _cause(access, _deepest(error))
    return SourceError(f"{access.url}: {what}", hint=hint)


def _deepest(error: BaseException) -> BaseException:
    """Return what lies under the wrappings of urllib3."""
    import ssl

    seen: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in seen:
        seen.append(inner)
        reason = getattr(inner, "reason", None)
        inner = reason if isinstance(reason, BaseException) else inner.__cause__ or inner.__context__
    known = (ssl.SSLError, socket.gaierror, TimeoutError, ConnectionError, OSError)
    return next((item for kind in known for item in reversed(seen) if isinstance(item, kind)), seen[0])


def _cause(access: Access, error: BaseException) -> tuple[str, str]:
    import ssl

    text = _text(error)
    match error:
        case ssl.SSLCertVerificationError():
            return _certificate(access, error)
        case ssl.SSLError():
            return f"the TLS connection fails: {text}", ""
        case socket.gaierror():
            return (
                f"the name {access.place.host!r} cannot be resolved: {error.strerror}",
                "check DNS on this host",
            )
        case TimeoutError():
            return "the server does not answer in time", ""
        case ConnectionRefusedError():
            return "connection refused", "is the server up, and the port right?"
        case ConnectionResetError() | BrokenPipeError():
            return "the server broke off the connection", ""
        case _ if any(
            words in text for words in ("Connection broken", "IncompleteRead", "closed connection")
        ):
            return "the server broke off the connection", ""
        case _ if "failed: 407" in text:  # http.client: "Tunnel connection failed: 407 …"
            return PROXY_WANTS, PROXY_WAY_OUT
        case _ if "timed out" in text:
            return "the server does not answer in time", ""
        case OSError() if error.errno == errno.ENOSPC:
            return "no space left on this host's disk", "free some space below state_dir"
        case OSError() if error.errno and error.strerror:
            place = f"{error.filename}: " if error.filename else ""
            return f"{place}{error.strerror}", ""
        case RuntimeError() if "new thread" in text:  # how threading says what pthread_create(3) does
            return (
                "no thread can be started on this host",
                "is there room below pids.max, or TasksMax= of the unit?",
            )
        case MemoryError():
            return "what it sends needs more memory than this host has", ""
    return (
        f"{type(error).__name__}: {text}" if text else f"the answer makes no sense ({type(error).__name__})",
        "",
    )


def _certificate(access: Access, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    said = error.verify_message
    if "expired" in said or "not yet valid" in said:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"{said}; this host's clock says {now}", "set the clock, or renew the certificate"
    trusted = f"by {access.ca_file}" if access.ca_file else "by this system's authorities"
    if "unable to get" in said or "self-signed" in said or "self signed" in said:
        return f"its certificate is not vouched for {trusted}: {said}", "name the right authority in ca_file"
    return f"its certificate does not serve: {said}", ""


_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def _text(error: BaseException) -> str:
    """Return the first line of what an exception says, without credentials."""
    text = _USERINFO.sub("", str(error)).strip().partition("\n")[0][:300]
    return "".join(char if char.isprintable() else "?" for char in text)
