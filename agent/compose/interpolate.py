"""
`$NAME`, `${NAME}` and its other forms in the values of a Compose file, replaced. Pure.

Compose specification, 12-interpolation.md, and template/template.go of compose-go; but a name that nobody gives a value
is an error here: what Compose warns about and takes for nothing may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from agent.documents.nodes import Map, Node, Scalar, Seq, resolve, text_scalar
from agent.documents.problems import Findings, near
from agent.model import quoted

MAX_TEXT: Final = 1 << 20  # characters of one value, replaced
MAX_TOTAL: Final = 1 << 24  # characters of all values of a file
MAX_DEPTH: Final = 20  # defaults in defaults

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
_MARK: Final = re.compile(rf"\$(?:(\$)|({_NAME})|(\{{))")
_BRACE: Final = re.compile("[{}]")
_BRACED: Final = re.compile(rf"({_NAME})(?:(:?[-+?])(.*))?", re.DOTALL)


class Interpolation:
    """Fills in one file with one set of values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self._written = 0

    def node(self, node: Node, path: str, findings: Findings) -> Node:
        """Return a node with its values replaced, but not its keys; problems go to `findings`."""
        if isinstance(node, Scalar):
            return self._scalar(node, path, findings) if "$" in node.text else node
        if isinstance(node, Seq):
            every = enumerate(node.items)
            return Seq(node.place, tuple(self.node(item, f"{path}[{at}]", findings) for at, item in every))
        entries = {key: self.node(child, f"{path}.{key}", findings) for key, child in node.entries.items()}
        return Map(node.place, entries, node.keys)

    def _scalar(self, node: Scalar, path: str, findings: Findings) -> Node:
        try:
            text = self.text(node.text)
        except ValueError as error:
            findings.add(node.place, path, str(error))
            return node
        value = resolve(
            text
        )  # as Compose does where a number is expected; who expects text gets it as it is spelled
        return text_scalar(node.place, text) if value is None else Scalar(node.place, text, value)

    def text(self, text: str) -> str:
        """Return a text with its names replaced; raises ValueError with what is wrong."""
        whole = self._filled(text, 0)
        self._written += len(whole)
        if self._written > MAX_TOTAL:
            raise ValueError(f"expected values that are at most {MAX_TOTAL >> 20} MiB in all, filled in")
        return whole

    def value(self, name: str) -> str:
        """Return what a name stands for; raises ValueError."""
        if name not in self.values:
            raise ValueError(
                f"unknown variable {quoted(name)}{near(name, self.values)}; give it in environment of the compose"
                f" entry, in vars or in .env, or write ${{{name}:-}} if it may be empty"
            )
        return self.values[name]

    def _filled(self, text: str, depth: int) -> str:
        pieces: list[str] = []
        length = end = 0
        while mark := _MARK.search(text, end):
            pieces.append(text[end : mark.start()])
            end = mark.end()
            if mark[3]:
                close = _closing(text, end)
                pieces.append(self._braced(text[end:close], depth))
                end = close + 1
            else:
                pieces.append("$" if mark[1] else self.value(mark[2]))
            length += len(pieces[-1]) + len(pieces[-2])
            if length > MAX_TEXT:
                raise ValueError(f"expected text of at most {MAX_TEXT >> 20} MiB with variables filled in")
        return "".join((*pieces, text[end:]))

    def _braced(self, inside: str, depth: int) -> str:
        found = _BRACED.fullmatch(inside)
        if not found:
            raise ValueError(
                "expected ${NAME}, or with :-default, -default, :?message, ?message, :+other or +other after the name,"
                f" found {quoted('${' + inside + '}')}; a dollar is $$"
            )
        if depth >= MAX_DEPTH:
            raise ValueError(f"expected at most {MAX_DEPTH} variables inside one another")
        name, operator, rest = found[1], found[2], found[3]
        if operator is None:
            return self.value(name)
        value = self.values.get(name)
        given = bool(value) if operator[0] == ":" else value is not None
        if operator[-1] == "-":
            return str(value) if given else self._filled(rest, depth + 1)
        if operator[-1] == "+":
            return self._filled(rest, depth + 1) if given else ""
        if given:
            return str(value)
        message = self._filled(rest, depth + 1)
        raise ValueError(f"variable {quoted(name)} needs a value" + (f": {message}" if message else ""))


def _closing(text: str, start: int) -> int:
    """Return where the brace that is open at `start` is closed; raises ValueError."""
    level = 1
    for brace in _BRACE.finditer(text, start):
        level += 1 if brace[0] == "{" else -1
        if not level:
            return brace.start()
    raise ValueError(f"expected a }} for each ${{, found {quoted(text[start - 2 :])}; a dollar is $$")
