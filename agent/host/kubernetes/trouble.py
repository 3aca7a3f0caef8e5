"""What can go wrong on the way to the API server, and its own words on one line. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agent.errors import HostError
from agent.host.servers import ClusterError
from agent.model import Json, few

SAID: Final = 400  # characters of the server's words
LAST: Final = 100  # of these, from their end
NOT_THERE: Final = 404
UNTYPED: Final = "failed to create typed patch object"  # what is declared is not what its schema asks for
SCHEMA: Final = re.compile(
    UNTYPED + r"(?: \([^)]*\))?: (\.[\w./-]+: (?:expected \w+|field not declared in schema))"
)
HOOK: Final = "failed calling webhook"
QUOTING: Final = frozenset({400, 422, 500})  # answers that may quote what was sent


class SilentError(HostError):
    """No answer came that could be used: the server is away, hangs, broke off, or is not who it should be."""


class TooLargeError(HostError):
    """An answer larger than any should be. The server is well, and others may be smaller."""


class UntrustedError(SilentError):
    """No connection, since one side does not accept the other's certificate."""


class StaleError(Exception):
    """A connection that was kept has been closed from the other end: nothing was answered, and nothing is known."""


def refused(code: int, said: Any, *, hint: str = "", secret: bool = False) -> ClusterError:
    """Return the error that an answer stands for. `secret`: what it may have quoted from what was sent is not shown."""
    status: Json = _well_formed(said) if isinstance(said, Mapping) else {"message": str(said or "")}
    if secret and code in QUOTING:
        status = _discreet(status)
    words = one_line(str(status.get("message") or f"HTTP status {code}"))
    return ClusterError(words, code=code, status=status, hint=hint)


def _well_formed(said: Json) -> Json:
    """Return a Status (kubernetes.io/docs/reference, Status) whose details and causes are such."""
    details = said.get("details")
    if not isinstance(details, Mapping):
        return {key: value for key, value in said.items() if key != "details"}
    causes = details.get("causes")
    sound = [cause for cause in causes if isinstance(cause, Mapping)] if isinstance(causes, list) else []
    return {**said, "details": {**details, "causes": sound}}


def one_line(said: str) -> str:
    """Return words as one line that is not too long: what is quoted in the midst may be, and what is wrong with it comes last."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(said.split()))
    return line if len(line) <= SAID else f"{line[: SAID - LAST]}… {line[-LAST:]}"


def _discreet(status: Json) -> Json:
    """Return a status without what it may quote of a Secret; which fields it is about is left."""
    message = str(status.get("message") or "")
    if HOOK in message:
        return status
    causes = (status.get("details") or {}).get("causes") or ()
    fields = sorted({str(cause.get("field")) for cause in causes if cause.get("field")})
    about = f" ({few(fields)})" if fields else ""
    untyped = SCHEMA.match(message)
    start = (
        f"{UNTYPED}: {untyped[1]}; " if untyped else f"{UNTYPED}: " if message.startswith(UNTYPED) else ""
    )
    return {
        "code": status.get("code"),
        "reason": status.get("reason"),
        "message": f"{start}this Secret is not one that the API server accepts{about}; what it said may quote it, and is not shown",
        "details": {
            "causes": [{"reason": cause.get("reason"), "field": cause.get("field")} for cause in causes]
        },
    }
