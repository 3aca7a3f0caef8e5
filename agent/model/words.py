"""Small values that are written as text: ids, modes, durations, shares, paths in the repository. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Self

if TYPE_CHECKING:
    from _typeshed import StrPath

LONGEST_QUOTE: Final = 80  # characters of a value that a message shows


def quoted(text: str) -> str:
    """Return a value as a message shows it: in quotes, on one line, and not all of a long one."""
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…")


def few(things: Collection[object], most: int = 5) -> str:
    """Return the first of these, and how many more there are, as a part of a message."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, islice(things, most))) + more


class _Id(NamedTuple):
    kind: str
    name: str


class ResourceId(_Id):
    """
    Names exactly one thing on the host: ``file:/etc/motd``. `str()` and `parse()` are inverse.

    A tuple, since ids are looked up all the time: it is hashed and compared without a call of Python.
    """

    __slots__ = ()
    PATTERN: ClassVar[str] = r"^[a-z]+:.+$"

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError for anything but ``kind:name``."""
        kind, colon, name = text.partition(":")
        if not (colon and name and kind.isascii() and kind.isalpha() and kind.islower()):
            raise ValueError(f"expected kind:name, as in file:/etc/motd, got {quoted(text)}")
        return cls(sys.intern(kind), sys.intern(name))  # what is declared and what is remembered share them


class Mode(int):
    """Permission bits, written as three or four octal digits."""

    PATTERN: ClassVar[str] = "^[0-7]{3,4}$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("[0-7]{3,4}", text):
            raise ValueError(
                f'expected a mode of three or four octal digits, as in "0644", got {quoted(text)}'
            )
        return cls(int(text, 8))

    @property
    def is_public(self) -> bool:
        """Whether everybody may read what has it."""
        return bool(self & 0o004)

    def __str__(self) -> str:
        return f"{int(self):04o}"

    __repr__ = __str__


class AccountName(str):
    """The name of a user or group, as useradd(8) takes it everywhere: nothing that a tool could read as an option."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^[A-Za-z_][A-Za-z0-9_.-]{0,31}$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(cls.PATTERN[1:-1], text):
            raise ValueError(
                "expected a name of at most 32 letters, digits, '_', '-' and '.', that begins with a letter or '_',"
                f" got {quoted(text)}"
            )
        return cls(text)


class AccountId(int):
    """The number of a user or group (credentials(7)) that is not root's."""

    PATTERN: ClassVar[str] = "^[0-9]{1,10}$"
    LARGEST: ClassVar[int] = 2**32 - 2  # (uid_t) -1 means "leave it" to chown(2)

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("[0-9]{1,10}", text) or not 0 < int(text) <= cls.LARGEST:
            raise ValueError(f"expected a number from 1 to {cls.LARGEST}, got {quoted(text)}")
        if int(text) == 65535:
            raise ValueError(
                "65535 is no number for a user or group: it was -1 in 16 bits (systemd.io/UIDS-GIDS)"
            )
        return cls(int(text))


class Duration(float):
    """A span of time in seconds, written with a unit: 500ms, 60s, 5m, 2h, 1d."""

    PATTERN: ClassVar[str] = "^[0-9]+(ms|s|m|h|d)$"
    UNITS: ClassVar[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

    @classmethod
    def parse(cls, text: str) -> Self:
        if not (found := re.fullmatch("([0-9]{1,9})(ms|s|m|h|d)", text)):
            raise ValueError(f"expected a duration, as in 60s, 5m or 1h, got {quoted(text)}")
        return cls(int(found[1]) * cls.UNITS[found[2]])


class Share(float):
    """A part of a whole, from 0 to 1, written as a percentage."""

    PATTERN: ClassVar[str] = "^[0-9]{1,3}%$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("[0-9]{1,3}%", text) or int(text[:-1]) > 100:
            raise ValueError(f'expected a percentage from 0% to 100%, as in "25%", got {quoted(text)}')
        return cls(int(text[:-1]) / 100)


class TreePath(PurePosixPath):
    """A path in the fleet repository, from its root; written relative to the document that names it."""

    PATTERN: ClassVar[str] = "^[^/].*$"

    if sys.version_info < (3, 12):  # later ones take paths apart when somebody asks

        def __truediv__(self, key: StrPath) -> Self:
            """Return what is below; of a plain name, of which Git has thousands, without taking it apart again."""
            if type(key) is not str or not key or "/" in key or key == ".":
                return super().__truediv__(key)
            made: Self = self._from_parsed_parts(self._drv, self._root, [*self._parts, key])  # type: ignore[attr-defined]
            return made

    @classmethod
    def beside(cls, document: str, text: str) -> Self:
        """Return where `text`, written in `document`, points. Raise ValueError outside the folder."""
        if not text or len(text) > 4096 or "\0" in text:
            raise ValueError("expected a path of 1 to 4096 characters")
        if text.startswith("/") or ".." in text.split("/"):
            raise ValueError(
                f"expected a path below the document's own folder, without '..', got {quoted(text)}"
            )
        return cls(PurePosixPath(document).parent / text)
