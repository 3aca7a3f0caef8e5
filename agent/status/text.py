"""Makes names and reasons fit for a line that a person reads, on a terminal or in a commit. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from agent.late import pattern

ELLIPSIS = "…"
# Format (Cf) holds the marks that reorder or hide text (Unicode TR 36, "Trojan source"); Zl and Zp end a line.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# A number with what belongs to it: a time, an address, a version, an id in hexadecimal.
_NUMBER = pattern(r"\w*\d\w*(?:[.:,+-]\w+)*")
_BETWEEN = pattern(r"[:;] ")  # the parts of a reason, and the lines of what a program said


def visible(text: str) -> str:
    """Return `text` on one line, with escapes for all that would move, hide or break it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def gist(reason: str) -> frozenset[str]:
    """
    Return what a reason says apart from numbers, and from how often.

    What a program says as it fails often has a time and the number of a process in it, or is there twice in a second:
    it is the same trouble all the same.
    """
    return frozenset(_BETWEEN.split(_NUMBER.sub("0", reason)))


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN:
        return char
    if "\udc80" <= char <= "\udcff":  # a byte of a name that is not UTF-8 (PEP 383)
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes (Unicode TR 11; marks take none)."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, limit: int) -> str:
    """Return `text` in at most `limit` columns, the end replaced if it is longer."""
    if width(text) <= limit:
        return text
    kept, used = [], 0
    for char in text:
        used += _columns(char)
        if used >= limit:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def aligned(rows: Iterable[Sequence[str]], *, gap: str = "   ", widest: int = 60) -> tuple[str, ...]:
    """Return one line for each row; a cell wider than `widest` pushes only its own row."""
    table = tuple(tuple(row) for row in rows)
    if not table:
        return ()
    columns = [
        max((width(cell) for cell in column if width(cell) <= widest), default=0)
        for column in zip(*table, strict=True)
    ]
    return tuple(gap.join(_padded(row, columns)).rstrip() for row in table)


def _padded(row: Sequence[str], columns: Sequence[int]) -> Iterable[str]:
    return (cell + " " * (wide - width(cell)) for cell, wide in zip(row, columns, strict=True))


def footnoted(
    reasons: Iterable[tuple[str, str]], *, short: int = 40
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Return `label: reason` for each, and the notes below: a long reason that many share is said once, as a note.

    Three hundred held removals are held for one reason, and the way out stands in it.
    """
    pairs = tuple(reasons)
    numbers = Counter(reason for _, reason in pairs if width(reason) > short)
    notes = {reason: at for at, reason in enumerate((r for r in numbers if numbers[r] > 1), start=1)}
    texts = tuple(
        f"{label} [{notes[reason]}]".strip() if reason in notes else ": ".join(filter(None, (label, reason)))
        for label, reason in pairs
    )
    return texts, tuple(f"[{at}] {reason}" for reason, at in notes.items())


def span(seconds: float) -> str:
    """Return a span of time in its largest whole unit, as a person says it: 45s, 5m, 3h, 2d."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"
