"""What systemd says a unit is at."""

from __future__ import annotations

from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a unit is at that systemd has loaded: its ActiveState, SubState and job (start, stop…), if one waits or runs: org.freedesktop.systemd1(5)."""

    active: str
    sub: str
    job: str = ""
