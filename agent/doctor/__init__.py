"""
Checks an installation: what each check finds, and how to mend it. Reads the host and asks the repository; changes neither.

A check is a function that answers `Found`. One that breaks or hangs is itself a failed check, and the rest goes on.
"""

from __future__ import annotations

import enum
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from agent.errors import ConfigError, HostError, SourceError, TruedError
from agent.values import dataclass

T = TypeVar("T")

AS_ROOT = "run it as root: sudo trued doctor"


class Grade(enum.StrEnum):
    """How a check went."""

    OK = enum.auto()
    WARNING = enum.auto()  # trued works; somebody should look
    FAILED = enum.auto()
    SKIPPED = enum.auto()  # could not be looked at, or means nothing after another that failed


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of one check: what is there in one line, and the way out, a line each."""

    grade: Grade
    text: str
    mend: str = ""


def ok(text: str) -> Found:
    return Found(Grade.OK, text)


def warning(text: str, mend: str) -> Found:
    return Found(Grade.WARNING, text, mend)


def failed(text: str, mend: str = "") -> Found:
    return Found(Grade.FAILED, text, mend)


def skipped(text: str, mend: str = "") -> Found:
    return Found(Grade.SKIPPED, text, mend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to look at. `limit` is in seconds; `needs` are checks without which this one says nothing."""

    name: str
    look: Callable[[], Found]
    limit: float = 20.0
    needs: tuple[str, ...] = ()
    code: int = HostError.exit_code  # the exit code of the process if it fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one check."""

    name: str
    found: Found
    code: int = 0  # 0 unless it failed


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield a finding for each check, in order, as soon as it is there; raises nothing that a check raises."""
    out: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in out]
        found = skipped(f"needs {missing[0]}") if missing else _within(check.limit, check.look)
        if found.grade in {Grade.FAILED, Grade.SKIPPED}:
            out.add(check.name)
        code = check.code if found.grade is Grade.FAILED else 0
        yield Finding(name=check.name, found=found, code=code)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the exit code of the process: that of agent.yaml before that of the repository, before all others."""
    codes = {finding.code for finding in findings} - {0}
    known = (ConfigError.exit_code, SourceError.exit_code)
    return next((code for code in known if code in codes), HostError.exit_code if codes else 0)


def _within(limit: float, look: Callable[[], Found]) -> Found:
    late = failed(
        f"did not come to an end within {limit:g} s", "look for what hangs: a network, a mount, a lock"
    )
    return in_time(limit, lambda: _answer(look), late)


def in_time(limit: float, ask: Callable[[], T], late: T) -> T:
    """Return an answer, or `late` when it does not come in time. `ask` raises nothing; if it hangs, it is left behind."""
    answers: list[T] = []
    # A daemon: such a thread ends with the process.
    thread = threading.Thread(target=lambda: answers.append(ask()), name="check", daemon=True)
    thread.start()
    thread.join(limit)
    return answers[0] if answers else late


def _answer(look: Callable[[], Found]) -> Found:
    try:
        return look()
    except PermissionError as error:
        return skipped(f"{error.filename or 'it'}: is not for this user", AS_ROOT)
    except TruedError as error:
        return failed(str(error), error.hint)
    except OSError as error:
        return failed(f"{error.filename or 'it'}: {error.strerror or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others find
        # Only the place: what an exception says may be the content of a file.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        return failed(f"the check itself broke: {where}", "this is a bug in trued; please report it")
