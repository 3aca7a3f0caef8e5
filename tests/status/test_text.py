"""Text that a person reads in a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.status.text import aligned, clip, footnoted, gist, span, visible, width


@given(st.text())
def test_visible_text_is_one_printable_line(text: str) -> None:
    """Whatever a name or a reason holds; and it can be encoded."""
    shown = visible(text)

    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert shown == shown.encode().decode()
    assert shown == visible(shown)


@given(st.text(), st.integers(min_value=2, max_value=50))
def test_clipped_text_fits(text: str, limit: int) -> None:
    """In columns, not in characters."""
    assert width(clip(visible(text), limit)) <= limit


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("🦊", 2), ("naïve", 5)]
)
def test_width_is_in_columns(text: str, columns: int) -> None:
    assert columns == width(text)


def test_a_cell_that_is_too_wide_pushes_its_own_row_only() -> None:
    assert ("a    b", "wide   b", "aa   b") == aligned([("a", "b"), ("wide", "b"), ("aa", "b")], widest=3)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (-5, "0s"), (59.9, "59s"), (60, "1m"), (7199, "1h"), (86400 * 40, "40d")],
)
def test_a_span_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert said == span(seconds)


def test_a_long_reason_that_many_share_is_said_once() -> None:
    """Three hundred held removals are held for one reason. Short ones, and those of one, stay in their row."""
    long, lone = "r" * 41, "l" * 41

    assert (
        ("drift [1]", "short", "[1]", "commit: short", f"commit: {lone}", ""),
        (f"[1] {long}",),
    ) == footnoted(
        [("drift", long), ("", "short"), ("", long), ("commit", "short"), ("commit", lone), ("", "")]
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("exit code 3: at 1795407620.32 pid 17", "exit code 3: at 1795407627.498 pid 4711", True),
        ("2026-11-23T04:20:23Z app[17]: no", "2026-11-24T00:00:00Z app[4]: no", True),
        ("at 0x7f8ab0; at 0x7f8ab0", "at 0x7fffe0", True),
        ("request 5f0c-11ee-be56: no", "request 9a1b-77aa-c0de: no", True),
        ("no space left", "no such file", False),
        ("it says yes; it says no", "it says yes", False),
    ],
)
def test_the_gist_of_a_reason_is_without_numbers(one: str, other: str, same: bool) -> None:
    """And says what is there twice once."""
    assert same is (gist(one) == gist(other))
