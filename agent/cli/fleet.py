"""`trued fleet status`: one line for each host, read from the status branches."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence

from agent.cli.assemble import now, settings_of, status_access
from agent.cli.screen import Screen
from agent.config import Settings
from agent.errors import HostError, UsageError
from agent.git.address import Access
from agent.git.history import StatusCommit, tips
from agent.model import Duration, Verdict
from agent.status.document import Status, parse
from agent.status.fleet import STALE, UNREADABLE, Row, rows
from agent.status.text import aligned, clip, span, visible

PREFIX = "status/"
_GOOD = Verdict.CONVERGED.value
_STYLES = {_GOOD: "green", STALE: "red", UNREADABLE: "red", Verdict.FAILED.value: "red"}


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the table; 3 when a host is not as declared or has fallen silent."""
    heartbeat = _heartbeat(args.heartbeat)
    where, prefix = _place(args)
    with screen.waiting("reading the status branches"):
        found = tips(where, prefix)
    table = rows(statuses(found, prefix), now=now(), heartbeat=heartbeat)
    if screen.json:
        screen.document([as_data(row) for row in table])
    else:
        for line in lines(table, screen):
            screen.line(line)
    return HostError.exit_code if any(not fine(row) for row in table) else 0


def _heartbeat(text: str) -> float:
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise UsageError(f"--heartbeat: {error}") from error


def _place(args: argparse.Namespace) -> tuple[Access, str]:
    """Return the repository of the status branches, and how their names begin."""
    if not args.url:
        settings = settings_of(args.config)
        return status_access(settings), _prefix(settings)
    try:
        return Access(
            url=args.url,
            token_file=args.token_file,
            ssh_key=args.ssh_key,
            known_hosts=args.known_hosts,
            ca_file=args.ca_file,
        ), PREFIX
    except ValueError as error:
        raise UsageError(f"--url: {error}") from error


def _prefix(settings: Settings) -> str:
    """Return what all hosts' branches begin with, if this host's own ends with its name."""
    branch = settings.status.branch
    return branch.removesuffix(settings.host) if branch.endswith(settings.host) else PREFIX


def statuses(found: Mapping[str, StatusCommit], prefix: str) -> Mapping[str, Status | ValueError]:
    """Return what each host says of itself; the branch says which host that is."""
    return {branch.removeprefix(prefix): _status(commit) for branch, commit in found.items()}


def _status(commit: StatusCommit) -> Status | ValueError:
    if commit.error:
        return ValueError(commit.error)
    if "status.json" not in commit.files:
        return ValueError("its newest commit has no status.json")
    try:
        return parse(commit.files["status.json"])
    except ValueError as error:
        return error


def fine(row: Row) -> bool:
    """Return whether nobody needs to look at this host."""
    return row.verdict == _GOOD and not row.failing and not row.error


def lines(table: Sequence[Row], screen: Screen) -> Iterator[str]:
    """Yield the table and a line that sums it up."""
    if not table:
        yield "no host has reported yet"
        return
    head = ("HOST", "RESULT", "COMMIT", "REPORTED", "FAILING", "TRUED")
    first, *rest = aligned((head, *map(_cells, table)), gap="  ")
    yield screen.paint("bold", first)
    yield from (
        line if fine(row) else screen.paint(_STYLES.get(row.verdict, "yellow"), line)
        for row, line in zip(table, rest, strict=True)
    )
    yield ""
    yield from (
        f"{visible(row.host)}: {clip(visible(row.error.splitlines()[0]), 200)}" for row in table if row.error
    )
    odd = sum(not fine(row) for row in table)
    yield f"{len(table)} host{'s' * (len(table) != 1)}, {odd} to look at"


def _cells(row: Row) -> tuple[str, ...]:
    verdict = f"{STALE} ({row.result})" if row.stale else row.result
    seen = "-" if row.age is None else f"{span(row.age)} ago"
    return (
        visible(row.host),
        visible(verdict),
        visible(row.commit[:7]) or "-",
        seen,
        str(row.failing or "-"),
        visible(row.agent) or "-",
    )


def as_data(row: Row) -> dict[str, object]:
    """Return one host as a program reads it."""
    return {
        "host": row.host,
        "result": row.result,
        "commit": row.commit or None,
        "age": None if row.age is None else int(row.age),
        "stale": row.stale,
        "failing": row.failing,
        "agent": row.agent or None,
        "error": row.error or None,
    }
