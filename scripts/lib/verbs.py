"""What can be said to trued, read from the parser of the command that is installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option: its spellings, what it takes ("" for none), and what it does."""

    names: tuple[str, ...]
    takes: str
    says: str

    @property
    def shown(self) -> str:
        return ", ".join(self.names) + (f" {self.takes}" if self.takes else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A verb (`fleet status` is one with two words), its operands and its options; the one without words is `trued` itself."""

    words: tuple[str, ...]
    says: str
    operands: tuple[tuple[str, str], ...]  # name, what it is
    options: tuple[Option, ...]
    next: tuple[tuple[str, str], ...]  # the words that may follow, and what they do


def verbs(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), says: str = "") -> Iterator[Verb]:
    """Yield what can be said, the shorter before the longer."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    helps = {choice.dest: choice.help or "" for action in inner for choice in action._choices_actions}  # noqa: SLF001
    yield Verb(
        words=words,
        says=says,
        operands=tuple(_operands(parser)),
        options=tuple(_options(parser)),
        next=tuple(helps.items()),
    )
    for action in inner:
        for name, child in action.choices.items():
            yield from verbs(child, (*words, name), helps.get(name, ""))


def _operands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:  # noqa: SLF001
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            yield str(action.metavar or action.dest.upper()), action.help or ""


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    for action in parser._actions:  # noqa: SLF001
        if action.option_strings and action.help != argparse.SUPPRESS:
            takes = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
            said = (action.help or "").replace("%%", "%")
            yield Option(names=tuple(action.option_strings), takes=takes, says=said)
