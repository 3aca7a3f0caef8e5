"""
Reboots the machine when it asks for that, agent.yaml lets it, and all else is well; at most once a day.

Writes `state_dir/rebooted` before, so that a reboot that mends nothing is no loop.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from agent.errors import HostError
from agent.files import atomic_write, sweep
from agent.host import Host
from agent.model import Report, Result, Run, Verdict

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
# Without the option systemctl(1) asks nobody where it has no terminal; apt, a backup, a print may be in the middle.
REBOOT = Run(
    argv=("systemctl", "reboot", "--no-wall", "--check-inhibitors=yes"), why="the machine asks for it"
)


class Rebooter:
    """Considers after each cycle whether now is the time."""

    def __init__(
        self,
        host: Host,
        state_dir: Path,
        *,
        now: Callable[[], datetime],
        uptime: Callable[[], timedelta],
    ) -> None:
        self._host = host
        self._stamp = state_dir / "rebooted"
        self._now = now
        self._uptime = uptime

    def consider(self, report: Report) -> None:
        """Reboot if it is time for it. Raises nothing: a host that cannot reboot goes on being kept true."""
        if not _settled(report) or not self._rested():
            return
        why = ", ".join(report.reboot)
        sweep(self._stamp.parent, self._stamp.name)
        try:
            atomic_write(self._stamp, json.dumps({"at": self._now().isoformat(), "why": why}).encode())
        except OSError as error:
            log.error("not rebooted (%s): %s cannot be written: %s", why, self._stamp, error)  # noqa: TRY400 - a person needs no traceback
            return
        log.warning("rebooting: %s", why)
        try:
            self._host.perform(REBOOT)
        except HostError as error:
            log.error("not rebooted (%s), tried again in a day: %s", why, error.reason)  # noqa: TRY400 - as above

    def _rested(self) -> bool:
        """
        Return whether the last reboot of ours is a day ago, by the clock or by the time since boot.

        A machine without a clock of its own starts in the past; the time since boot is right there, too.
        """
        try:
            last = datetime.fromisoformat(json.loads(self._stamp.read_bytes())["at"])
        except FileNotFoundError:
            return True
        except (OSError, ValueError, KeyError, TypeError):
            return self._uptime() >= DAY
        return self._now() - last >= DAY or self._uptime() >= DAY


def _settled(report: Report) -> bool:
    """Return whether a reboot is asked for, and all was as declared without anything to do."""
    quiet = all(standing.result == Result.UNCHANGED for standing in report.resources.values())
    return bool(report.reboot) and report.result is Verdict.CONVERGED and not report.error and quiet
