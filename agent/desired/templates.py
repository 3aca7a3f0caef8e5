"""
Jinja2 templates of a commit, filled in for one host. The only importer of Jinja2, when the first one is rendered.

Sandboxed (https://jinja.palletsprojects.com/en/stable/sandbox/), undefined names are errors, and what comes out
is bounded in size and time: a template is a mistake away from an endless loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from agent.documents.nodes import Plain
from agent.documents.problems import LONGEST_MESSAGE
from agent.errors import DocumentError, TruedError
from agent.model import TreePath

if TYPE_CHECKING:
    from types import TracebackType

    from jinja2 import Environment

MAX_OUTPUT: Final = 8 << 20  # characters
MAX_SECONDS: Final = 10.0
MAX_FACTOR: Final = 1 << 20  # of a repetition or a power


class Templates:
    """Fills in templates; `read` answers the text of one, None if there is no such file."""

    def __init__(
        self, read: Callable[[TreePath], str | None], names: Callable[[], Mapping[str, Plain]]
    ) -> None:
        self._read = read
        self._names = names
        self._seen: set[str] = set()

    @cached_property
    def _environment(self) -> Environment:
        return _make_environment(self._source)

    def _source(self, name: str) -> tuple[str, str, None] | None:
        self._seen.add(name)
        text = self._read(TreePath(name))
        return None if text is None else (text, name, None)

    @cached_property
    def _context(self) -> Mapping[str, Plain]:
        return self._names()

    def render(self, path: TreePath) -> str:
        """Return the template filled in; raises DocumentError with file and line."""
        try:
            pieces = self._environment.get_template(str(path)).generate(self._context)
            return _bounded(pieces)
        except TruedError:
            raise
        except Exception as error:  # noqa: BLE001 # a template may raise anything that Python can
            place, message = _explained(error, str(path), self._seen)
            raise DocumentError(f"{place}: template: {message[:LONGEST_MESSAGE]}") from None


def _bounded(pieces: Iterable[str]) -> str:
    until = time.monotonic() + MAX_SECONDS
    whole: list[str] = []
    size = 0
    for piece in pieces:
        whole.append(piece)
        size += len(piece)
        if size > MAX_OUTPUT:
            raise _TooMuchError(f"expected at most {MAX_OUTPUT >> 20} MiB to come out")
        if time.monotonic() > until:
            raise _TooMuchError(f"expected it to be done in {MAX_SECONDS:.0f} s")
    return "".join(whole)


class _TooMuchError(Exception):
    """A bound was reached; the message is ours."""


def _make_environment(source: Callable[[str], tuple[str, str, None] | None]) -> Environment:
    from jinja2 import FunctionLoader, StrictUndefined  # noqa: PLC0415 # a host without templates never pays for it
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    class Sandbox(ImmutableSandboxedEnvironment):
        """Names are paths of the commit; an include is looked for beside the template that has it."""

        intercepted_binops = frozenset({"*", "**"})

        def join_path(self, template: str, parent: str) -> str:
            try:
                return str(TreePath.beside(parent, template))
            except ValueError as error:
                raise _TooMuchError(str(error)) from None

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if any(isinstance(side, int) and abs(side) > MAX_FACTOR for side in (left, right)) and (
                operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float))
            ):
                raise _TooMuchError(f"expected factors of at most {MAX_FACTOR}")
            return super().call_binop(context, operator, left, right)

    return Sandbox(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # what comes out is a file of the host, not HTML
        auto_reload=False,
    )


def _explained(error: Exception, file: str, names: Collection[str]) -> tuple[str, str]:
    """Return place and message; what other exceptions say may hold a value, so only their names are told."""
    from jinja2 import TemplateNotFound, TemplateSyntaxError  # noqa: PLC0415 # is imported by now
    from jinja2.exceptions import TemplateError  # noqa: PLC0415

    place = _last_line(error.__traceback__, file, names)
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or file}:{error.lineno}", error.message or "not a template"
    if isinstance(error, TemplateNotFound):
        return (
            place,
            f"there is no {error.name} in the commit" if error.name else "there is no such template",
        )
    if isinstance(error, TemplateError | _TooMuchError | ZeroDivisionError):
        return place, str(error)
    return place, f"{type(error).__name__}{f': {error}' if isinstance(error, TypeError) else ''}"


def _last_line(trace: TracebackType | None, file: str, names: Collection[str]) -> str:
    """Return the innermost template line; Jinja2 puts template names and lines into tracebacks."""
    place = f"{file}:1"
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in names:
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
