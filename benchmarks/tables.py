"""Writes what the suite has measured as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from goals import GOALS
from measure import spread
from results import Results, Row, median

HEAD = (
    "| work | trued | rival | ratio (lowest-highest) | goal | met |\n| --- | --: | --: | --: | --: | --- |"
)


def table(rows: Iterable[Row]) -> str:
    return "\n".join((HEAD, *map(line, rows)))


def line(row: Row) -> str:
    goal = GOALS.get(row.key)
    cells = (
        row.work,
        figure(row.trued, row.unit),
        f"{figure(row.against, row.unit)}, {row.rival}"
        if row.against
        else row.rival and f"{row.rival} is not here",
        share(row.ratios),
        goal.text(row) if goal else "",
        said(goal.met(row)) if goal else "",
    )
    return f"| {' | '.join(cells)} |"


def said(met: bool | None) -> str:  # noqa: FBT001 - a question that has no answer yet is one, too
    return "not compared" if met is None else "yes" if met else "**no**"


def figure(values: Sequence[float], unit: str) -> str:
    """Return the median with its unit, with three digits that count."""
    return f"{number(median(values))} {unit}".rstrip()


def number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def share(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    digits = 4 if median(ratios) < 0.01 else 3 if median(ratios) < 0.1 else 2
    return spread(ratios, digits=digits)


def named(machine: Mapping[str, str]) -> str:
    """Return one sentence of a machine."""
    return "; ".join(
        f"{name} {value}" if name[0].isupper() else f"{name}: {value}" for name, value in machine.items()
    )


def report(results: Results) -> str:
    """Return all of it: where, the one table, what was left out."""
    left = [f"- left out: {part}: {reason}" for part, reason in results.left_out.items()]
    faults = [f"- NOT AS DECLARED: {fault}" for fault in results.faults]
    return "\n".join((named(results.machine), "", table(results.rows), "", *left, *faults)).rstrip()
