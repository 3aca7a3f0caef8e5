"""The differences that a plan shows: those of diff -u, bounded, and safe for a terminal."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from agent.cli.diff import LIMIT, MOST_LINES, Side, cut, differences, size


def diff(old: str | bytes | None, new: str | bytes) -> list[str]:
    def side(data: str | bytes) -> Side:
        return Side(data.encode() if isinstance(data, str) else data)

    return list(differences(None if old is None else side(old), side(new)))


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param("a\n", "a\n", [], id="equal"),
        pytest.param(None, "a\nb\n", ["@@ -0,0 +1,2 @@", "+a", "+b"], id="new"),
        pytest.param(None, "", [], id="new and empty"),
        pytest.param("a\n", "", ["@@ -1 +0,0 @@", "-a"], id="emptied"),
        pytest.param("a\nb\nc\n", "a\nB\nc\n", ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"], id="one line"),
        pytest.param(
            "a\nb",
            "a\nb\n",
            ["@@ -1,2 +1,2 @@", " a", "-b", "\\ No newline at end of file", "+b"],
            id="end added",
        ),
        pytest.param(
            "a\n", "a", ["@@ -1 +1 @@", "-a", "+a", "\\ No newline at end of file"], id="end taken away"
        ),
        pytest.param(
            "a",
            "b\na",
            ["@@ -1 +1,2 @@", "+b", " a", "\\ No newline at end of file"],
            id="neither has an end",
        ),
        pytest.param("a\r\n", "a\n", ["@@ -1 +1 @@", "-a\\r", "+a"], id="carriage return"),
        pytest.param("\x1b[2J\n", "\tx\n", ["@@ -1 +1 @@", "-\\x1b[2J", "+\tx"], id="control characters"),
        pytest.param(
            "x\u2028y\n", "x\n", ["@@ -1 +1 @@", "-x\\u2028y", "+x"], id="a line break of Unicode only"
        ),
        pytest.param(b"\0\1", b"\0\1\2", ["(binary: 2 B, becomes 3 B)"], id="binary"),
        pytest.param(None, b"\xff\xfe", ["(binary: 2 B)"], id="new and binary"),
        pytest.param("text\n", b"\xff" * 2048, ["(binary: 5 B, becomes 2.0 KiB)"], id="text becomes binary"),
    ],
)
def test_what_differs(old: str | bytes | None, new: str | bytes, lines: list[str]) -> None:
    """As diff -u has it, control characters made visible, no text summed up."""
    assert lines == diff(old, new)


def test_what_was_cut_off_is_not_compared() -> None:
    """Its beginning says nothing about the rest."""
    large = Side(b"a\n" * 10, complete=False)

    assert ("(large: more than 256.0 KiB, becomes 2 B)",) == differences(large, Side(b"a\n"))


def test_hunks_name_the_lines_of_the_whole_file() -> None:
    """Though what both sides begin and end with is not compared."""
    before = [f"line {number}\n" for number in range(1, 1001)]
    after = [*before[:499], "changed\n", *before[500:]]

    assert [
        "@@ -497,7 +497,7 @@",
        " line 497",
        " line 498",
        " line 499",
        "-line 500",
        "+changed",
        " line 501",
        " line 502",
        " line 503",
    ] == diff("".join(before), "".join(after))


@pytest.mark.parametrize("seed", range(25))
def test_git_can_apply_it(seed: int, tmp_path: Path) -> None:
    """The hunks are right: applied to the old file they give the new one."""
    chance = random.Random(seed)
    old = [f"{chance.randrange(6)}\n" for _ in range(chance.randrange(40))]
    new = [line for line in old if chance.random() > 0.2]
    for _ in range(chance.randrange(1, 6)):
        new.insert(chance.randrange(len(new) + 1), f"new {chance.randrange(3)}\n")
    before = "".join(old)[: -1 if old and seed % 3 == 0 else None]
    after = "".join(new)[: -1 if seed % 4 == 0 else None]
    (tmp_path / "f").write_text(before)
    patch = "\n".join(["--- a/f", "+++ b/f", *diff(before, after), ""])

    subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=patch, cwd=tmp_path, text=True, check=True)

    assert after == (tmp_path / "f").read_text()


def test_a_large_rewrite_is_summed_up_and_quick() -> None:
    """difflib would take minutes over two files in which everything differs."""
    old = "".join(f"{number}\n" for number in range(MOST_LINES * 4))
    new = "".join(f"{number}\n" for number in range(MOST_LINES * 4, 0, -1))
    start = time.monotonic()

    lines = diff(old, new)

    assert lines[0].startswith("(too many lines differ: ")
    assert time.monotonic() - start < 2


def test_the_worst_that_is_compared_is_quick_enough() -> None:
    """Few different lines, each many times, are difflib's worst."""
    chance = random.Random(1)
    old = "".join(f"{chance.randrange(3)}\n" for _ in range(MOST_LINES))
    new = "".join(f"{chance.randrange(3)}\n" for _ in range(MOST_LINES))
    start = time.monotonic()

    diff(old, new)

    assert time.monotonic() - start < 10


def test_what_is_cut_says_how_much() -> None:
    lines = [str(number) for number in range(100)]

    assert ("0", "1", "… 98 more lines (--full shows them)") == cut(lines, 3)
    assert tuple(lines) == cut(lines, None) == cut(lines, 100)


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (1023, "1023 B"), (LIMIT, "256.0 KiB"), (3 << 30, "3.0 GiB"), (1 << 20, "1.0 MiB")],
)
def test_sizes_are_said_in_binary_units(number: int, said: str) -> None:
    assert said == size(number)
