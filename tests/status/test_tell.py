"""Which reports are worth a commit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent.model import Report, Standing, Verdict
from agent.status.document import Status, status_of
from agent.status.tell import News, news, same_but_time
from tests.status.reports import (
    BLOCKED,
    CHANGED,
    FAILED,
    HELD,
    NOON,
    OLDER,
    RELEASED,
    UNCHANGED,
    failing,
    report,
)

FINE = report({"/a": UNCHANGED})
BROKEN = report({"/a": FAILED}, Verdict.FAILED)


def judged(now: Report, told: Report | None, after: timedelta = timedelta(minutes=1)) -> News:
    told_status: Status | None = status_of(told) if told else None
    return news(status_of(now), told_status, heartbeat=3600, now=NOON + after)


@pytest.mark.parametrize(
    ("now", "told", "expected"),
    [
        pytest.param(FINE, None, News.NEWS, id="the first report"),
        pytest.param(FINE, FINE, News.NOTHING, id="nothing new"),
        pytest.param(FINE, report({"/a": CHANGED}), News.NOTHING, id="what was changed stays so"),
        pytest.param(report({"/a": CHANGED}), FINE, News.NEWS, id="something was changed"),
        pytest.param(report({"/a": CHANGED}), report({"/a": CHANGED}), News.NEWS, id="changed once more"),
        pytest.param(BROKEN, FINE, News.NEWS, id="a failure"),
        pytest.param(BROKEN, BROKEN, News.NOTHING, id="the same failure"),
        pytest.param(FINE, BROKEN, News.NEWS, id="recovery"),
        pytest.param(
            report({"/a": replace(FAILED, reason="disk full")}, Verdict.FAILED),
            BROKEN,
            News.NEWS,
            id="another reason",
        ),
        pytest.param(
            report({"/a": replace(FAILED, reason="exit code 3: 12:00:07.31 app[812]: no")}, Verdict.FAILED),
            report({"/a": replace(FAILED, reason="exit code 3: 11:59:07.2 app[99]: no")}, Verdict.FAILED),
            News.NOTHING,
            id="the same failure at another time",
        ),
        pytest.param(
            report({"/a": FAILED, "/b": BLOCKED}, Verdict.FAILED),
            BROKEN,
            News.NEWS,
            id="one more in trouble",
        ),
        pytest.param(
            report({"/a": UNCHANGED, "/b": FAILED}, Verdict.FAILED),
            BROKEN,
            News.NEWS,
            id="another one in trouble",
        ),
        pytest.param(report({"/a": HELD}, Verdict.HELD), BROKEN, News.NEWS, id="held instead of failed"),
        pytest.param(
            report({"/a": UNCHANGED, "/b": UNCHANGED}), FINE, News.NOTHING, id="more, and all as declared"
        ),
        pytest.param(report({"/a": RELEASED}), FINE, News.NEWS, id="let go"),
        pytest.param(report({"/a": RELEASED}), report({"/a": RELEASED}), News.NOTHING, id="let go, still"),
        pytest.param(report({}), report({"/a": RELEASED}), News.NOTHING, id="let go, and forgotten"),
        pytest.param(replace(FINE, commit=OLDER), FINE, News.NEWS, id="another commit"),
        pytest.param(replace(FINE, good=OLDER), FINE, News.NEWS, id="another good commit"),
        pytest.param(
            failing("no", Verdict.INVALID), failing("no", Verdict.INVALID), News.NOTHING, id="still invalid"
        ),
        pytest.param(
            failing("no", Verdict.INVALID),
            failing("yes", Verdict.INVALID),
            News.NEWS,
            id="invalid otherwise",
        ),
        pytest.param(replace(FINE, error="unreachable"), FINE, News.NEWS, id="Git is away"),
        pytest.param(replace(FINE, facts={"arch": "riscv64"}), FINE, News.NOTHING, id="facts alone"),
        pytest.param(replace(FINE, host="edge-02"), FINE, News.NEWS, id="another name"),
    ],
)
def test_what_is_news(now: Report, told: Report | None, expected: News) -> None:
    """The same trouble is told once, and so is its end."""
    assert expected is judged(now, told)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (timedelta(minutes=59, seconds=59), News.NOTHING),
        (timedelta(hours=1), News.HEARTBEAT),
        (timedelta(days=3), News.HEARTBEAT),
        (timedelta(days=-400), News.HEARTBEAT),
    ],
    ids=["not yet", "after the heartbeat", "long after", "the clock was set back"],
)
def test_a_sign_of_life_after_the_heartbeat(after: timedelta, expected: News) -> None:
    """Counted from the last report that was told."""
    assert expected is judged(FINE, FINE, after)


def test_news_comes_before_a_sign_of_life() -> None:
    """A change after a long silence is no heartbeat."""
    assert News.NEWS is judged(report({"/a": CHANGED}), FINE, timedelta(hours=5))


def test_times_and_facts_alone_make_no_other_status() -> None:
    """An idle cycle has nothing to write to disk."""
    later = replace(FINE, finished=datetime.max.replace(tzinfo=NOON.tzinfo), facts={})
    relabelled = replace(FINE, labels={"ring": "prod"})
    other = report({"/a": Standing(result="unchanged", digest="ee" * 20)})

    assert [True, False, False] == [
        same_but_time(status_of(each), status_of(FINE)) for each in (later, relabelled, other)
    ]
