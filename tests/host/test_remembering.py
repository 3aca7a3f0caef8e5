"""What was worked out from files is worked out again when, and only when, one of them has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from agent.errors import HostError
from agent.host.stamps import MOST, Recollection, Stamps


@pytest.fixture(name="recollection")
def _recollection(root: Path) -> Recollection:
    """To it everything on disk is ten seconds old: old enough to be remembered."""
    return Recollection(root, clock=lambda: time.time_ns() + 10 * 10**9)


def counting() -> tuple[list[int], Callable[[], int]]:
    asked: list[int] = []

    def read() -> int:
        asked.append(1)
        return len(asked)

    return asked, read


def test_while_a_file_stands_as_it_stood_nothing_is_read_again(
    root: Path, recollection: Recollection
) -> None:
    (root / "etc/x").write_text("one")
    _, read = counting()

    assert [1, 1] == [recollection.answer("x", ("/etc/x",), read) for _ in range(2)]


@pytest.mark.parametrize("change", ["write", "remove", "replace"])
def test_a_file_that_changed_is_read_again(root: Path, recollection: Recollection, change: str) -> None:
    (root / "etc/x").write_text("one")
    _, read = counting()
    recollection.answer("x", ("/etc/x",), read)
    match change:
        case "write":
            (root / "etc/x").write_text("two")
        case "remove":
            (root / "etc/x").unlink()
        case "replace":
            (root / "etc/y").write_text("one")
            os.replace(root / "etc/y", root / "etc/x")

    assert 2 == recollection.answer("x", ("/etc/x",), read)


def test_what_is_not_there_is_a_state_like_any_other(root: Path, recollection: Recollection) -> None:
    _, read = counting()

    assert [1, 1] == [recollection.answer("x", ("/etc/x",), read) for _ in range(2)]
    (root / "etc/x").write_text("")
    assert 2 == recollection.answer("x", ("/etc/x",), read)


def test_a_folder_changes_with_the_names_in_it(root: Path, recollection: Recollection) -> None:
    _, read = counting()
    recollection.answer("x", ("/etc",), read)
    (root / "etc/new").write_text("")

    assert 2 == recollection.answer("x", ("/etc",), read)


def test_what_was_changed_a_moment_ago_proves_nothing(root: Path) -> None:
    (root / "etc/x").write_text("one")
    _, read = counting()
    now = Recollection(root)

    assert [1, 2] == [now.answer("x", ("/etc/x",), read) for _ in range(2)]


def test_a_change_while_it_is_read_is_noticed_the_next_time(root: Path, recollection: Recollection) -> None:
    (root / "etc/x").write_text("one")

    def read() -> str:
        found = (root / "etc/x").read_text()
        (root / "etc/x").write_text("two!")
        return found

    assert ["one", "two!"] == [recollection.answer("x", ("/etc/x",), read) for _ in range(2)]


def test_an_answer_belongs_to_its_key(recollection: Recollection) -> None:
    assert ["a", "b"] == [recollection.answer(key, (), lambda key=key: key) for key in ("a", "b")]


def test_no_more_answers_are_kept_than_can_be_used(recollection: Recollection) -> None:
    for number in range(2 * MOST):
        recollection.answer(number, (), lambda: 0)
    asked, read = counting()
    recollection.answer(0, (), read)

    assert asked


def test_what_is_raised_is_raised_again(recollection: Recollection) -> None:
    def read() -> int:
        raise HostError("no")

    for _ in range(2):
        with pytest.raises(HostError):
            recollection.answer("x", (), read)


def test_a_link_on_the_way_is_never_followed(root: Path, recollection: Recollection) -> None:
    (root / "way").symlink_to("etc")

    with pytest.raises(HostError, match="links are not followed"):
        recollection.answer("x", (str(PurePosixPath("/way/x")),), lambda: 0)


def test_one_look_asks_for_each_stamp_once_and_the_next_one_anew(
    root: Path, recollection: Recollection
) -> None:
    """Two answers from one file are of the same moment, though it is written in between."""
    (root / "etc/x").write_text("one")
    _, read = counting()
    recollection.answer("a", ("/etc/x",), read)
    recollection.answer("b", ("/etc/x",), read)
    seen: Stamps = {}

    assert 1 == recollection.answer("a", ("/etc/x",), read, seen)
    (root / "etc/x").write_text("two, longer")
    assert 2 == recollection.answer("b", ("/etc/x",), read, seen)
    assert 3 == recollection.answer("a", ("/etc/x",), read, {})


def test_what_is_read_anew_after_its_stamp_was_taken_and_a_change_is_not_remembered(
    root: Path, recollection: Recollection
) -> None:
    (root / "etc/x").write_text("one")
    _, read = counting()
    seen: Stamps = {}
    recollection.answer("a", ("/etc/x",), read, seen)
    (root / "etc/x").write_text("two, longer")

    assert [2, 3] == [recollection.answer("b", ("/etc/x",), read, eyes) for eyes in (seen, {})]
