"""
Where log lines go: to the journal with fields, or to stderr. Never waits for a reader.

Fields come from a list of names, never from all that a log record carries: its arguments may hold secrets.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TextIO, TypeAlias

from agent.errors import TruedError

SOCKET = Path("/run/systemd/journal/socket")

# What a caller may give with extra={…}, and what the journal calls it.
FIELDS: Mapping[str, str] = {
    "host": "TRUED_HOST",
    "commit": "TRUED_COMMIT",
    "resource": "TRUED_RESOURCE",
    "result": "TRUED_RESULT",
}
LONGEST_MESSAGE, LONGEST_FIELD = 32768, 4096  # bytes; all of an entry must fit into one datagram

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def setup_logging(
    *,
    verbose: bool = False,
    environ: Mapping[str, str] | None = None,
    stderr: TextIO | None = None,
    journal: Path = SOCKET,
) -> logging.Handler:
    """
    Send what trued logs to where this process's stderr leads, and return the handler.

    What libraries log goes nowhere: they may quote a URL with a credential in it.
    """
    handler = _handler(os.environ if environ is None else environ, stderr or sys.stderr, journal)
    handler.setFormatter(Plain())
    ours = logging.getLogger("agent")
    ours.handlers = [handler]
    ours.setLevel(logging.DEBUG if verbose else logging.INFO)
    ours.propagate = False
    logging.getLogger().handlers = [logging.NullHandler()]
    return handler


def _handler(environ: Mapping[str, str], stderr: TextIO, journal: Path) -> logging.Handler:
    if not _leads_to_journal(environ.get("JOURNAL_STREAM", ""), stderr):
        return Lines(stderr, prefixed=False)
    return Journal(journal) if journal.is_socket() else Lines(stderr, prefixed=True)


def _leads_to_journal(stream: str, stderr: TextIO) -> bool:
    """JOURNAL_STREAM is inherited, stderr may be turned elsewhere: only the same file counts (systemd.exec(5))."""
    try:
        found = os.fstat(stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{found.st_dev}:{found.st_ino}"


class Plain(logging.Formatter):
    """The message alone; under it, for an exception, the way to it."""

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's name
        return "\n".join(_way_to(ei[1])) if ei[1] else ""


def _way_to(error: BaseException) -> Iterator[str]:
    """Yield a traceback that quotes nothing: what a foreign exception says may be content, or a secret."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause and id(cause) not in seen:
        seen.add(id(cause))
        yield f"{type(cause).__qualname__}{_harmless(cause)}"
        for frame in traceback.extract_tb(cause.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _harmless(error: BaseException) -> str:
    match error:
        case TruedError():
            return f": {error}"
        case OSError(strerror=str() as said):
            return f": {said}" + (f": {error.filename}" if error.filename else "")
    return ""


class Journal(logging.Handler):
    """Native entries (systemd.io/JOURNAL_NATIVE_PROTOCOL), each one datagram, sent or dropped at once."""

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        # journald may be stopped, or hang on a full disk: a blocking send would stop the whole agent with it.
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.dropped = 0
        """Entries that the journal did not take since the last one that it took."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._confess()
            self._send(_entry(record, self.format(record)))
        except Exception:  # noqa: BLE001 - nothing that goes wrong with a log line may end a cycle
            self.dropped += 1

    def _confess(self) -> None:
        if self.dropped:
            said = f"{self.dropped} log entries before this one were lost: the journal did not take them"
            self._send({"MESSAGE": said, "PRIORITY": "4", "SYSLOG_IDENTIFIER": "trued"})
            self.dropped = 0

    def _send(self, entry: Mapping[str, str]) -> None:
        self._socket.sendto(b"".join(map(_field, entry, entry.values())), self._path)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _entry(record: logging.LogRecord, message: str) -> Mapping[str, str]:
    given = {name: getattr(record, attribute, None) for attribute, name in FIELDS.items()}
    return {
        "MESSAGE": message,
        "PRIORITY": str(_priority(record.levelno)),
        "SYSLOG_IDENTIFIER": "trued",
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        **{name: str(value) for name, value in given.items() if value is not None},
    }


def _field(name: str, value: str) -> bytes:
    """The form with a length, so that a line break in a value cannot begin another field."""
    data = _cut(value.encode("utf-8", "replace"), LONGEST_MESSAGE if name == "MESSAGE" else LONGEST_FIELD)
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def _cut(data: bytes, most: int) -> bytes:
    if len(data) <= most:
        return data
    return data[: most - 6].decode("utf-8", "ignore").encode() + b" [cut]"


def _priority(level: int) -> int:
    """Return the syslog(3) level."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for least, priority in steps if level >= least), 7)


class Lines(logging.Handler):
    """Lines on stderr; with `<N>` in front of each where systemd reads them (sd-daemon(3))."""

    def __init__(self, stream: TextIO, *, prefixed: bool) -> None:
        super().__init__()
        self._stream = stream
        self._prefixed = prefixed

    def emit(self, record: logging.LogRecord) -> None:
        try:
            prefix = f"<{_priority(record.levelno)}>" if self._prefixed else ""
            lines = self.format(record).splitlines() or [""]
            self._stream.write("".join(f"{prefix}{line}\n" for line in lines))
            self._stream.flush()
        except Exception:  # noqa: BLE001, S110 - stderr is gone, and there is nowhere left to say so
            pass
