"""
Small values as Compose writes them: sizes, spans of time, numbers, commands, paths of the host. Pure.

https://github.com/compose-spec/compose-spec/blob/main/11-extension.md has sizes and durations.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import ClassVar, Final, NamedTuple, Self, TypeAlias

from agent.model import quoted

MOST: Final = 2**63 - 1  # what the engine's numbers hold


class Size(int):
    """A number of bytes, in powers of 1024: 64m, 1gb, 1.5 GiB, 512. -1 stands for no limit where there may be none."""

    PATTERN: ClassVar[str] = r"^(-1|[0-9]+(\.[0-9]+)? ?([kKmMgGtTpP]?[iI]?[bB]?))$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == "-1":
            return cls(-1)
        if not (
            found := re.fullmatch(r"([0-9]{1,19}(?:\.[0-9]{1,9})?) ?([kmgtp]?)i?b?", text, re.IGNORECASE)
        ):
            raise ValueError(f"expected a number of bytes, as in 64m, 1gb or 512, got {quoted(text)}")
        factor: int = 1024 ** " kmgtp".index(found[2].lower() or " ")
        size = int(found[1]) * factor if "." not in found[1] else int(float(found[1]) * factor)
        if size > MOST:
            raise ValueError(f"expected fewer bytes than 8 EiB, got {quoted(text)}")
        return cls(size)


class Span(int):
    """A span of time in nanoseconds, as Go writes it, and with days and weeks: 500ms, 1h30m, 1.5s, 1w2d."""

    PATTERN: ClassVar[str] = r"^(0|([0-9]+(\.[0-9]+)?(w|d|h|ms|m|s|us|µs|ns))+)$"
    UNITS: ClassVar[Mapping[str, int]] = {
        "ns": 1,
        "us": 10**3,
        "µs": 10**3,
        "ms": 10**6,
        "s": 10**9,
        "m": 60 * 10**9,
        "h": 3600 * 10**9,
        "d": 86400 * 10**9,
        "w": 7 * 86400 * 10**9,
    }

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == "0":
            return cls(0)
        parts = re.findall(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(ms|us|µs|ns|[wdhms])", text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(
                f"expected a span of time with its units, as in 30s or 1h30m, got {quoted(text)}"
            )
        whole = sum(_times(number, cls.UNITS[unit]) for number, unit in parts)
        if whole > MOST:
            raise ValueError(f"expected less than 292 years, got {quoted(text)}")
        return cls(whole)

    @property
    def seconds(self) -> float:
        return self / 10**9


def _times(number: str, unit: int) -> int:
    """Return so many units, exactly: a float would not hold nanoseconds of days."""
    whole, _, part = number.partition(".")
    return int(whole) * unit + (int(part) * unit // 10 ** len(part) if part else 0)


class Cpus(int):
    """A share of processors in billionths: 0.5, 2, "1.25"."""

    PATTERN: ClassVar[str] = r"^[0-9]+(\.[0-9]+)?$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,18})?|\.[0-9]{1,18}", text):
            raise ValueError(f"expected a number of processors, as in 0.5 or 2, got {quoted(text)}")
        whole, _, part = text.partition(".")
        return cls(int(whole or 0) * 10**9 + int(part[:9].ljust(9, "0") or 0))


class Whole(int):
    """A whole number, which may stand in quotes."""

    PATTERN: ClassVar[str] = "^-?[0-9]+$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("-?[0-9]{1,18}", text):
            raise ValueError(f"expected a whole number, got {quoted(text)}")
        return cls(int(text))


class Bits(int):
    """Permissions, in octal whether quoted or not: 1777, "0755", 0o700."""

    PATTERN: ClassVar[str] = "^(0o)?[0-7]{3,5}$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch("(0o)?0?[0-7]{3,4}", text):
            raise ValueError(f"expected permissions in octal digits, as in 1777, got {quoted(text)}")
        return cls(int(text, 8))


class Words(tuple[str, ...]):
    """A command, split as a shell would, though no shell ever sees it (as Compose does with go-shellwords)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> tuple[str, ...]:
        return tuple(split(text))


