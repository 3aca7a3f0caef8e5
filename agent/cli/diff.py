"""Builds the text diff of one file, for a plan. Pure; bounded in lines, time and what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.status.text import visible
from agent.values import dataclass

LIMIT = 256 * 1024  # bytes of a side that are compared as text
MOST_LINES = 3000  # of a side, between what both begin and end with; difflib's time grows with their product
CONTEXT = 3

NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class Side:
    """The bytes on one side. `complete` is false when `data` is only their beginning."""

    data: bytes
    complete: bool = True

    @property
    def is_text(self) -> bool:
        """By Git's rule (a NUL in the first 8,000 bytes is binary), and only if it is UTF-8."""
        if not self.complete or b"\0" in self.data[:8000]:
            return False
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True

    def __str__(self) -> str:
        return size(len(self.data)) if self.complete else f"more than {size(LIMIT)}"


def size(number: float) -> str:
    """Return a number of bytes as a person says it: 512 B, 1.5 KiB."""
    if number < 1024:
        return f"{number:.0f} B"
    for unit in ("KiB", "MiB"):
        number /= 1024
        if number < 1024:
            return f"{number:.1f} {unit}"
    return f"{number / 1024:.1f} GiB"


def differences(old: Side | None, new: Side) -> tuple[str, ...]:
    """
    Return the lines of a unified diff without its two file headers; `old` is None where no file is.

    Control characters are shown as escapes, so a file can't move the cursor. What is no text, or too much of
    it, is one line that names the sizes.
    """
    was = old or Side(b"")
    if not (was.is_text and new.is_text):
        return (_sizes(old, new, "binary" if was.complete and new.complete else "large"),)
    before, after = _lines(was.data), _lines(new.data)
    start, end = _shared(before, after)
    if max(len(before), len(after)) - start - end > MOST_LINES:
        return (_sizes(old, new, "too many lines differ"),)
    lead, tail = max(0, start - CONTEXT), max(0, end - CONTEXT)
    return tuple(_unified(before[lead : len(before) - tail], after[lead : len(after) - tail], lead))


def _sizes(old: Side | None, new: Side, what: str) -> str:
    return f"({what}: {new})" if old is None else f"({what}: {old}, becomes {new})"


def _lines(data: bytes) -> Sequence[str]:
    """Return the lines with their ends, which only a last one may lack."""
    lines = data.decode().split("\n")
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _shared(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Return how many lines both begin with, and how many of the rest both end with."""
    most = min(len(before), len(after))
    start = next((n for n in range(most) if before[n] != after[n]), most)
    end = next((n for n in range(most - start) if before[-1 - n] != after[-1 - n]), most - start)
    return start, end


def _unified(before: Sequence[str], after: Sequence[str], skipped: int) -> Iterator[str]:
    import difflib  # noqa: PLC0415 # nothing differs, nearly always

    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2], skipped)} +{_range(first[3], last[4], skipped)} @@"
        for tag, left, right, left_new, right_new in group:
            if tag == "equal":
                yield from _marked(" ", before[left:right])
                continue
            yield from _marked("-", before[left:right])
            yield from _marked("+", after[left_new:right_new])


def _range(start: int, stop: int, skipped: int) -> str:
    """Return the span as diff -u writes it: an empty one names the line before it (POSIX, diff)."""
    count = stop - start
    begin = start + skipped + (1 if count else 0)
    return str(begin) if count == 1 else f"{begin},{count}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        text = line.removesuffix("\n")
        yield mark + "\t".join(visible(part) for part in text.split("\t"))
        if text == line:
            yield NO_NEWLINE


def cut(lines: Sequence[str], most: int | None) -> tuple[str, ...]:
    """Return at most `most` lines, the last one saying how many more there are."""
    if most is None or len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], f"… {len(lines) - most + 1} more lines (--full shows them)")
