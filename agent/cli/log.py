"""`trued log`: the status history of this host, read from its branch; without the network, what is kept here."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from agent.cli.assemble import settings_of, status_access
from agent.cli.screen import Screen
from agent.cli.status import last
from agent.config import Settings
from agent.errors import HostError, SourceError
from agent.git.history import StatusCommit
from agent.git.history import log as history
from agent.status.document import timestamp
from agent.status.message import message
from agent.status.text import visible


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the newest reports, as `git log` would; raises SourceError when not even the last one is known."""
    settings = settings_of(args.config)
    try:
        with screen.waiting("reading the status branch"):
            commits = history(status_access(settings), settings.status.branch, args.number, names=())
    except SourceError as error:
        return _offline(settings, error, screen)
    if screen.json:
        screen.document([as_data(commit) for commit in commits])
    elif not commits:
        screen.note(f"trued: {visible(settings.status.branch)}: no reports yet")
    else:
        screen.line("\n\n".join("\n".join(lines(commit, screen)) for commit in commits))
    return 0


def _offline(settings: Settings, error: SourceError, screen: Screen) -> int:
    """Show the last report, which is kept on this host too."""
    try:
        status, _ = last(settings.state_dir)
    except HostError:
        raise error from None
    screen.complain(error)
    if not screen.json:
        screen.note("trued: offline; this is the last report, kept on this host")
        screen.line(f"{timestamp(status.finished)}  (not read from the branch)")
        screen.line()
        screen.line("\n".join(f"    {line}".rstrip() for line in message(status).splitlines()))
    return error.exit_code


def lines(commit: StatusCommit, screen: Screen) -> Iterator[str]:
    """Yield one report, its message indented as git-log(1) does."""
    yield f"{screen.paint('yellow', commit.sha[:10])}  {timestamp(commit.when)}"
    yield ""
    if commit.error:
        yield f"    ({visible(commit.error)})"
    yield from (f"    {visible(line)}".rstrip() for line in commit.message.strip().splitlines())


def as_data(commit: StatusCommit) -> dict[str, object]:
    """Return one report as a program reads it."""
    return {
        "commit": commit.sha,
        "when": timestamp(commit.when),
        "subject": commit.message.partition("\n")[0],
        "message": commit.message,
        "error": commit.error or None,
    }
