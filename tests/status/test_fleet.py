"""What is made of the reports of all hosts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.model import Report, Verdict
from agent.status.document import Status, status_of
from agent.status.fleet import Row, rows
from tests.status.reports import COMMIT, FAILED, HELD, NOON, UNCHANGED, failing, report


def told(host: str, of: Report) -> Status:
    return status_of(replace(of, host=host))


FINE = report({"/a": UNCHANGED})


def test_a_row_says_how_a_host_is() -> None:
    """Verdict, commit, age of the report, how much is not as declared, which trued."""
    broken = replace(
        told("a", report({"/x": FAILED, "/y": HELD, "/z": UNCHANGED}, Verdict.FAILED)), agent="0.1.0"
    )

    assert (Row(host="a", result="failed", commit=COMMIT, age=90.0, failing=2, agent="0.1.0"),) == rows(
        {"a": broken}, now=NOON + timedelta(seconds=90)
    )


@pytest.mark.parametrize(
    ("silent", "heartbeat", "stale"),
    [(3.0, 3600, False), (3.1, 3600, True), (3.1, 7200, False), (0.9, 600, True)],
)
def test_three_heartbeats_without_a_report_are_too_many(
    silent: float, heartbeat: float, stale: bool
) -> None:
    """A host that says nothing may be in any state, whatever it said last."""
    row = rows({"a": told("a", FINE)}, now=NOON + timedelta(hours=silent), heartbeat=heartbeat)[0]

    assert (stale, "STALE" if stale else "converged") == (row.stale, row.verdict)


def test_those_that_need_a_person_come_first() -> None:
    """Then by name."""
    found = rows(
        {
            "fine-2": told("fine-2", FINE),
            "fine-1": told("fine-1", FINE),
            "offline": told("offline", replace(FINE, error="unreachable")),
            "held": told("held", report({"/a": HELD}, Verdict.HELD)),
            "new": replace(told("new", FINE), result="levitating"),
            "invalid": told("invalid", failing("no", Verdict.INVALID)),
            "failed": told("failed", report({"/a": FAILED}, Verdict.FAILED)),
            "silent": replace(told("silent", FINE), finished=NOON - timedelta(days=2)),
            "garbage": ValueError("status.json: expected an object"),
        },
        now=NOON,
    )

    assert ["garbage", "silent", "failed", "invalid", "held", "new", "offline", "fine-1", "fine-2"] == [
        row.host for row in found
    ]


def test_a_branch_that_cannot_be_read_is_a_row_too() -> None:
    """One garbled host must not hide the others."""
    assert (Row(host="a", result="unreadable", error="no JSON"),) == rows(
        {"a": ValueError("no JSON")}, now=NOON
    )
