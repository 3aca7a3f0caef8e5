"""The page of a status branch, as a forge shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.model import Standing, Verdict
from agent.status.document import status_of
from agent.status.readme import ROWS, escaped, readme
from agent.status.text import clip, visible
from tests.status.reports import CHANGED, COMMIT, FAILED, RELEASED, UNCHANGED, failing, report


def test_the_page_tells_what_a_person_wants_to_know_first() -> None:
    """Verdict, what is not as declared, what was changed, how many of each."""
    told = report({"/a": CHANGED, "/b": FAILED, "/c": UNCHANGED, "/d": RELEASED}, Verdict.FAILED)

    assert f"""\
# edge-01: failed

|  |  |
| --- | --- |
| commit | <code>{COMMIT}</code> |
| last good commit | <code>{COMMIT}</code> |
| reported | 2026-01-31T12:00:00Z |
| labels | <code>ring=canary</code> |
| agent | trued 0.1.0 |

## Not as declared

| result | resource | why |
| --- | --- | --- |
| failed | <code>file:/b</code> | drift: read-only file system |

## Changed

| result | resource | why |
| --- | --- | --- |
| changed | <code>file:/a</code> | commit: content differs |
| released | <code>file:/d</code> | it was there before trued |

## Resources

| result | resources |
| --- | --- |
| failed | 1 |
| changed | 1 |
| released | 1 |
| unchanged | 1 |
""" == readme(status_of(told))


def test_a_host_without_anything_is_a_page_too() -> None:
    """The first report of a host that was refused."""
    page = readme(status_of(failing("fleet.yaml: edge-01 is not listed", Verdict.REFUSED, None)))

    assert "| commit | none yet |" in page
    assert "> fleet.yaml: edge-01 is not listed" in page
    assert page.endswith("## Resources\n\nNone.\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/etc/my_file.conf", "/etc/my\\_file.conf"),
        ("a|b", "a&#124;b"),
        ("`rm`", "&#96;rm&#96;"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("**bold**", "\\*\\*bold\\*\\*"),
        ("[x](http://y)", "\\[x\\](http://y)"),
        ("a\\|b", "a&#92;&#124;b"),
        ("two\nlines", "two&#92;nlines"),
        ("@team #12 $x$", "\\@team \\#12 \\$x\\$"),
        ("\u202eabc", "&#92;u202eabc"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    """Names and reasons come from elsewhere: they must not become markup, a link, a mention or another row."""
    assert shown == escaped(text)


def test_every_row_of_a_table_is_one_line_with_its_three_cells() -> None:
    """Also with names that would end a cell, a line or a page."""
    odd = {
        name: Standing(result="failed", reason=name)
        for name in ("/a|b", "/a\nb", "/`|`", "/\\|", "/</code>")
    }

    page = readme(status_of(report(odd, Verdict.FAILED)))
    rows = [line for line in page.splitlines() if line.startswith("| failed | <code>")]

    assert [4] * len(odd) == [row.count("|") for row in rows]


def test_a_page_is_bounded() -> None:
    """Forges stop to render large pages."""
    many = {f"/etc/{number:05}": FAILED for number in range(ROWS + 5_000)}

    page = readme(status_of(report(many, Verdict.FAILED)))

    assert "… and 5000 more; status.json has them all." in page
    assert len(page) < 100_000


def test_labels_are_left_out_where_there_are_none() -> None:
    """No empty rows."""
    assert "labels" not in readme(status_of(replace(report(), labels={})))


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_markdown_reader_sees_the_names_and_reasons_as_they_are(name: str, reason: str) -> None:
    """One row, three cells, their text unchanged; no link, no emphasis, no HTML of somebody else's."""
    told = report({name: Standing(result="failed", reason=reason)}, Verdict.FAILED)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(readme(status_of(told)))
    cells = [token for token in tokens if token.type == "inline" and token.level > 0]
    at = next(number for number, token in enumerate(cells) if token.content == "failed")
    resource, why = cells[at + 1], cells[at + 2]

    assert {"text", "text_special", "html_inline"} >= {child.type for child in resource.children or ()}
    assert {"text", "text_special"} >= {child.type for child in why.children or ()}
    assert f"<code>{clip(visible(f'file:{name}'), 512)}</code>" == seen(resource)
    assert clip(visible(reason), 400).strip() == seen(why).strip()


def seen(token: Token) -> str:
    return "".join(child.content for child in token.children or ())
