"""Writes the README.md of a status branch: a host's state for a person, as a forge shows it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from agent.model import ResourceId, Result, Standing
from agent.status.document import TROUBLE, Status, timestamp
from agent.status.message import because, notable, remarks_of
from agent.status.text import clip, visible

ROWS = 200
_WIDEST = 1000

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "\\": "&#92;", "`": "&#96;"}
# What CommonMark 0.31, GitHub's tables, mentions, issue numbers and formulas would make something of.
_SPECIAL = re.compile(r"[&<>|\\`]|[*_\[\]~#!@$]")


def readme(status: Status) -> str:
    """Return the page: the verdict, what is not as declared, what was changed, how many of each."""
    return "\n\n".join(_sections(status)) + "\n"


def _sections(status: Status) -> Iterator[str]:
    yield f"# {escaped(status.host)}: {escaped(status.result)}"
    yield _table(("", ""), _about(status))
    if status.error:
        yield "\n".join(f"> {escaped(line)}  " for line in status.error.splitlines() if line.strip())
    if remarks := tuple(remarks_of(status)):
        yield "## To know"
        yield "\n".join(f"- {escaped(clip(remark, _WIDEST))}" for remark in remarks[:ROWS])
    lines = notable(status)
    if trouble := [line for line in lines if line[1].result in TROUBLE]:
        yield "## Not as declared"
        yield _resources(trouble)
    if others := [line for line in lines if line[1].result not in TROUBLE]:
        yield "## Changed"
        yield _resources(others)
    yield "## Resources"
    yield _counts(status)


def _about(status: Status) -> Iterator[tuple[str, str]]:
    yield "commit", _code(status.commit) if status.commit else "none yet"
    yield "last good commit", _code(status.good) if status.good else "none yet"
    yield "reported", timestamp(status.finished)
    if status.labels:
        yield "labels", ", ".join(_code(f"{key}={value}") for key, value in sorted(status.labels.items()))
    yield "agent", f"trued {escaped(status.agent)}"


def _resources(lines: Sequence[tuple[ResourceId, Standing]]) -> str:
    rows = [
        (escaped(line.result), _code(clip(str(rid), 512)), escaped(because(line)))
        for rid, line in lines[:ROWS]
    ]
    table = _table(("result", "resource", "why"), rows)
    return (
        table
        if len(lines) <= ROWS
        else f"{table}\n\n… and {len(lines) - ROWS} more; status.json has them all."
    )


def _counts(status: Status) -> str:
    if not status.resources:
        return "None."
    numbers = Counter(str(line.result) for line in status.resources.values())
    known = [*TROUBLE, Result.CHANGED.value]
    words = [*(word for word in known if word in numbers), *sorted(numbers.keys() - set(known))]
    return _table(("result", "resources"), [(escaped(word), str(numbers[word])) for word in words])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, also in a cell of a table."""
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), visible(text))


def _code(text: str) -> str:
    # HTML rather than backticks: a code span can hold neither a backtick nor a pipe in a table without tricks.
    return f"<code>{escaped(text)}</code>"
