"""How checks are run: what breaks, hangs or may not look is itself a finding, and the rest goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from agent.doctor import Check, Finding, Found, Grade, examine, exit_code, failed, ok, skipped, warning
from agent.errors import SourceError

SECRET = "hunter2"


def broken() -> Found:
    raise KeyError(SECRET)


def hanging() -> Found:
    threading.Event().wait(30)
    return ok("at last")


def forbidden() -> Found:
    raise PermissionError(13, "Permission denied", "/etc/trued/token")


def away() -> Found:
    raise SourceError("https://x/y: connection refused", hint="is the server up?")


def full() -> Found:
    raise OSError(28, "No space left on device", "/var/x")


@pytest.mark.parametrize(
    ("look", "grade", "text", "mend"),
    [
        (
            broken,
            Grade.FAILED,
            "the check itself broke: KeyError in test_examine.py:",
            "please report it",
        ),
        (forbidden, Grade.SKIPPED, "/etc/trued/token: is not for this user", "sudo trued doctor"),
        (away, Grade.FAILED, "https://x/y: connection refused", "is the server up?"),
        (full, Grade.FAILED, "/var/x: No space left on device", ""),
    ],
)
def test_what_goes_wrong_in_a_check_is_its_finding(
    look: Callable[[], Found], grade: Grade, text: str, mend: str
) -> None:
    """And the next check is made; what an exception says of itself is not repeated."""
    first, second = examine((Check(name="a", look=look), Check(name="b", look=lambda: ok("fine"))))

    assert (grade, True, True) == (
        first.found.grade,
        first.found.text.startswith(text),
        mend in first.found.mend,
    )
    assert SECRET not in first.found.text
    assert ok("fine") == second.found


def test_a_check_that_hangs_fails_when_its_time_is_over() -> None:
    first, second = examine(
        (Check(name="a", look=hanging, limit=0.1), Check(name="b", look=lambda: ok("b")))
    )

    assert (Grade.FAILED, "did not come to an end within 0.1 s") == (
        first.found.grade,
        first.found.text,
    )
    assert ok("b") == second.found


@pytest.mark.parametrize("before", [failed("x"), skipped("x")])
def test_what_means_nothing_without_another_is_skipped(before: Found) -> None:
    """And so is what needs that in turn; nothing of it counts as failed."""
    asked: list[str] = []

    def ask() -> Found:
        asked.append("asked")
        return ok("")

    found = tuple(
        examine(
            (
                Check(name="a", look=lambda: before),
                Check(name="b", look=ask, needs=("a",), code=6),
                Check(name="c", look=ask, needs=("b",)),
            )
        )
    )

    assert [skipped("needs a"), skipped("needs b")] == [each.found for each in found[1:]]
    assert [0, 0] == [each.code for each in found[1:]]
    assert [] == asked


def test_a_warning_is_no_reason_to_skip_what_follows() -> None:
    found = tuple(
        examine(
            (
                Check(name="a", look=lambda: warning("w", "m")),
                Check(name="b", look=lambda: ok(""), needs=("a",)),
            )
        )
    )

    assert ok("") == found[1].found
    assert 0 == exit_code(found)


@pytest.mark.parametrize(
    ("codes", "code"), [((), 0), ((0, 0), 0), ((3, 0), 3), ((3, 6), 6), ((6, 78, 3), 78), ((5,), 3)]
)
def test_the_gravest_decides_the_exit_code(codes: tuple[int, ...], code: int) -> None:
    assert code == exit_code(Finding(name="x", found=failed(""), code=each) for each in codes)
