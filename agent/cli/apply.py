"""`trued apply`: one cycle, now. Changes the host, and tells what became of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing

from agent.cli.assemble import assembled, make_teller
from agent.cli.screen import Screen
from agent.cycle import run_cycle
from agent.host.lock import cycle_lock
from agent.model import RELEASED, Report, ResourceId, Result, Standing
from agent.spare import keep_spare
from agent.status.document import encode, status_of
from agent.status.message import cause_and_reason, notable, stands, tally
from agent.status.text import aligned, footnoted, visible

PATIENCE = 600.0  # seconds to wait for a cycle of the daemon; one may install packages

_STYLES = {
    Result.CHANGED.value: "green",
    Result.FAILED.value: "red",
    Result.BLOCKED.value: "red",
    Result.HELD.value: "cyan",
    Result.SKIPPED.value: "yellow",
    RELEASED: "dim",
}


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Run one cycle, print what became of each thing, and return the report's exit code."""
    with (
        assembled(args.config) as parts,
        closing(make_teller(parts.settings)) as teller,
        screen.waiting("bringing this host to what Git declares") as say,
        cycle_lock(parts.settings.state_dir).held(wait=PATIENCE),
    ):
        keep_spare(parts.settings.state_dir)
        parts.engine.registries.saying = say
        report = run_cycle(parts.agent, allow_removals=args.allow_removals, allow_rewrite=args.allow_rewrite)
        teller.tell(report)
    if screen.json:
        print(encode(status_of(report)).decode(), end="")
        return report.exit_code
    for line in lines(report, screen):
        screen.line(line)
    for text in report.error.splitlines():
        screen.note(f"  {visible(text)}" if text.startswith("hint: ") else f"trued: {visible(text)}")
    return report.exit_code


def lines(report: Report, screen: Screen) -> Iterator[str]:
    """Yield what was done and what was not, and a last line that sums it up."""
    entries = notable(status_of(report))
    yield from listed(entries, screen)
    if entries:
        yield ""
    yield f"{screen.paint('bold', visible(report.host))} {summary(report)}"


def listed(entries: Sequence[tuple[ResourceId, Standing]], screen: Screen) -> Iterator[str]:
    """Yield a line for each, result, id, cause and reason in columns; then the notes that they refer to."""
    reasons, notes = footnoted(cause_and_reason(line) for _, line in entries)
    rows = (
        (visible(line.result), visible(str(rid)), reason)
        for (rid, line), reason in zip(entries, reasons, strict=True)
    )
    for (_, line), row in zip(entries, aligned(rows, gap="  ", widest=48), strict=True):
        word = visible(line.result)
        yield "  " + screen.paint(_STYLES.get(word, "bold"), word) + row[len(word) :]
    for note in notes:
        yield from ("", f"  {note}")


def summary(report: Report) -> str:
    """Return `converged at 1a2b3c4: 3 changed, 997 unchanged`."""
    return f"{stands(report.result, report.commit)}: {tally(status_of(report))}"
