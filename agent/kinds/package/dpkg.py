"""
The database of dpkg, read with one call for all packages.

dpkg-query(1) merges what dpkg has not yet written into the database itself; a parser of our own would have to
do that as well, and is only a little cheaper (docs/decisions/0009-packages.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds.package.manager import Database, Installed
from agent.model import quoted

STATUS: Final = "/var/lib/dpkg/status"
JOURNAL: Final = "/var/lib/dpkg/updates"
MARKS: Final = "/var/lib/apt/extended_states"
WRITTEN: Final = (STATUS, JOURNAL, MARKS)
MOST: Final = 32 * 1024 * 1024  # bytes of extended_states that are looked at

_FIELDS: Final = (
    "Package", "Architecture", "Version", "db:Status-Want", "db:Status-Eflag", "db:Status-Status",
    "Essential", "Protected", "Important", "Priority", "Provides",
)  # fmt: skip
_ASK: Final = ("dpkg-query", "-W", "-f", "\t".join(f"${{{field}}}" for field in _FIELDS) + "\n")
_GONE: Final = frozenset({"not-installed", "config-files"})
_USUAL: Final = frozenset({"required", "important"})
# Begun, and not ended: installing it once more helps, configuring what is there does not.
_TORN: Final = frozenset({"half-installed"})


def database(probe: Probe) -> Database:
    """Return all packages; raises HostError. Remembered for as long as dpkg and apt have written nothing."""
    return probe.remembered("package:dpkg", WRITTEN, lambda: _read(probe))


def _read(probe: Probe) -> Database:
    rows = [_fields(line) for line in probe.ask(*_ASK).out.splitlines()]
    # dpkg is of the host's own architecture, whatever else is installed.
    native = next((row[1] for row in rows if row[0] == "dpkg"), "")
    auto = frozenset(_auto(probe, native))
    packages: dict[str, list[Installed]] = {}
    for row in rows:
        if one := _installed(row, auto):
            packages.setdefault(one.name, []).append(one)
    if not packages:
        raise HostError(
            "dpkg-query names no package at all", hint=f"{STATUS} may be damaged: see /var/backups"
        )
    if not native:
        raise HostError(
            f"{STATUS} does not name dpkg itself: it is damaged", hint="see /var/backups/dpkg.status.0"
        )
    database = Database(
        native=native,
        packages={name: tuple(group) for name, group in packages.items()},
        interrupted=any(name.isdigit() for name in probe.names(PurePosixPath(JOURNAL))),
    )
    every = (one for group in packages.values() for one in group)
    broken = (database.called(one) for one in every if one.there and not one.whole)
    return replace(database, broken=tuple(sorted(broken)))


def _fields(line: str) -> list[str]:
    values = line.split("\t")
    if len(values) != len(_FIELDS):
        raise HostError(f"dpkg-query said {quoted(line)}, expected {len(_FIELDS)} fields")
    return values


def _installed(values: list[str], auto: frozenset[tuple[str, str]]) -> Installed | None:
    name, architecture, version, want, flag, status, *more = values
    *vital, priority, provides = more
    if status == "not-installed":
        return None
    torn = status in _TORN or flag == "reinstreq"
    whole = status == "installed" and not torn
    return Installed(
        name=name,
        architecture=architecture,
        version=version,
        whole=whole,
        trouble="" if whole or status in _GONE else status,
        reinstall=torn,
        residue=status in _GONE,
        held=want == "hold",
        auto=(name, architecture) in auto,
        usual=priority in _USUAL,
        vital="yes" in vital,
        provides=tuple(part.split("(")[0].strip() for part in provides.split(",") if part),
    )


def _auto(probe: Probe, native: str) -> Iterator[tuple[str, str]]:
    """
    Yield name and architecture of what apt installed for others: extended_states, as apt-mark(8) shows it.

    What is for all architectures stands there under the host's own.
    """
    text = probe.content(PurePosixPath(MARKS), limit=MOST) or b""
    for paragraph in text.decode("utf-8", "replace").split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in paragraph.splitlines())
        if fields.get("Auto-Installed") == "1" and "Package" in fields:
            name, architecture = fields["Package"], fields.get("Architecture", native)
            yield name, architecture
            if architecture == native:
                yield name, "all"
