"""`trued status`: what this host holds, and what is not as declared. Reads the report that was kept here."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.cli.apply import listed
from agent.cli.assemble import settings_of
from agent.cli.screen import Screen
from agent.errors import DocumentError, HostError, RefusedError, SourceError
from agent.model import REPORT_LIMIT, ResourceId, Standing, Verdict
from agent.status.document import TROUBLE, Status, encode, parse
from agent.status.message import notable, remarks_of, tally
from agent.status.text import aligned, span, visible
from agent.telling import last_path

FEW_CYCLES = 5  # so many intervals without a look, and the daemon is probably not running


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print what the last report says, and return the exit code that goes with it."""
    settings = settings_of(args.config)
    status, age = last(settings.state_dir)
    if screen.json:
        print(encode(status).decode(), end="")
        return exit_code(status)
    for line in lines(status, age, screen):
        screen.line(line)
    if age > FEW_CYCLES * settings.interval:
        screen.note(f"trued: this is {span(age)} old; does the service run? (systemctl status trued)")
    return exit_code(status)


def last(state_dir: Path) -> tuple[Status, float]:
    """Return the last report and how many seconds ago it was true; raises HostError."""
    path = last_path(state_dir)
    try:
        with path.open("rb") as file:
            return parse(file.read(REPORT_LIMIT + 1)), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        raise HostError(
            f"{path}: there is no report yet", hint="run one cycle with trued apply, or start the service"
        ) from None
    except OSError as error:
        raise HostError(
            f"{path}: cannot be read: {error.strerror}", hint="run it as root, as with sudo"
        ) from error
    except ValueError as error:
        raise HostError(f"{path}: {error}", hint="the next cycle writes it anew: trued apply") from error


def exit_code(status: Status) -> int:
    """Return the exit code of the cycle that this tells of."""
    match status.result:
        case Verdict.INVALID:
            return DocumentError.exit_code
        case Verdict.REFUSED:
            return RefusedError.exit_code
    if status.error:
        return SourceError.exit_code
    fine = status.result in (Verdict.CONVERGED, Verdict.SUSPENDED)
    return 0 if fine and not _trouble(status) else HostError.exit_code


def _trouble(status: Status) -> bool:
    return any(line.result in TROUBLE for line in status.resources.values())


def lines(status: Status, age: float, screen: Screen) -> Iterator[str]:
    """Yield the state of the host as a person reads it."""
    style = "green" if exit_code(status) == 0 else "red"
    yield f"{screen.paint('bold', visible(status.host))} {screen.paint(style, visible(status.result))}"
    yield ""
    yield from aligned(
        (
            ("  commit", visible(status.commit or "none yet")),
            ("  last good", visible(status.good or "none yet")),
            ("  looked at", f"{span(age)} ago"),
            ("  agent", f"trued {visible(status.agent)}"),
        )
    )
    if status.error:
        yield ""
        yield from (f"  {screen.paint('red', visible(line))}" for line in status.error.splitlines())
    if remarks := tuple(remarks_of(status)):
        yield ""
        yield screen.paint("bold", "  to know")
        yield from (f"  {visible(remark)}" for remark in remarks)
    trouble = [entry for entry in notable(status) if entry[1].result in TROUBLE]
    others = [entry for entry in notable(status) if entry[1].result not in TROUBLE]
    yield from _listed("not as declared", trouble, screen)
    yield from _listed("changed by the last cycle", others, screen)
    yield ""
    yield tally(status)


def _listed(title: str, entries: Sequence[tuple[ResourceId, Standing]], screen: Screen) -> Iterator[str]:
    if entries:
        yield ""
        yield screen.paint("bold", f"  {title}")
        yield from (f"  {row}" if row else "" for row in listed(entries, screen))
