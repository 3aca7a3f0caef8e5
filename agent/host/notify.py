"""Tells systemd how the service is, as sd_notify(3) says. Writes to the socket of NOTIFY_SOCKET, and to nothing else."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping

# The service manager reads at most a page; a longer datagram would be lost whole.
LONGEST = 1000


class Notifier:
    """A way to the service manager, or to nobody: then nothing is sent, and nothing fails."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog = _watchdog(environ)
        """Seconds within which a sign of life is expected, or None (sd_watchdog_enabled(3))."""

    def send(self, *assignments: str) -> bool:
        """
        Send `NAME=value` lines in one datagram; return whether they went.

        Never blocks and never raises: a service manager that does not listen must not stop the loop. So what
        must arrive (READY=1) has to be sent again with the next occasion.
        """
        if not self._address:
            return False
        data = "\n".join(_one_line(line) for line in assignments).encode("utf-8", "replace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
                way.setblocking(False)
                way.sendto(data, socket.MSG_NOSIGNAL, self._address)
        except (OSError, ValueError):  # not there, not listening; or no path at all
            return False
        return True

    def reloading(self) -> bool:
        """Say that a reload begins; READY=1 ends it. The time is what Type=notify-reload asks for."""
        stamp = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self.send("RELOADING=1", f"MONOTONIC_USEC={stamp}")


def _address(written: str) -> str:
    """Return where to send: a path, or with a leading @ a name in the abstract namespace (unix(7))."""
    if len(written) < 2 or written[0] not in "/@":
        return ""
    return "\0" + written[1:] if written[0] == "@" else written


def _watchdog(environ: Mapping[str, str]) -> float | None:
    pid, usec = environ.get("WATCHDOG_PID", ""), environ.get("WATCHDOG_USEC", "")
    if pid and pid != str(os.getpid()):
        return None  # meant for the process that started us
    return int(usec) / 1e6 if re.fullmatch("[0-9]{1,18}", usec) and int(usec) else None


def _one_line(assignment: str) -> str:
    """A line break in a status text would start an assignment of its own."""
    line = re.sub(r"[\x00-\x1f\x7f]+", " ", assignment)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
