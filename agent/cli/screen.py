"""Prints: lines for a person, JSON for a program, errors for both. Touches stdout and stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Self, TextIO

from agent.errors import TruedError
from agent.status.text import visible
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where a verb's answer goes. Colours are for terminals only (https://no-color.org)."""

    json: bool = False
    verbose: bool = False
    colour: bool = False

    CODES: ClassVar[Mapping[str, str]] = {
        "bold": "1",
        "dim": "2",
        "red": "31",
        "green": "32",
        "yellow": "33",
        "cyan": "36",
    }

    @classmethod
    def of(cls, *, json: bool, verbose: bool, environment: Mapping[str, str]) -> Self:
        plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
        return cls(json=json, verbose=verbose, colour=sys.stdout.isatty() and not plain and not json)

    def paint(self, style: str, text: str) -> str:
        """Return text in a style, where there are styles."""
        return f"\x1b[{self.CODES[style]}m{text}\x1b[0m" if self.colour and text else text

    def line(self, text: str = "") -> None:
        """Print one line of the answer. What came from elsewhere has been made `visible` before."""
        print(text)

    def document(self, value: object) -> None:
        """Print the answer for a program."""
        print(json.dumps(value, ensure_ascii=False, indent=2, default=str))

    def complain(self, error: TruedError) -> None:
        """Print what is wrong and the way out; with --json also as the answer."""
        if self.json:
            self.document({"error": str(error), "hint": error.hint or None, "exit_code": error.exit_code})
        for text in (str(error) or type(error).__name__).splitlines():
            self.note(f"trued: {visible(text)}")
        for text in error.hint.splitlines():
            self.note(f"  hint: {visible(text)}")

    def note(self, text: str) -> None:
        """Print a line that is not part of the answer, after all of the answer so far: both may go to one file."""
        sys.stdout.flush()
        print(text, file=sys.stderr)

    @property
    def lively(self) -> bool:
        """Whether there is somebody who waits, and a line that can be drawn anew."""
        return not self.json and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @contextmanager
    def waiting(self, text: str) -> Iterator[Callable[[str], object]]:
        """Show that something goes on, on a terminal only; lends what shows another text in its place."""
        if not self.lively:
            yield str
            return
        from rich.console import Console  # noqa: PLC0415 - 60 ms that only a terminal pays

        with Console(stderr=True).status(text) as status:
            yield lambda new: status.update(f"{text}: {visible(new)}")


def prepare(*streams: TextIO) -> None:
    """Let a name that the terminal's encoding lacks be printed as an escape, not end the command."""
    for stream in streams:
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
