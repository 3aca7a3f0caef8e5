"""What is wrong with a document, gathered so that a person sees all of it at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import field
from itertools import islice
from typing import Final

from agent.documents.nodes import Map, Node, Place, Seq
from agent.errors import ConfigError, DocumentError, TruedError
from agent.model import TreePath, quoted
from agent.values import dataclass

MOST_SHOWN: Final = 50  # problems in one message
LONGEST_MESSAGE: Final = 300
MOST_COMPARED: Final = 2000  # names, when looking for the one that was meant


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for a person: `file:line:column: path: message`."""

    place: Place
    path: str  # keys with a dot before each, from the top of the document; empty for the whole
    message: str

    def __str__(self) -> str:
        parts = (str(self.place), _line(self.path.removeprefix(".")), _line(self.message))
        return ": ".join(part for part in parts if part)


@dataclass(slots=True)
class Findings:
    """What reading documents has brought up so far: problems, and the files of the repository they name."""

    problems: list[Problem] = field(default_factory=list)
    sources: set[TreePath] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)  # of problems that came with their place already in them

    def add(self, place: Place, path: str, message: str) -> None:
        self.problems.append(Problem(place, path, message))

    def __bool__(self) -> bool:
        return bool(self.problems or self.lines)

    def told(self) -> list[str]:
        """Return all problems, one a line, in the order of the documents."""
        return [*map(str, sorted(self.problems, key=_standing)), *self.lines]

    def check(self, error: type[DocumentError | ConfigError] = DocumentError) -> None:
        """Raise `error` with all problems, one a line, if there are any."""
        if self:
            raise said(self.told(), error)


def said(lines: Iterable[str], error: type[DocumentError | ConfigError] = DocumentError) -> TruedError:
    """Return an error of these lines, each once and not too many."""
    once = tuple(dict.fromkeys(lines))
    more = (f"… and {len(once) - MOST_SHOWN} more problems",) if len(once) > MOST_SHOWN else ()
    return error("\n".join(once[:MOST_SHOWN] + more))


def near(name: str, known: Collection[str]) -> str:
    """Return "; did you mean …?" when one of the known names looks alike, or nothing."""
    import difflib  # noqa: PLC0415 # only where something is wrong

    found = difflib.get_close_matches(name[:100], tuple(islice(known, MOST_COMPARED)), 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def found(node: Node, *, secret: bool = False) -> str:
    """Return in words what stands there."""
    if isinstance(node, Map):
        return "a mapping"
    if isinstance(node, Seq):
        return "a list"
    return _SAYS[type(node.value)] + ("" if secret or node.value is None else " " + quoted(node.text))


_SAYS: Final = {str: "text", int: "the number", float: "the number", bool: "the word", type(None): "nothing"}


def _standing(problem: Problem) -> Place:
    return problem.place


def _line(text: str) -> str:
    cut = text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)
