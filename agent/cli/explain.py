"""
`trued explain`: why one resource is as it is. Reads what is kept on this host, and for its last change the status
branch; works without the network.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.cli.assemble import Parts, assembled, status_access
from agent.cli.screen import Screen
from agent.cli.status import last
from agent.config import Settings
from agent.errors import HostError, SourceError, TruedError, UsageError
from agent.git import history
from agent.model import DesiredState, Resource, ResourceId, Result, Standing
from agent.reconcile.ledger import Ledger, Owned
from agent.status.document import TROUBLE, Status, timestamp
from agent.status.history import last_change
from agent.status.text import aligned, visible
from agent.values import dataclass

REPORTS = 200  # of the status branch that are searched for the last change
# The rest is known without the network: somebody at a terminal must not wait for a remote that is away.
PATIENCE = replace(history.LIMITS, connect=3.0, stall=5.0, total=15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that this host knows. What is None could not be had; `problems` says why."""

    ledger: Ledger
    desired: DesiredState | None
    status: Status | None
    problems: tuple[str, ...]

    def ids(self) -> set[ResourceId]:
        declared = self.desired.resources if self.desired else {}
        reported = self.status.resources if self.status else {}
        return {*declared, *reported, *self.ledger.owned}


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print what is known of one resource; raises UsageError for an id that nobody knows."""
    with assembled(args.config) as parts:
        known = gather(parts)
    rid = find(args.id, known.ids())
    facts = (*explained(rid, known), *(() if args.offline else _history(rid, parts.settings, screen)))
    if screen.json:
        screen.document({"id": str(rid), **{key.replace(" ", "_"): value for key, value in facts}})
        return 0
    screen.line(screen.paint("bold", visible(str(rid))))
    for line in aligned((f"  {key}", _said(value)) for key, value in facts):
        screen.line(line)
    for problem in known.problems:
        screen.note(f"trued: {visible(problem)}")
    return 0


def _history(rid: ResourceId, settings: Settings, screen: Screen) -> Iterator[tuple[str, object]]:
    """Yield when it was changed last, as far as the status branch tells."""
    if not settings.status.enabled:
        return
    try:
        with screen.waiting("reading the status branch"):
            reports = history.log(
                status_access(settings), settings.status.branch, REPORTS, names=(), limits=PATIENCE
            )
    except SourceError as error:
        screen.note(f"trued: when it was changed is not known: {visible(str(error))}")
        return
    found = last_change(((report.when, report.message) for report in reports), rid)
    if found is None:
        yield "last change", f"not in the last {len(reports)} reports"
        return
    commit = f" at {found.commit[:7]}" if found.commit else ""
    yield "last change", f"{timestamp(found.when)}{commit} ({found.because})"


def gather(parts: Parts) -> Known:
    """Return what the ledger, the held commit and the last report say."""
    ledger, problems = parts.agent.memory.load(), []
    desired: DesiredState | None = None
    status: Status | None = None
    try:
        if ledger.held:
            desired = parts.agent.load(parts.agent.source.at(ledger.held), parts.agent.identity)
    except TruedError as error:
        problems.append(f"the commit that this host holds cannot be read: {error}")
    try:
        status, _ = last(parts.settings.state_dir)
    except HostError as error:
        problems.append(str(error))
    return Known(ledger=ledger, desired=desired, status=status, problems=tuple(problems))


def find(text: str, known: Iterable[ResourceId]) -> ResourceId:
    """Return the id that is meant; raises UsageError with the nearest ones."""
    names = {str(rid): rid for rid in known}
    if text in names:
        return names[text]
    near = (
        difflib.get_close_matches(text, names, n=3, cutoff=0.5)
        or [name for name in names if text in name][:3]
    )
    hint = (
        f"did you mean {', '.join(near)}?"
        if near
        else "an id looks like file:/etc/motd; trued status --json has all of them"
    )
    raise UsageError(f"{text}: neither declared nor owned on this host", hint=hint)


def explained(rid: ResourceId, known: Known) -> Iterator[tuple[str, object]]:
    """Yield what is known of one resource, name and value; a value is text or a list of texts."""
    resource = known.desired.resources.get(rid) if known.desired else None
    standing = known.status.resources.get(rid) if known.status else None
    owned = known.ledger.owned.get(rid)
    yield "declared", _where(resource, known)
    yield from _declaration(resource, known)
    yield "owned", _ownership(owned, unfinished=rid in known.ledger.unfinished)
    yield from _state(standing, known.status)
    if resource:
        yield from _waiting(resource, known.status)


def _where(resource: Resource | None, known: Known) -> str:
    commit = f"commit {known.ledger.held[:7]}" if known.ledger.held else "no commit yet"
    if resource is None:
        return f"nowhere in {commit}" if known.desired else "unknown"
    implied = ", follows from another entry" if resource.implied else ""
    return f"{resource.origin}, {commit}{implied}"


def _declaration(resource: Resource | None, known: Known) -> Iterator[tuple[str, object]]:
    if resource is None or known.desired is None:
        return
    yield "digest", resource.digest
    yield "drift", str(resource.drift)
    if resource.keep:
        yield "keep", "left in place when no longer declared"
    if resource.needs:
        yield "needs", sorted(map(str, resource.needs))
    if resource.restart_on:
        yield "restarts on", sorted(map(str, resource.restart_on))
    if resource.reload_on:
        yield "reloads on", sorted(map(str, resource.reload_on))
    users = [rid for rid, other in known.desired.resources.items() if resource.id in other.after]
    if users:
        yield "needed by", sorted(map(str, users))


def _ownership(owned: Owned | None, *, unfinished: bool) -> str:
    if owned is None:
        return "no"
    end = {
        "created": "nothing was there before trued, and it is removed when it is no longer declared",
        "adopted": "it was there before trued, and is let go when it is no longer declared",
    }[owned.ownership]
    return f"{owned.ownership}: {end}" + ("; the last attempt did not finish" if unfinished else "")


def _state(standing: Standing | None, status: Status | None) -> Iterator[tuple[str, object]]:
    if standing is None or status is None:
        yield "last result", "not in the last report"
        return
    as_declared = standing.result == Result.UNCHANGED
    yield "last result", "as declared" if as_declared else standing.result
    if standing.cause:
        yield "cause", str(standing.cause)
    if standing.reason:
        yield "reason", standing.reason


def _waiting(resource: Resource, status: Status | None) -> Iterator[tuple[str, object]]:
    """Yield those it needs that are themselves in trouble."""
    if status is None:
        return
    needed = resource.after
    waiting = [
        f"{rid} ({status.resources[rid].result}: {status.resources[rid].reason})"
        for rid in sorted(needed)
        if rid in status.resources and status.resources[rid].result in TROUBLE
    ]
    if waiting:
        yield "waiting for", waiting


def _said(value: object) -> str:
    return ", ".join(map(visible, value)) if isinstance(value, list) else visible(str(value))
