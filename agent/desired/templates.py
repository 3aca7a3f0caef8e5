"""
Jinja2 templates of a commit, filled in for one host. The only importer of Jinja2, when the first one is rendered.

Sandboxed (https://jinja.palletsprojects.com/en/stable/sandbox/), undefined names are errors, and what comes out
is bounded in size, time and memory: a template is a mistake away from an endless loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from agent.desired.bounds import OutOfTimeError, at_most, unbounded
from agent.documents.nodes import Plain
from agent.documents.problems import LONGEST_MESSAGE
from agent.errors import DocumentError, TruedError
from agent.model import TreePath

if TYPE_CHECKING:
    from types import TracebackType

    from jinja2 import Environment

MAX_OUTPUT: Final = 8 << 20  # characters
MAX_SECONDS: Final = 10.0  # of the processor's time, for one template
MAX_TOTAL: Final = 60.0  # the same, for all templates of a host
MAX_MEMORY: Final = 128 << 20  # bytes, for one template
MAX_FACTOR: Final = 1 << 20  # of a repetition
MAX_BITS: Final = 1 << 16  # of a whole number: no signal breaks off the multiplication of two long ones


class Templates:
    """Fills in templates; `read` answers the text of one, None if there is no such file."""

    def __init__(
        self, read: Callable[[TreePath], str | None], names: Callable[[], Mapping[str, Plain]]
    ) -> None:
        self._read = read
        self._names = names
        self._seen: set[str] = set()
        self._left = MAX_TOTAL

    @cached_property
    def _environment(self) -> Environment:
        return _make_environment(self._source)

    def _source(self, name: str) -> tuple[str, str, None] | None:
        self._seen.add(name)
        with unbounded():
            text = self._read(TreePath(name))
        return None if text is None else (text, name, None)

    @cached_property
    def _context(self) -> Mapping[str, Plain]:
        return self._names()

    def render(self, path: TreePath) -> str:
        """Return the template filled in; raises DocumentError with file and line."""
        try:
            environment, context = self._environment, self._context
            with self._bounds():  # reading one already works out what is constant
                return _bounded(environment.get_template(str(path)).generate(context))
        except TruedError:
            raise
        except Exception as error:  # noqa: BLE001 # a template may raise anything that Python can
            place, message = _explained(error, str(path), self._seen)
            raise DocumentError(f"{place}: template: {message[:LONGEST_MESSAGE]}") from None

    @contextmanager
    def _bounds(self) -> Iterator[None]:
        seconds, begun = min(MAX_SECONDS, self._left), time.process_time()
        try:
            with at_most(seconds=seconds, memory=MAX_MEMORY):
                yield
        finally:
            self._left = max(0.001, self._left - (time.process_time() - begun))  # setitimer(2): 0 is "never"


def _bounded(pieces: Iterable[str]) -> str:
    whole: list[str] = []
    size = 0
    for piece in pieces:
        whole.append(piece)
        size += len(piece)
        if size > MAX_OUTPUT:
            raise _TooMuchError(f"expected at most {MAX_OUTPUT >> 20} MiB to come out")
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
            _check_factors(operator, left, right)
            return super().call_binop(context, operator, left, right)

    return Sandbox(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # what comes out is a file of the host, not HTML
        auto_reload=False,
    )


def _check_factors(operator: str, left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
        if bits > MAX_BITS:
            raise _TooMuchError(f"expected numbers of at most {MAX_BITS} bits")
    elif isinstance(left, float) or isinstance(right, float):
        return
    elif any(isinstance(side, int) and side > MAX_FACTOR for side in (left, right)):
        raise _TooMuchError(f"expected factors of at most {MAX_FACTOR}")


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
    if isinstance(error, OutOfTimeError):
        times = f"{MAX_SECONDS:.0f} s of the processor's time, and all templates in {MAX_TOTAL:.0f} s"
        return place, f"expected it to be done in {times}"
    if isinstance(error, MemoryError):
        return place, f"expected it to take at most {MAX_MEMORY >> 20} MiB of memory"
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
