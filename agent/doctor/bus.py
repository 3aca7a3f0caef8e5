"""Checks whether systemd can be listened to. Connects, asks who is there, and hangs up."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.doctor import Found, ok, skipped, warning
from agent.errors import HostError
from agent.host.bus.link import BUS, PRIVATE, connect
from agent.host.bus.units import MANAGER, SYSTEMD

_BOOTED: Final = "run/systemd/system"  # sd_booted(3)


def bus(root: Path = Path("/")) -> Found:
    """Return by which way the daemon hears of what happens to units, or why it does not."""
    if not (root / _BOOTED).is_dir():
        return skipped("systemd does not run here, so there are no units to hear of")
    try:
        link = connect(root, lambda _: None)
        try:
            link.call(SYSTEMD, MANAGER, "org.freedesktop.DBus.Peer.Ping")
        finally:
            link.close()
    except HostError as error:
        return warning(
            f"systemd is not heard, and what happens to units is found at the interval only: {error}",
            "see systemctl status dbus.socket dbus.service; where dbus is not installed: apt-get install dbus",
        )
    if link.bus:
        return ok(f"systemd answers on the system bus, /{BUS}")
    return ok(f"there is no system bus; systemd itself answers, /{PRIVATE}")
