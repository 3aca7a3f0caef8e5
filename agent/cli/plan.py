"""`trued plan`: says what would change on this host and why. Changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from agent.cli.assemble import assembled
from agent.cli.diff import cut
from agent.cli.planview import Shown, shown, summary, totals
from agent.cli.screen import Screen
from agent.cycle import Preview, preview
from agent.errors import HostError
from agent.model import Change, FileStep, Run, Step, target
from agent.status.text import aligned, footnoted, visible

FOUND_CHANGES = 2
DIFF_LINES = 60  # for one resource; --full shows all

_STYLES = {"+": "green", "~": "yellow", "-": "red", "!": "red", "=": "cyan", ".": "dim"}


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the plan; 0: nothing to do, 2: changes, 3: something is blocked or held; else the error's own code."""
    with assembled(args.config) as parts:
        with screen.waiting("working out what would change"):
            found = preview(parts.agent)
            origins = {rid: resource.origin for rid, resource in found.desired.resources.items()}
            entries = tuple(shown(found.plan, parts.agent.host.probe(), origins, private=args.private))
        host = parts.agent.identity.host
    if screen.json:
        screen.document(as_data(host, found, entries))
    else:
        for line in lines(host, found, entries, screen, most=None if args.full else DIFF_LINES):
            screen.line(line)
    if found.error and not screen.json:
        screen.complain(found.error)
    return exit_code(found)


def exit_code(found: Preview) -> int:
    """Return what the plan says in one number; why the newest commit is not the one planned for comes first."""
    if found.error:
        return found.error.exit_code
    if found.plan.ailing or any(not isinstance(entry, Change) for entry in found.plan.entries):
        return HostError.exit_code
    return FOUND_CHANGES if found.plan.entries else 0


def lines(
    host: str, found: Preview, entries: Sequence[Shown], screen: Screen, *, most: int | None
) -> Iterator[str]:
    """Yield the plan as a person reads it."""
    yield screen.paint("bold", f"{visible(host)}: {_way(found)}")
    yield ""
    names = [visible(str(entry.id)) for entry in entries]
    reasons, notes = footnoted((_label(entry), visible(entry.why)) for entry in entries)
    heads = aligned(zip(names, reasons, strict=True), gap="  ", widest=48)
    for entry, head in zip(entries, heads, strict=True):
        yield f"  {screen.paint(_STYLES[entry.mark], entry.mark)} {head}"
        yield from (f"      {_coloured(line, screen)}" for line in cut(entry.diff, most))
    if entries:
        yield ""
    for note in notes:
        yield from (f"  {note}", "")
    yield screen.paint("bold", summary(found.plan, found.desired))


def _way(found: Preview) -> str:
    held, planned = found.ledger.held, found.plan.commit
    if held is None:
        return f"to {planned[:7]}, its first commit"
    return f"at {held[:7]}" if held == planned else f"from {held[:7]} to {planned[:7]}"


def _label(entry: Shown) -> str:
    return entry.cause if entry.mark in "+~-" else entry.what


def _coloured(line: str, screen: Screen) -> str:
    style = {"+": "green", "-": "red", "@": "cyan", "(": "dim", "…": "dim", "\\": "dim"}.get(line[:1])
    return screen.paint(style, line) if style else line


def as_data(host: str, found: Preview, entries: Sequence[Shown]) -> dict[str, object]:
    """Return the plan as a program reads it."""
    return {
        "host": host,
        "commit": found.plan.commit,
        "held": found.ledger.held,
        "error": str(found.error) if found.error else None,
        "entries": [_entry(entry) for entry in entries],
        "totals": totals(found.plan, found.desired),
        "exit_code": exit_code(found),
    }


def _entry(entry: Shown) -> dict[str, object]:
    return {
        "id": str(entry.id),
        "what": entry.what,
        "cause": entry.cause or None,
        "why": entry.why,
        "origin": entry.origin or None,
        "steps": [_step(step) for step in entry.steps],
        "diff": list(entry.diff),
    }


def _step(step: Step) -> dict[str, object]:
    """Return what a step does; a command as it would be run, without what it is told on stdin."""
    does: dict[str, object] = (
        {"run": [*step.argv, *step.operands]}
        if isinstance(step, Run)
        else {"path" if isinstance(step, FileStep) else "name": target(step)}
    )
    return {"step": type(step).__name__, **does, "why": step.why}
