"""What apt's commands say, taken apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent.kinds.package.manager import Offer, Simulation

_HEADER: Final = re.compile(r"([a-z0-9][a-z0-9+.:-]*):")
_CANDIDATE: Final = re.compile(r"  Candidate: (\S+)")
_ROW: Final = re.compile(r" (?:\*\*\*|   ) (\S+) -?\d+(?: .*)?")
_PLACE: Final = re.compile(r" {8}\s*-?\d+ (.+)")
_ACTION: Final = re.compile(r"(Inst|Remv|Purg) (\S+)(?: \[([^\]]*)\])?(?: \((\S+).*)?")
_LEAD: Final = "The following packages have unmet dependencies:"
MOST_WORDS: Final = 400  # characters of apt's own explanation that are passed on


def offers(text: str) -> Mapping[str, Offer]:
    """Return what `apt-cache policy` says of each package; versions that no source has any more are left out."""
    found: dict[str, Offer] = {}
    for name, lines in _sections(text):
        candidate = next((match[1] for line in lines if (match := _CANDIDATE.fullmatch(line))), "")
        versions = tuple(dict.fromkeys(_versions(lines)))
        order = tuple(match[1] for line in lines if (match := _ROW.fullmatch(line)))
        found[name] = Offer(
            candidate="" if candidate == "(none)" else candidate,
            versions=versions,
            order=order,
            virtual=not order,
        )
    return found


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in text.splitlines():
        if match := _HEADER.fullmatch(line):
            if name:
                yield name, lines
            name, lines = match[1], []
        else:
            lines.append(line)
    if name:
        yield name, lines


def _versions(lines: list[str]) -> Iterator[str]:
    version = ""
    for line in lines:
        if match := _ROW.fullmatch(line):
            version = match[1]
        elif version and (match := _PLACE.fullmatch(line)) and match[1] != "/var/lib/dpkg/status":
            yield version


def providers(text: str) -> tuple[str, ...]:
    """Return what `apt-cache showpkg` says of who provides a package: the last part of its answer."""
    _, _, rest = text.partition("\nReverse Provides:")
    return tuple(sorted({line.split()[0] for line in rest.splitlines() if line.strip()}))


def simulation(text: str) -> Simulation:
    """Return what `apt-get --simulate` would do."""
    installs: dict[str, str] = {}
    upgrades: dict[str, tuple[str, str]] = {}
    removes: list[str] = []
    for line in text.splitlines():
        if not (match := _ACTION.match(line)):
            continue
        what, name, before, after = match.groups()
        if what != "Inst":
            removes.append(name)
        elif before:
            upgrades[name] = (before, after or "")
        else:
            installs[name] = after or ""
    return Simulation(installs=installs, upgrades=upgrades, removes=tuple(dict.fromkeys(removes)))


def refusal(out: str, err: str) -> str:
    """Return apt's own words for why something cannot be done, in one line."""
    _, lead, rest = out.partition(_LEAD)
    unmet = [" ".join(line.split()) for line in rest.splitlines() if line.startswith(" ")]
    errors = [line[2:].strip() for line in err.splitlines() if line.startswith("E:")]
    words = "; ".join(unmet if lead and unmet else errors) or "no reason was given"
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"
