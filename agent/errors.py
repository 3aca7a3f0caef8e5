"""
The errors that trued raises on purpose, and what each asks of a person.

TruedError
+ UsageError       the command line is wrong: say it differently             64
+ ConfigError      agent.yaml is wrong: the daemon does not start             78
+ SourceError      the repository cannot be reached, or answers nonsense: wait 6
+ RefusedError     the commit is there and may not be followed: a person looks 5
+ DocumentError    the declared state is invalid: a new commit cures it        4
+ HostError        this host would not answer or obey: one resource's trouble  3
+ LedgerError      our own memory is unreadable: trued stops                   1
+ BusyError        another trued is at work on this host: wait for it          1

A message is one line for each problem, place first, and never holds a secret or a file's content.
"""

from __future__ import annotations

from typing import ClassVar


class TruedError(Exception):
    """Base of every error that trued raises on purpose. `hint` is the way out, or empty."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def reason(self) -> str:
        """The message and the way out in one line, as a report gives it for a resource."""
        return f"{self}; {self.hint}" if self.hint else str(self)

    @property
    def full(self) -> str:
        """The message, of as many lines as it has, and the way out on a line of its own, as a report gives it for a cycle."""
        return f"{self}\nhint: {self.hint}" if self.hint else str(self)


class UsageError(TruedError):
    """The command line asks for something that does not exist."""

    exit_code = 64


class ConfigError(TruedError):
    """agent.yaml cannot be used."""

    exit_code = 78


class SourceError(TruedError):
    """The repository cannot be reached, answers nonsense, or lacks what was asked for."""

    exit_code = 6


class RefusedError(TruedError):
    """The commit is there, and is not one that this host may follow."""

    exit_code = 5


class DocumentError(TruedError):
    """The declared state cannot be loaded. One line a problem: `file:line:column: path: what`."""

    exit_code = 4


class HostError(TruedError):
    """The host would not answer a question, or would not carry out a step."""

    exit_code = 3


class LedgerError(TruedError):
    """What trued remembers cannot be read or written; going on would be a guess."""


class BusyError(TruedError):
    """Another process of trued holds the lock."""
