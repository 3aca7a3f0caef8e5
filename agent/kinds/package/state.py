"""What is known of one package that is declared or owned."""

from __future__ import annotations

from pathlib import PurePosixPath

from agent.kinds.package.manager import Installed, Offer, Simulation
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One package on this host. Nothing in it changes while nothing changes on the host: no ages."""

    manager: str
    installed: Installed | None = None
    offer: Offer | None = None  # None: nobody asked, or the index does not know the name
    asked: bool = False  # whether the index was asked
    unread: bool = False  # the index has to be read anew before it can be decided
    damage: tuple[PurePosixPath, ...] = ()  # files of the manager that a crash has left torn
    dated: str = ""  # the day on which the index was last read
    provided_by: tuple[str, ...] = ()  # of a virtual package: what is installed of those that provide it
    near: tuple[str, ...] = ()  # of an unknown name: others like it; of a virtual one: what would provide it
    mended: str = ""  # what is the matter with the database, and is mended first
    torn: tuple[str, ...] = ()  # others that were only half installed, and have to be installed once more
    vital: bool = False
    refused: str = ""  # why the manager would not do what is to be done
    besides: Simulation | None = None  # what the manager would do besides
    removes: tuple[str, ...] = ()  # of that, what nobody asked to be removed

    @property
    def there(self) -> bool:
        """Whether it, or what stands for it, is installed, whole or not."""
        return bool(self.provided_by) or (self.installed is not None and self.installed.there)
