"""Expressions that are compiled late are expressions in every respect that trued makes use of."""

from __future__ import annotations

import re

import pytest

from agent.late import pattern, patterns
from tests.test_layers import MODULES


def test_it_matches_as_the_real_one() -> None:
    """At its first use and later, text and bytes, with flags and without."""
    words, lines = pattern(r"(\w+) (?P<last>\w+)"), pattern(rb"^b (.*)$", re.MULTILINE)
    for _ in range(2):
        found = words.fullmatch("one two")
        assert found
        assert (found[1], found["last"]) == ("one", "two")
        assert not words.fullmatch("one")
        assert lines.findall(b"a 1\nb 2\nb 3") == [b"2", b"3"]
        assert words.sub("0", "one two three") == "0 three"
        assert words.pattern == r"(\w+) (?P<last>\w+)"


def test_nothing_is_compiled_before() -> None:
    """What is wrong with one is said when it is used, not when it is made."""
    wrong = pattern("(")

    with pytest.raises(re.error):
        wrong.match("")


def test_a_library_compiles_late_and_nobody_else() -> None:
    """Only what is imported meanwhile; and not when that fails either."""
    usual = re.compile
    with patterns():
        assert not isinstance(re.compile("x"), re.Pattern)
    assert re.compile is usual
    with pytest.raises(ImportError), patterns():
        __import__("there_is_none")
    assert re.compile is usual


def test_a_late_one_is_compiled_by_the_usual_way_meanwhile() -> None:
    late = pattern("a+")
    with patterns():
        assert late.match("aa")


def test_all_late_ones_can_be_compiled() -> None:
    """Since nobody is told at the start of a process any more."""
    late = type(pattern(""))
    for name in MODULES:
        module = __import__(name, fromlist=["_"]) if name != "agent.__main__" else None
        for one in vars(module).values() if module else ():
            if type(one) is late:
                assert one.pattern is not None
