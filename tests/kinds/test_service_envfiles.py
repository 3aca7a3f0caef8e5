"""Files of environment variables, as Compose reads them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import HostError
from agent.kinds._service.envfiles import parsed

READ: Mapping[str, Mapping[str, str]] = {
    "": {},
    "A=1\nB=2": {"A": "1", "B": "2"},
    "A=1\r\nB=2\r\n": {"A": "1", "B": "2"},
    "\ufeffA=1": {"A": "1"},
    "# a comment\n\n  A=1 # and another\n": {"A": "1"},
    "A=a#b": {"A": "a#b"},
    "A=": {"A": ""},
    "A=  b c  ": {"A": "b c"},
    "A = b": {"A": "b"},
    "A: b": {"A": "b"},
    "export A=1": {"A": "1"},
    "export=1": {"export": "1"},
    "A='b # c'": {"A": "b # c"},
    'A="b # c" # d': {"A": "b # c"},
    'A="two\nlines"\nB=1': {"A": "two\nlines", "B": "1"},
    r'A="a\nb\t\"c\" \\ \q"': {"A": 'a\nb\t"c" \\ \\q'},
    r"A='a\nb'": {"A": r"a\nb"},
    r"A='it\'s'": {"A": "it's"},
    r'A="\0123"': {"A": "S"},
    r"A=a\nb": {"A": r"a\nb"},
    "A=$B ${C}": {"A": "$B ${C}"},
    r'A="\$B"': {"A": "$B"},
    "A\nB=1": {"B": "1"},
    "A=1\nA=2": {"A": "2"},
    "a.b-c[0]=1": {"a.b-c[0]": "1"},
    "A=b=c": {"A": "b=c"},
}


@pytest.mark.parametrize("text", READ)
def test_quotes_comments_and_export_are_read(text: str) -> None:
    assert READ[text] == parsed(text, "/e")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A=1\nB C=hunter2", "line 2: expected NAME=value"),
        ("=hunter2", "line 1: expected NAME=value"),
        ("A=1\n\nB='hunter2", "line 3: expected a closing '"),
        ('A="hunter2', 'line 1: expected a closing "'),
        ("A=hunter2\0", "expected text, found a zero byte"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line_and_no_value(text: str, place: str) -> None:
    with pytest.raises(HostError) as caught:
        parsed(text, "/e")
    assert f"/e: {place}" == str(caught.value)


def test_a_large_file_takes_as_long_as_it_is() -> None:
    """Twice the lines, twice the time: each file of a container is read in every cycle."""

    def seconds(lines: int) -> float:
        text = "".join(f"A{n}=1234567890\n" for n in range(lines))
        began = time.process_time()
        assert lines == len(parsed(text, "/e"))
        return time.process_time() - began

    once = min(seconds(2_000) for _ in range(3))
    assert min(seconds(20_000) for _ in range(3)) < 30 * once


def test_a_line_is_counted_after_values_of_several_lines() -> None:
    with pytest.raises(HostError, match="^/e: line 6: expected NAME=value$"):
        parsed("A='1\n2'\nB\n# C\nD=\"\n\" =\n", "/e")


def test_a_raw_file_is_taken_line_by_line_as_it_stands() -> None:
    text = "# comment\nA='b' # c \n  B=\"$x\"\nC\n\nD=\n"

    assert {"A": "'b' # c ", "B": '"$x"', "D": ""} == parsed(text, "/e", raw=True)


@pytest.mark.parametrize("text", ["A B=1", "=1", "A =1"])
def test_a_name_in_a_raw_file_has_no_space(text: str) -> None:
    with pytest.raises(HostError, match="line 1: expected"):
        parsed(text, "/e", raw=True)


@given(
    st.dictionaries(
        st.from_regex("[A-Z_]{1,5}", fullmatch=True),
        st.text(
            st.characters(min_codepoint=1, blacklist_categories=["Cs"], blacklist_characters="'\\\r"),
            max_size=9,
        ),
    )
)
def test_what_stands_in_single_quotes_comes_back(variables: dict[str, str]) -> None:
    assert variables == parsed("\n".join(f"{name}='{value}'" for name, value in variables.items()), "/e")


@given(st.text(max_size=40))
def test_any_text_is_read_or_told(text: str) -> None:
    """Whatever a file holds, there is an answer, and no other exception."""
    with suppress(HostError):
        parsed(text, "/e")
