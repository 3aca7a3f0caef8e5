"""Writes the tables of docs/performance.md anew, between the marks that stand there for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tables
from goals import GOALS
from results import Results

BLOCK = r"(<!-- suite: {} -->\n).*?(<!-- end -->)"


def write(results: Results, docs: Path) -> Iterator[Path]:
    """Fill each block that there is something for; yield the page."""
    page = docs / "performance.md"
    text = page.read_text()
    for name in re.findall(r"<!-- suite: (\S+) -->", text):
        if filled := fill(name, results):
            pattern = re.compile(BLOCK.format(re.escape(name)), re.DOTALL)
            text = pattern.sub(lambda found, filled=filled: f"{found[1]}\n{filled}\n\n{found[2]}", text)  # type: ignore[misc]
    page.write_text(text)
    yield page


def fill(name: str, results: Results) -> str:
    """Return what belongs into the block of this name, or nothing if it was not measured."""
    special: Mapping[str, Callable[[Results], str]] = {"machine": machine, "goals": goals}
    if name in special:
        return special[name](results)
    rows = results.of(name)
    return tables.table(rows) if rows else ""


def machine(results: Results) -> str:
    quick = " With `--quick`: smaller sizes, fewer rounds." if results.quick else ""
    left = "".join(f" Left out: {part}, {reason}." for part, reason in results.left_out.items())
    return f"{tables.named(results.machine)}.{quick}{left}"


def goals(results: Results) -> str:
    return tables.table(row for row in results.rows if row.key in GOALS)
