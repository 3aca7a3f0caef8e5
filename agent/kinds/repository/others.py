"""The places that apt's files of sources name, in either style. Only looks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from agent.host import Probe, entry_at
from agent.kinds.repository.deb822 import Stanza, plain, stanzas
from agent.values import dataclass

APT: Final = PurePosixPath("/etc/apt")
SOURCES: Final = APT / "sources.list.d"
LARGEST: Final = 1 << 20  # bytes of a file of sources that are read

_LINE: Final = re.compile(r"\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A suite at a URI, and what apt wants to be the same wherever it is named."""

    uri: str  # without a slash at its end
    suite: str
    signed_by: str
    trusted: str
    file: PurePosixPath

    def quarrels(self, other: Place) -> bool:
        """Return whether apt, with both, would read no sources at all ("Conflicting values set for option")."""
        same = (self.uri, self.suite) == (other.uri, other.suite)
        return same and (self.signed_by, self.trusted) != (other.signed_by, other.trusted)


def all_places(probe: Probe) -> Sequence[Place]:
    """Return the places that are enabled in any file; raises HostError."""
    folder = entry_at(probe, SOURCES) is not None
    names = probe.names(SOURCES) if folder else ()
    files = (
        APT / "sources.list",
        *(SOURCES / name for name in names if name.endswith((".list", ".sources"))),
    )
    paths = (str(SOURCES), *map(str, files))
    return probe.remembered(("apt sources", paths), paths, lambda: tuple(_read(probe, files)))


def places(stanza: Stanza, file: PurePosixPath) -> Iterator[Place]:
    """Yield the places of a stanza, none of one that is disabled."""
    if "enabled" in plain(stanza):
        return
    signed_by, trusted = (" ".join(stanza.get(name, ())) for name in ("signed-by", "trusted"))
    for uri in stanza.get("uris", ()):
        for suite in stanza.get("suites", ()):
            yield Place(uri=uri.rstrip("/"), suite=suite, signed_by=signed_by, trusted=trusted, file=file)


def _read(probe: Probe, files: Iterable[PurePosixPath]) -> Iterator[Place]:
    for path in files:
        text = (probe.content(path, limit=LARGEST) or b"").decode(errors="replace")
        found = _lines(text) if path.suffix == ".list" else stanzas(text)
        for stanza in found:
            yield from places(stanza, path)


def _lines(text: str) -> Iterator[Stanza]:
    """Yield the lines of the one-line style, as stanzas."""
    for line in text.splitlines():
        if match := _LINE.match(line):
            pairs = (word.partition("=") for word in (match[1] or "").split())
            options = {name.lower(): tuple(value.split(",")) for name, _, value in pairs}
            yield {**options, "uris": (match[2],), "suites": (match[3],)}
