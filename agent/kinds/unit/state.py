"""What is known of a unit on the host."""

from __future__ import annotations

from dataclasses import field

from agent.host import Entry, FileType
from agent.values import dataclass

RUNNING = frozenset({"active", "reloading", "refreshing", "activating"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a unit is not active though it is wanted to be, as systemd has it."""

    result: str = ""
    status: str = ""  # the exit status of its main process
    restarts: int = 0  # how often systemd has tried by itself
    said: str = ""  # the end of its journal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """
    A unit, or a drop-in and the unit that it belongs to, at one moment.

    `load`, `active` and `sub` are LoadState, ActiveState and SubState of org.freedesktop.systemd1(5); `enabled` is what
    `systemctl is-enabled` says, or nothing.
    """

    id: str = ""  # its own name; another one if it was asked for by an alias
    load: str = "not-found"
    error: str = ""  # why it could not be loaded
    active: str = "inactive"
    sub: str = "dead"
    returns: bool = False  # it ends, and systemd starts it again then: a restart that is on its way
    enabled: str = ""
    fragment: str = ""  # its unit file
    reload_needed: bool = False  # systemd knows another text than stands on the disk
    can_reload: bool = False
    passing: bool = False  # a oneshot that does not remain: never active once it has done its work
    triggers: tuple[str, ...] = ()  # the units that start it: sockets, timers, paths
    starts: tuple[str, ...] = ()  # the units that it starts
    serving: tuple[str, ...] = ()  # of a socket: those that run, and keep it from being opened anew
    rival: str = ""  # another declared entry that is the same unit
    trouble: Trouble = field(default_factory=Trouble)
    file: Entry | None = None  # what stands in /etc/systemd/system
    shipped: str = ""  # a unit file from elsewhere that stands behind one in /etc/systemd/system
    hides: bool = False  # what is declared would hide a unit file from elsewhere
    theirs: bool = False  # nothing is declared that would make it: it comes from elsewhere, perhaps later
    drop_in: bool = False
    folder: bool = False  # of a drop-in: whether NAME.d is there
    stops: bool = False  # of a drop-in: whether its unit is declared not to run, or goes

    @property
    def runs(self) -> bool:
        return (self.active in RUNNING and not self.flaps) or self.returns

    @property
    def flaps(self) -> bool:
        """Whether it ended, and systemd waits before it tries once more."""
        return self.sub.startswith("auto-restart")

    @property
    def masked(self) -> bool:
        return self.load == "masked" or self.enabled.startswith("masked")

    @property
    def there(self) -> bool:
        """Whether there is something: its file where trued puts one, else whatever systemd knows."""
        if self.drop_in or self.hides:
            return self.file is not None
        return self.theirs or self.file is not None or self.load != "not-found"

    @property
    def ours(self) -> bool:
        """Whether a unit file stands where trued puts one."""
        return self.file is not None and self.file.type is FileType.FILE
