"""Writes the message of a status commit: what `git log` of a host's branch shows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agent.model import RELEASED, ResourceId, Result, Standing, Verdict
from agent.status.document import Status
from agent.status.text import aligned, clip, visible

SUBJECT = 100  # columns
LINES = 200
_WIDEST_ID = 512
_WIDEST_REASON = 400
_COUNTED = (
    Result.FAILED,
    Result.BLOCKED,
    Result.HELD,
    Result.CONTESTED,
    Result.SKIPPED,
    Result.CHANGED,
)
_WORST_FIRST = {result.value: number for number, result in enumerate(_COUNTED)}
_HOLDING = frozenset({Verdict.INVALID.value, Verdict.REFUSED.value})


def message(status: Status, *, heartbeat: bool = False) -> str:
    """Return a whole commit message: subject, one line for each thing that is not unchanged, trailers."""
    paragraphs = (
        subject(status, heartbeat=heartbeat),
        "\n".join(_body(status)),
        "\n".join(_trailers(status)),
    )
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def subject(status: Status, *, heartbeat: bool = False) -> str:
    """Return the first line: `edge-01: converged at 1a2b3c4, 2 changed`; a heartbeat says "still converged"."""
    still = "still " if heartbeat else ""
    host = clip(visible(status.host), 50)
    return clip(
        ", ".join([f"{host}: {still}{stands(status.result, status.commit)}", *counts(status)]), SUBJECT
    )


def stands(result: str, commit: str | None) -> str:
    """Return where a host stands: `converged at 1a2b3c4`; what is invalid or refused is another commit than that."""
    verdict = visible(result)
    if not commit:
        return f"{verdict}, no commit yet"
    short = visible(commit)[:7]
    if result in _HOLDING:
        return f"{verdict}, stays at {short}"
    if result == Verdict.ROLLED_BACK:
        return f"rolled back to {short}"
    return f"{verdict} at {short}"


def counts(status: Status) -> tuple[str, ...]:
    """Return how many of each result there are, trouble first; unchanged ones don't count."""
    numbers = Counter(str(standing.result) for standing in status.resources.values())
    words = [*(result.value for result in _COUNTED), RELEASED]
    return tuple(f"{numbers[word]} {word}" for word in words if numbers[word])


def tally(status: Status) -> str:
    """Return `1 failed, 3 changed, 996 unchanged`, or what a host of which nothing else is to be said has."""
    told = counts(status)
    unchanged = sum(standing.result == Result.UNCHANGED for standing in status.resources.values())
    if not told:
        return f"{unchanged} as declared"
    return ", ".join([*told, *([f"{unchanged} unchanged"] if unchanged else [])])


def _body(status: Status) -> Iterator[str]:
    rows = [
        ("error", clip(visible(line), _WIDEST_ID), "") for line in status.error.splitlines() if line.strip()
    ]
    rows += [("note", clip(visible(remark), _WIDEST_REASON), "") for remark in remarks_of(status)]
    rows += [_row(rid, standing) for rid, standing in notable(status)]
    yield from aligned(
        (clip(word, 20), clip(name, _WIDEST_ID), reason) for word, name, reason in rows[:LINES]
    )
    if len(rows) > LINES:
        yield f"… and {len(rows) - LINES} more"


def _row(rid: ResourceId, standing: Standing) -> tuple[str, str, str]:
    return clip(visible(standing.result), 20), shown_id(rid), because(standing)


def remarks_of(status: Status) -> Iterator[str]:
    """Yield what a person should know of a host, its wait for a reboot first."""
    yield from (f"reboot required: {reason}" for reason in status.reboot)
    yield from status.notices


def shown_id(rid: ResourceId) -> str:
    """Return an id as a message shows it."""
    return clip(visible(str(rid)), _WIDEST_ID)


def notable(status: Status) -> tuple[tuple[ResourceId, Standing], ...]:
    """Return what is not unchanged: the worst first, otherwise in the order of the report."""
    lines = ((rid, line) for rid, line in status.resources.items() if line.result != Result.UNCHANGED)
    return tuple(sorted(lines, key=lambda line: _WORST_FIRST.get(line[1].result, len(_WORST_FIRST))))


def because(standing: Standing) -> str:
    """Return `cause: reason`, or the one of them that there is."""
    return ": ".join(filter(None, cause_and_reason(standing)))


def cause_and_reason(standing: Standing) -> tuple[str, str]:
    """Return both as they are shown; empty where there is none."""
    return str(standing.cause or ""), clip(visible(standing.reason), _WIDEST_REASON)


def _trailers(status: Status) -> Iterator[str]:
    yield f"Trued-Host: {visible(status.host)}"
    if status.commit:
        yield f"Trued-Commit: {visible(status.commit)}"
    yield f"Trued-Result: {visible(status.result)}"
