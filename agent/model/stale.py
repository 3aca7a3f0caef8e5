"""How urgent it is that something does what it is told by another one's change. Pure."""

from __future__ import annotations

import enum


class Stale(enum.IntEnum):
    """What a thing that is as declared still has to do because something that it listens to has changed."""

    NO = 0
    RELOAD = 1
    RESTART = 2
