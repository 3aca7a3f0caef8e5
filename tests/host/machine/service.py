"""Makes trued a service of a machine."""

from __future__ import annotations

from tests.host.machine.host import Host
from tests.host.machine.python import COMMAND, TOP

UNIT = "/etc/systemd/system/trued.service"


def serve(host: Host) -> None:
    """Make trued a service of the machine, as its unit has it, with the sources that are tested."""
    unit = (TOP / "units/trued.service").read_text().replace("/opt/trued/current/bin/trued", COMMAND)
    host.machine.put(UNIT, unit)
    host.machine.run("systemctl", "daemon-reload")
    host.machine.run("systemctl", "enable", "--now", "trued.service")
