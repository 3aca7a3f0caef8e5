"""What the journal has of a unit, by journalctl(1). Only looks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds.unit.systemd import SECOND, Outcome
from agent.model import Json

LINES: Final = 5  # entries that are told
# Of two sources at once. More than are told, since those of the other one are in between; systemd says little about one run.
MIXED: Final = 50
SETTLED: Final = (
    2  # seconds after which a run has nothing more to say that is still on its way to the journal
)

_JOURNAL: Final = ("journalctl", "--no-pager", "--quiet", "--boot")
_LAST: Final = (*_JOURNAL, "--output=cat", f"--lines={LINES}")
_BOTH: Final = (
    *_JOURNAL, "--output=json", "--all", "--output-fields=MESSAGE,_SYSTEMD_UNIT,INVOCATION_ID", f"--lines={MIXED}",
)  # fmt: skip


def explain(name: str) -> tuple[str, ...]:
    """Return the command that tells why a unit failed."""
    return (*_LAST, "--unit", name)


def last_line(probe: Probe, name: str) -> str:
    """Return the last line that a unit, or systemd for it, has logged since the machine booted."""
    return " ".join(_lines(_asked(probe, *explain(name)))[-1:])


def last_words(probe: Probe, name: str, outcome: Outcome) -> Sequence[str]:
    """
    Return the last lines of one run of a unit: of its processes, or of systemd about it where they said nothing.

    Not of the runs before, and not of both: what they say in the same moment comes in any order, and the same
    failure shall have the same words. Of a run that is over for a while they are remembered.
    """
    held = probe.remembered("last words", (), dict[str, tuple[Outcome, Sequence[str]]])
    if name in held and held[name][0] == outcome:
        return held[name][1]
    words = _last_words(probe, name, outcome)
    if time.time() - outcome.until > SETTLED:
        held[name] = outcome, words
    return words


def _last_words(probe: Probe, name: str, outcome: Outcome) -> Sequence[str]:
    said = _asked(probe, *_BOTH, f"_SYSTEMD_UNIT={name}", "+", f"INVOCATION_ID={outcome.run}")
    entries = list(_entries(said))
    # By the time, as of a process that ends as soon as it has spoken, the journal may not learn which run it was of.
    since = outcome.since * SECOND if outcome.since else float("inf")
    of_processes = [
        _text(one)
        for one in entries
        if one.get("_SYSTEMD_UNIT") == name and int(one["__REALTIME_TIMESTAMP"]) >= since
    ]
    of_systemd = [_text(one) for one in entries if one.get("INVOCATION_ID") == outcome.run]
    return _told(of_processes) or _told(of_systemd)


def _told(messages: Sequence[str]) -> Sequence[str]:
    return _lines("\n".join(messages[-LINES:]))


def _entries(said: str) -> Iterator[Json]:
    """Yield entries as they are exported (systemd.io/JOURNAL_EXPORT_FORMATS, "JSON")."""
    for line in said.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # it is told for people only, and the others are as good
            continue


def _text(entry: Json) -> str:
    """Return the message of an entry: text, or the bytes of what is none."""
    message = entry.get("MESSAGE") or ""
    return message if isinstance(message, str) else bytes(message).decode("utf-8", "replace")


def _asked(probe: Probe, *argv: str) -> str:
    try:
        return probe.ask(*argv).out
    except HostError:  # no journal is no reason not to mend the unit
        return ""


def _lines(text: str) -> Sequence[str]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