class Pair(NamedTuple):
    """`NAME=value` in a list; without `=`, there is no value."""

    name: str
    value: str | None

    @classmethod
    def parse(cls, text: str) -> Pair:
        name, sign, value = text.partition("=")
        if not name or name != name.strip():  # never shown: what follows may be a secret
            raise ValueError('expected "NAME=value", and no space around the name')
        return cls(name, value if sign else None)


Pairs: TypeAlias = Mapping[str, str | None] | tuple[Pair, ...]
Listed: TypeAlias = str | tuple[str, ...]


def mapped(pairs: Pairs) -> dict[str, str | None]:
    """Return what a mapping, or a list of `NAME=value`, says; of a name that is there twice, the last."""
    return dict(pairs)


def texts(pairs: Pairs) -> dict[str, str]:
    """Return likewise, a value that is not there being empty: as with labels."""
    return {name: value or "" for name, value in mapped(pairs).items()}


def listed(value: Listed) -> tuple[str, ...]:
    """Return a list, or the one thing that stands in its place."""
    return (value,) if isinstance(value, str) else value


def host_path(text: str, what: str) -> str:
    """Return an absolute path of the host in its shortest form; raises ValueError for another."""
    if not text.startswith("/"):
        raise ValueError(
            f"expected an absolute path of the host for {what}, got {quoted(text)};"
            " a container has no folder to start from: put the file in place with `files`, and name it from /"
        )
    return inner_path(text, what)


def inner_path(text: str, what: str) -> str:
    """Return an absolute path in its shortest form; raises ValueError for another."""
    if not text.startswith("/") or "\0" in text or len(text) > 4096:
        raise ValueError(f"expected an absolute path for {what}, got {quoted(text)}")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ValueError(f"expected a path without '..' for {what}, got {quoted(text)}")
    return "/" + "/".join(parts)


class HostPath(str):
    """An absolute path of the host."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^/"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(host_path(text, "a file"))


class Address(str):
    """An IP address."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(ipaddress.ip_address(text))
        except ValueError:
            raise ValueError(f"expected an IP address, got {quoted(text)}") from None


class Mac(str):
    """A MAC address, of six parts."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(cls.PATTERN, text):
            raise ValueError(f"expected a MAC address, as in 02:42:ac:11:00:02, got {quoted(text)}")
        return cls(text.lower().replace("-", ":"))


class Signal(str):
    """A signal, by its name or number."""

    __slots__ = ()
    PATTERN: ClassVar[str] = r"^([0-9]+|(SIG)?[A-Z0-9]+([+-][0-9]+)?)$"

    @classmethod
    def parse(cls, text: str) -> Self:
        number = text.isascii() and text.isdigit()
        if not re.fullmatch(r"[0-9]{1,2}|(SIG)?[A-Z][A-Z0-9]*([+-][0-9]+)?", text) or (
            number and not 0 < int(text) < 65
        ):
            raise ValueError(f"expected a signal, as in SIGHUP or 1, got {quoted(text)}")
        return cls(text if number or text.startswith("SIG") else f"SIG{text}")


_META: Final = frozenset(";&|<>()")


def split(text: str) -> list[str]:
    """
    Return the words of a command line; raises ValueError for what only a shell could make sense of.

    go-shellwords, which Compose uses, silently drops everything from an unquoted `;` or `|` on.
    """
    words: list[str] = []
    word: list[str] = []
    quote, begun = "", False
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word.append(_escaped(next(letters, "")))
            begun = True
        elif quote:
            quote, word = ("", word) if letter == quote else (quote, [*word, letter])
        elif letter in "'\"":
            quote, begun = letter, True
        elif letter in " \t\r\n":
            words += ["".join(word)] if begun else []
            word, begun = [], False
        elif letter in _META:
            raise ValueError(
                f"no shell reads this, so {letter!r} has to be quoted; for a shell, say [sh, -c, the whole line]"
            )
        else:
            word.append(letter)
            begun = True
    if quote:
        raise ValueError(f"expected a closing {quote}")
    return [*words, "".join(word)] if begun else words


def _escaped(letter: str) -> str:
    if not letter:
        raise ValueError("expected something after the backslash at the end")
    return {"t": "\t", "n": "\n"}.get(letter, letter)
