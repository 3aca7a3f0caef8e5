"""What the messages of a branch tell of one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.model import Standing, Verdict
from agent.status.document import status_of
from agent.status.history import Changed, last_change
from agent.status.message import message
from tests.status.reports import CHANGED, COMMIT, FAILED, NOON, OLDER, report, rid

OLD = replace(report({"/a": CHANGED, "/a b": CHANGED}), commit=OLDER)
NEW = report({"/a b": FAILED, "/c": CHANGED}, Verdict.FAILED)
REPORTS = [(NOON + timedelta(hours=1), message(status_of(NEW))), (NOON, message(status_of(OLD)))]


@pytest.mark.parametrize(
    ("name", "when", "commit"), [("/a", 0, OLDER), ("/a b", 0, OLDER), ("/c", 1, COMMIT)]
)
def test_the_newest_report_of_a_change_counts(name: str, when: int, commit: str) -> None:
    """A failure is no change, and a name that begins alike is another one."""
    assert Changed(
        when=NOON + timedelta(hours=when), commit=commit, because="commit: content differs"
    ) == last_change(REPORTS, rid(name))


def test_what_was_never_changed_is_in_no_report() -> None:
    assert None is last_change(REPORTS, rid("/d"))


@pytest.mark.parametrize("name", ["/日本", "/x\ny", "/" + "x" * 4000, "/\udce9"])
def test_odd_names_are_found_as_they_are_shown(name: str) -> None:
    """In a message control characters are escapes, and what is very long is cut."""
    told = report({name: Standing(result="changed"), "/b": CHANGED})

    assert last_change([(NOON, message(status_of(told)))], rid(name))
