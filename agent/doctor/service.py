"""Checks of trued as a service: its unit, a second trued, what it remembers. Reads, and runs systemctl."""

from __future__ import annotations

import os
from pathlib import Path

from agent.doctor import AS_ROOT, Found, failed, ok, skipped, warning
from agent.doctor.holders import holder
from agent.errors import LedgerError
from agent.host import commands
from agent.reconcile.ledger import Memory

UNIT = "trued.service"
BOOTED = Path("/run/systemd/system")  # sd_booted(3)
LOOK = f"systemctl status {UNIT}; journalctl -u {UNIT} -n 50"
_ASKED = ("LoadState", "ActiveState", "SubState", "UnitFileState", "WatchdogUSec", "NRestarts", "MainPID")


def service() -> Found:
    """Return how systemd sees trued's unit."""
    if not BOOTED.is_dir():
        return skipped("systemd does not run here: nothing starts trued", "start `trued run` in another way")
    unit = _unit()
    if unit["LoadState"] == "not-found":
        return warning(
            f"there is no {UNIT}",
            "install it: scripts/install, see docs/install.md; or run cycles by hand: trued apply",
        )
    state = f"{unit['ActiveState']} ({unit['SubState']})"
    if unit["UnitFileState"] == "masked":
        return failed(f"{UNIT} is masked", f"systemctl unmask {UNIT} && systemctl enable --now {UNIT}")
    if unit["ActiveState"] not in {"active", "reloading"}:
        return failed(f"{UNIT} is {state}", f"systemctl enable --now {UNIT}; if that fails: {LOOK}")
    if unit["UnitFileState"] not in {"enabled", "enabled-runtime", "static", "generated"}:
        return warning(f"{UNIT} is {state}, and not started at boot", f"systemctl enable {UNIT}")
    if unit["WatchdogUSec"] in {"", "0", "infinity"}:
        return warning(
            f"{UNIT} is {state}, without a watchdog", f"systemctl revert {UNIT}, or set WatchdogSec=10min"
        )
    text = f"{state}, {unit['UnitFileState']}, watchdog {unit['WatchdogUSec']}"
    return (
        ok(text)
        if unit["NRestarts"] in {"", "0"}
        else warning(f"{text}, started anew {unit['NRestarts']} times", LOOK)
    )


def _unit() -> dict[str, str]:
    said = commands.ask(
        ("systemctl", "show", UNIT, f"--property={','.join(_ASKED)}"), ok=(0,), timeout=10
    ).out
    pairs = (line.partition("=") for line in said.splitlines())
    return dict.fromkeys(_ASKED, "") | {name: value for name, _, value in pairs}


def alone(state_dir: Path) -> Found:
    """Return whether a daemon runs here, and whether it is the one that systemd started."""
    pid = holder(state_dir / "daemon.lock")
    if pid is None:
        return ok("no daemon runs on this state_dir")
    if not BOOTED.is_dir() or _unit()["MainPID"] == str(pid):
        return ok(f"one daemon (pid {pid})")
    return warning(
        f"a daemon runs that is not {UNIT} (pid {pid})", f"what it is: ps -fp {pid}; one is enough"
    )


def memory(state_dir: Path, *, root: Path) -> Found:
    """Return what trued remembers, or why it cannot; raises LedgerError."""
    known = next(path for path in (state_dir, *state_dir.parents) if os.path.lexists(path))
    if not known.is_dir():
        raise LedgerError(f"{known}: is no folder", hint="name another state_dir in agent.yaml")
    if not os.access(known, os.R_OK | os.W_OK | os.X_OK) and not os.statvfs(known).f_flag & os.ST_RDONLY:
        return skipped(f"{state_dir}: is not for this user", AS_ROOT)
    path = state_dir / "ledger.db"
    if not path.exists():
        return ok(f"{state_dir}: nothing yet: no cycle has changed anything")
    kept = Memory(path, root=os.path.realpath(root))
    try:
        ledger = kept.load()
    finally:
        kept.close()
    text = f"{path}: {len(ledger.owned)} owned, holds {(ledger.held or 'no commit')[:12]}"
    return ok(f"{text}, {len(ledger.unfinished)} unfinished" if ledger.unfinished else text)
