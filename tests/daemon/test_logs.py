"""What a report leaves in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.daemon.logs import headline, log_report
from agent.model import Cause, Report, ResourceId, Standing, Verdict

MOTD = ResourceId("file", "/etc/motd")
NGINX = ResourceId("package", "nginx")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHA = "1a2b3c4d" * 5
OK = Standing(result="unchanged")
FAILED = Standing(result="failed", cause=Cause.COMMIT, reason="is a directory")


def report(*, result: Verdict = Verdict.CONVERGED, error: str = "", **resources: Standing) -> Report:
    ids = {"motd": MOTD, "nginx": NGINX}
    return Report(
        host="edge-01",
        started=NOON,
        finished=NOON + timedelta(seconds=0.4),
        result=result,
        commit=SHA,
        error=error,
        resources={ids[name]: standing for name, standing in resources.items()},
    )


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[list[logging.LogRecord]]:
    handler, ours = Kept(), logging.getLogger("agent.daemon.logs")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield handler.records
    ours.removeHandler(handler)
    ours.setLevel(before)


def lines(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in records]


def test_a_cycle_that_changed_nothing_is_one_line(kept: list[logging.LogRecord]) -> None:
    log_report(report(motd=OK, nginx=OK), None)

    assert [("INFO", "converged at 1a2b3c4, nothing to do, in 0.4 s")] == lines(kept)


def test_each_change_is_one_line_id_first_with_fields(kept: list[logging.LogRecord]) -> None:
    changed = Standing(result="changed", cause=Cause.DRIFT, reason="mode is 0600")
    log_report(report(motd=changed, nginx=OK), report(motd=OK, nginx=OK))

    expected = [
        ("INFO", "file:/etc/motd: changed, drift: mode is 0600"),
        ("INFO", "converged at 1a2b3c4, 1 changed, in 0.4 s"),
    ]
    assert expected == lines(kept)
    fields = {name: str(getattr(kept[0], name)) for name in ("host", "commit", "resource", "result")}
    assert {"host": "edge-01", "commit": SHA, "resource": "file:/etc/motd", "result": "changed"} == fields


def test_a_change_that_comes_again_is_told_again(kept: list[logging.LogRecord]) -> None:
    """Something else keeps changing the file: each repair is an event."""
    changed = Standing(result="changed", cause=Cause.DRIFT, reason="mode is 0600")
    log_report(report(motd=changed), report(motd=changed))

    assert "file:/etc/motd: changed, drift: mode is 0600" == kept[0].getMessage()


def test_trouble_that_lasts_is_told_once(kept: list[logging.LogRecord]) -> None:
    """The line of the cycle still counts it."""
    failed = report(result=Verdict.FAILED, motd=FAILED)
    log_report(failed, None)
    log_report(failed, failed)

    assert [
        ("ERROR", "file:/etc/motd: failed, commit: is a directory"),
        ("INFO", "failed at 1a2b3c4, 1 failed, in 0.4 s"),
        ("INFO", "failed at 1a2b3c4, 1 failed, in 0.4 s"),
    ] == lines(kept)


def test_recovery_is_told(kept: list[logging.LogRecord]) -> None:
    log_report(report(motd=OK), report(result=Verdict.FAILED, motd=FAILED))

    assert ("INFO", "file:/etc/motd: well again") == lines(kept)[0]


def test_another_reason_is_news(kept: list[logging.LogRecord]) -> None:
    blocked = Standing(result="blocked", reason="needs package:nginx, which failed")
    log_report(report(motd=blocked), report(motd=FAILED))

    assert ("WARNING", "file:/etc/motd: blocked, needs package:nginx, which failed") == lines(kept)[0]


def test_an_error_of_the_source_is_told_once_and_its_end_too(kept: list[logging.LogRecord]) -> None:
    """The rest of it, such as a hint, is in the one line that is a warning; the short form goes with every cycle."""
    away = report(error="https://git.example.com: refused\nhint: is it up?")
    log_report(away, report())
    log_report(away, away)
    log_report(report(), away)

    short = "converged at 1a2b3c4 (https://git.example.com: refused), nothing to do, in 0.4 s"
    assert [
        ("WARNING", "https://git.example.com: refused\nhint: is it up?"),
        ("INFO", short),
        ("INFO", short),
        ("INFO", "error is over: https://git.example.com: refused"),
        ("INFO", "converged at 1a2b3c4, nothing to do, in 0.4 s"),
    ] == lines(kept)


def test_a_host_without_a_commit_has_a_headline() -> None:
    empty = Report(
        host="edge-01", started=NOON, finished=NOON, result=Verdict.REFUSED, error="not listed in fleet.yaml"
    )

    assert "refused, no commit yet (not listed in fleet.yaml)" == headline(empty)


def test_what_is_not_ready_yet_is_not_well_again(kept: list[logging.LogRecord]) -> None:
    last = report(result=Verdict.FAILED, nginx=FAILED)
    log_report(report(nginx=Standing(result="unchanged", reason="not ready yet: 0 of 1 ready")), last)

    assert ("INFO", "package:nginx: unchanged, not ready yet: 0 of 1 ready") == lines(kept)[0]
