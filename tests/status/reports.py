"""Reports to say something about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from agent.model import Cause, Ownership, Report, ResourceId, Standing, Verdict

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
OLDER = "0f" * 20

UNCHANGED = Standing(result="unchanged", digest="ab" * 20, owned=Ownership.CREATED)
CHANGED = Standing(result="changed", cause=Cause.COMMIT, reason="content differs", digest="cd" * 20)
FAILED = Standing(result="failed", cause=Cause.DRIFT, reason="read-only file system")
BLOCKED = Standing(result="blocked", reason="needs file:/etc/a")
HELD = Standing(result="held", reason="12 removals of 20 owned are more than limits.removals allows")
RELEASED = Standing(result="released", reason="it was there before trued")


def rid(name: str) -> ResourceId:
    return ResourceId("file", name)


def report(resources: Mapping[str, Standing] | None = None, result: Verdict = Verdict.CONVERGED) -> Report:
    """Return a report of edge-01 on these files."""
    return Report(
        host="edge-01",
        started=NOON,
        finished=NOON,
        result=result,
        commit=COMMIT,
        good=COMMIT,
        labels={"ring": "canary"},
        facts={"arch": "aarch64", "os": {"id": "debian", "version": "12"}},
        resources={rid(name): standing for name, standing in (resources or {}).items()},
    )


def failing(error: str, result: Verdict, commit: str | None = COMMIT) -> Report:
    """Return a report of a cycle that had something to say about the newest commit."""
    return replace(report(result=result), error=error, commit=commit, good=commit)
