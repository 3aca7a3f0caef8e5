"""A report as log lines, id first: one for each thing that is new, one for the cycle. Logs, and does nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from agent.model import Report, ResourceId, Result, Standing
from agent.status.message import stands
from agent.status.text import gist

log = logging.getLogger(__name__)

LEVELS: Mapping[str, int] = {
    Result.FAILED: logging.ERROR,
    Result.BLOCKED: logging.WARNING,
    Result.HELD: logging.WARNING,
    Result.CONTESTED: logging.WARNING,
}
TROUBLE = frozenset(LEVELS)


def log_report(report: Report, last: Report | None) -> None:
    """Log what `report` says that `last` did not, and one line in all cases."""
    for rid, standing in _news(report, last):
        log.log(
            LEVELS.get(standing.result, logging.INFO),
            "%s: %s",
            rid,
            _told(standing),
            extra={"host": report.host, "commit": report.commit, "resource": rid, "result": standing.result},
        )
    before = last.error if last else ""
    if report.error and report.error != before:
        log.warning("%s", report.error, extra=_fields(report))
    if before and not report.error:
        log.info("error is over: %s", before.splitlines()[0], extra=_fields(report))
    log.info("%s", summary(report), extra=_fields(report))


def headline(report: Report) -> str:
    """Return the state of the host in a few words: `converged at 1a2b3c4`."""
    why = f" ({report.error.splitlines()[0]})" if report.error else ""
    return stands(report.result, report.commit) + why


def summary(report: Report) -> str:
    """Return the line of a whole cycle: `converged at 1a2b3c4, 2 changed, in 0.4 s`."""
    plain = (Result.UNCHANGED,)  # the same object in most of thousands of lines, which takes no comparison
    results = [one.result for one in report.resources.values() if one.result not in plain]
    counts = [f"{results.count(result)} {result}" for result in Result if result in results]
    took = (report.finished - report.started).total_seconds()
    return ", ".join([headline(report), *(counts or ["nothing to do"]), f"in {took:.1f} s"])


def _news(report: Report, last: Report | None) -> Iterator[tuple[ResourceId, Standing]]:
    """Yield what was done, what is newly in trouble, and what is well again; trouble that lasts is said once."""
    if last and report.resources is last.resources:
        return
    for rid, standing in report.resources.items():
        before = last.resources.get(rid) if last else None
        if standing.result in TROUBLE:
            new = before is None or _trouble(before) != _trouble(standing)
        elif standing.result == Result.UNCHANGED:
            new = before is not None and before.result in TROUBLE
        else:
            new = standing.result == Result.CHANGED or before != standing
        if new:
            yield rid, standing


def _trouble(standing: Standing) -> tuple[str, frozenset[str]]:
    return standing.result, gist(standing.reason)


def _told(standing: Standing) -> str:
    if standing.result == Result.UNCHANGED and not standing.reason:
        return "well again"
    reason = ": ".join(text for text in (standing.cause, standing.reason) if text)
    return f"{standing.result}, {reason}" if reason else str(standing.result)


def _fields(report: Report) -> dict[str, object]:
    return {"host": report.host, "commit": report.commit, "result": report.result}
