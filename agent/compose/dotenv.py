"""
The file .env beside a Compose file: names and values for its interpolation. Pure.

As dotenv/parser.go of compose-go reads it: `export`, comments, three ways to quote, values of several lines, `:` for
`=`, and variables in what is not in single quotes.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Final

from agent.compose.interpolate import Interpolation
from agent.documents.nodes import Place
from agent.documents.problems import Findings

_BLANK: Final = re.compile(r"(?:\s+|#[^\n]*)*")
_KEY: Final = re.compile(r"(?:export[^\S\n]+)?([\w.\[\]-]+)[^\S\n]*(?:([=:])[^\S\n]*|(?=\n|\Z))")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SINGLE: Final = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_PLAIN: Final = re.compile(r"[^\n]*")
_ESCAPE: Final = re.compile(r'\\([abcfnrtv$"\\])')
_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "$": "$$"}


def dotenv(data: bytes, file: str, given: Mapping[str, str], findings: Findings) -> Mapping[str, str]:
    """
    Return what a .env file says; problems go to `findings`, with their line.

    `given`: what is known already. That wins in `${…}`, and is what a name without a value stands for.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        findings.add(
            Place(file, data.count(b"\n", 0, error.start) + 1), "", "expected UTF-8 text, found other bytes"
        )
        return {}
    said: dict[str, str] = {}
    known = Interpolation(ChainMap(dict(given), said))
    line, counted, at = 1, 0, _after(_BLANK, text, 0)
    while at < len(text):
        line, counted = line + text.count("\n", counted, at), at
        place = Place(file, line)
        key = _KEY.match(text, at)
        if not key:
            findings.add(place, "", "expected NAME=value")
            return said
        at = key.end()
        if key[2] is None:
            if key[1] in given:
                said[key[1]] = given[key[1]]
        else:
            found, at = _value(text, at, known, place, findings)
            if found is None:
                return said
            said[key[1]] = found
        at = _after(_BLANK, text, at)
    return said


def _value(
    text: str, at: int, known: Interpolation, place: Place, findings: Findings
) -> tuple[str | None, int]:
    """Return the value that stands here, or None with a problem, and where it ends."""
    quote = text[at : at + 1]
    pattern = {'"': _DOUBLE, "'": _SINGLE}.get(quote, _PLAIN)
    found = pattern.match(text, at)
    if not found:
        findings.add(place, "", f"expected a {quote} at the end of the value")
        return None, len(text)
    if quote == "'":
        return found[1].replace("\\'", "'"), found.end()
    written = _unescaped(found[1]) if quote == '"' else found[0].partition(" #")[0].rstrip()
    try:
        return known.text(written), found.end()
    except ValueError as error:
        findings.add(place, "", str(error))
        return "", found.end()


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where the next thing begins."""
    found = pattern.match(text, at)
    return found.end() if found else at
