"""Names and values of kernel parameters, each written in one way. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from agent.model import quoted

PROC: Final = PurePosixPath("/proc/sys")
FOLDER: Final = PurePosixPath("/etc/sysctl.d")
OURS: Final = (
    "99-trued-"  # after 99-sysctl.conf, Debian's link to /etc/sysctl.conf: the last file wins, sysctl.d(5)
)
LONGEST: Final = 4096  # bytes: the kernel takes at most a page

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:@+-]*")
_SWAPPED: Final = str.maketrans("./", "/.")
_NUMBER: Final = re.compile(r"(-?)(0[xX][0-9a-fA-F]{1,16}|0[0-7]*|[1-9][0-9]{0,19})")
_SPAN: Final = r"(?:0|[1-9][0-9]{0,8})(?:-[1-9][0-9]{0,8})?"
_LIST: Final = re.compile(f"{_SPAN}(?:,{_SPAN})*")


def checked_name(written: str) -> str:
    """
    Return a name with dots between its parts, and a slash for a dot within one; raises ValueError.

    Read as sysctl.d(5) does: whichever of the two comes first is what separates.
    """
    parts = _parts(written)
    if len(parts) < 2 or len(written) > 200 or not all(map(_PART.fullmatch, parts)):
        raise ValueError(
            f"expected the name of a kernel parameter, as in net.ipv4.ip_forward, got {quoted(written)}"
        )
    if parts == ["kernel", "hostname"]:
        raise ValueError("the name of the host is declared in the section hostname")
    return ".".join(part.replace(".", "/") for part in parts)


def live(name: str) -> PurePosixPath:
    """Return where the kernel has it."""
    return PROC.joinpath(*_parts(name))


def file(name: str) -> PurePosixPath:
    """Return our file that sets it at boot. A colon, which no name of an interface has, is there for a slash."""
    return FOLDER / f"{OURS}{name.replace('/', ':')}.conf"


def checked_value(written: str) -> str:
    """Return a value with one space between its words; raises ValueError."""
    value = " ".join(written.split())
    if not value:
        raise ValueError("expected a value, got nothing; the kernel takes no empty one")
    if not value.isprintable():
        raise ValueError("expected a value without control characters")
    if len(value.encode()) > LONGEST:
        raise ValueError(f"expected a value of at most {LONGEST} bytes")
    return value


def same(one: str, other: str) -> bool:
    """Return whether the kernel takes both for the same: 0x10 is 16, and 1,2,3 is 1-3."""
    mine, others = one.split(), other.split()
    return len(mine) == len(others) and all(map(_alike, mine, others))


def _parts(written: str) -> list[str]:
    first = next((char for char in written if char in "./"), "")
    return (written if first == "/" else written.translate(_SWAPPED)).split("/")


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    meaning = _number(one) if _NUMBER.fullmatch(one) else _spans(one)
    return meaning is not None and meaning == (_number(other) if _NUMBER.fullmatch(other) else _spans(other))


def _number(word: str) -> tuple[range, ...]:
    """Return a number as the kernel reads it (0x is base 16, a leading 0 base 8), as a list of one."""
    digits = word.removeprefix("-")
    number = int(digits, 16 if digits[:2] in {"0x", "0X"} else 8 if digits[0] == "0" else 10)
    start = -number if word[0] == "-" else number
    return (range(start, start + 1),)


def _spans(word: str) -> tuple[range, ...] | None:
    """Return what a list of numbers and ranges names, joined where they touch; None for what is none."""
    if not _LIST.fullmatch(word):
        return None
    joined: list[range] = []
    for first, last in sorted(_ends(span) for span in word.split(",")):
        if joined and first <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, last + 1))
        else:
            joined.append(range(first, last + 1))
    return tuple(joined)


def _ends(span: str) -> tuple[int, int]:
    first, _, last = span.partition("-")
    return int(first), int(last or first)
