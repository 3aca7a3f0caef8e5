"""What an entry of `packages` may say, and which of it makes no sense together. Pure."""

from __future__ import annotations

import re
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Final

from agent.model import Duration, quoted
from agent.values import dataclass

PRESENT: Final = "present"
LATEST: Final = "latest"
ABSENT: Final = "absent"
DAY: Final = Duration(86400)

# deb-version(7), and the signs of a glob. It begins with a digit: `presnt` is a mistake, not a version.
_VERSION: Final = re.compile(r"[0-9*?\[][A-Za-z0-9.+~:*?\[\]!-]*")
_GLOB: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSpec:
    """How one package is to be installed."""

    version: str = field(
        default=PRESENT,
        metadata={"doc": 'present, absent, latest, a version, or a glob of one, as in "1.22.*"'},
    )
    hold: bool | None = field(
        default=None,
        metadata={"doc": "whether it is kept from being upgraded by others; left as it is if not given"},
    )
    purge: bool = field(
        default=False, metadata={"doc": "whether its configuration goes too; with absent only"}
    )
    recommends: bool | None = field(
        default=None,
        metadata={
            "doc": "whether what it recommends is installed with it; as the host is set up if not given"
        },
    )
    refresh: Duration = field(
        default=DAY, metadata={"doc": "how old the index of packages may be when latest is looked for"}
    )

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.version not in {PRESENT, LATEST, ABSENT} and not _VERSION.fullmatch(self.version):
            raise ValueError(
                f'expected present, absent, latest, a version or a glob of one, as in "1.22.*", got {quoted(self.version)}'
            )
        if self.purge and not self.absent:
            raise ValueError("purge goes with the version absent")
        if self.absent and self.hold is not None:
            raise ValueError("what is absent is not held")
        if self.absent and self.recommends is not None:
            raise ValueError("what is absent recommends nothing")
        if self.refresh <= 0:
            raise ValueError("expected a time longer than 0 for refresh")

    @property
    def absent(self) -> bool:
        return self.version == ABSENT

    @property
    def is_exact(self) -> bool:
        """Whether it asks for versions by name, one or a glob of them."""
        return self.version not in {PRESENT, LATEST, ABSENT}

    @property
    def is_glob(self) -> bool:
        return self.is_exact and not _GLOB.isdisjoint(self.version)

    def fits(self, version: str) -> bool:
        """Return whether a version is one that is asked for; any is, where none is asked for by name."""
        if not self.is_exact:
            return True
        return fnmatchcase(version, self.version) if self.is_glob else version == self.version

    def fingerprint(self) -> tuple[object, ...]:
        return (self.version, self.hold, self.purge, self.recommends, float(self.refresh))
