"""Which paths can be declared, and why not the others. Pure."""

from __future__ import annotations

from agent.late import pattern
from agent.model import quoted

LONGEST_PATH = 4095  # bytes, without the NUL: PATH_MAX of limits.h
LONGEST_NAME = 255  # bytes: NAME_MAX
OURS = ".trued-"

# What most names are: of plain characters, with nothing of what is looked for below.
_PLAIN = pattern(r"(?:/(?!\.)[!-.0-~]{1,255}){1,15}")
_CONTROL = pattern(r"[\x00-\x1f\x7f]")


def checked_name(written: str) -> str:
    """Return a path that can be declared, as it is; raises ValueError with what is wrong with it."""
    if _PLAIN.fullmatch(written):
        return written
    encoded = _bytes(written)
    if not written.startswith("/"):
        raise ValueError(f"expected an absolute path, as in /etc/motd, got {quoted(written)}")
    if len(encoded) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH} bytes, this one has {len(encoded)}")
    if _CONTROL.search(written):
        raise ValueError(f"a path has no control characters, got {quoted(written)}")
    if written == "/":
        raise ValueError("the root folder itself cannot be declared, only what is below it")
    for part in written[1:].split("/"):
        _check_part(part, written)
    return written


def _check_part(part: str, written: str) -> None:
    if part == "":
        raise ValueError(f"a path has one '/' between its parts and none at its end, got {quoted(written)}")
    if part in {".", ".."}:
        raise ValueError(f"a path has no '.' and no '..' as a part, got {quoted(written)}")
    if len(part.encode()) > LONGEST_NAME:
        raise ValueError(f"a part of a path has at most {LONGEST_NAME} bytes: {quoted(part)}")
    if part.startswith(OURS):
        raise ValueError(f"names that begin with {OURS!r} are trued's own, got {quoted(written)}")


def _bytes(written: str) -> bytes:
    try:
        return written.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a path is valid UTF-8, got {quoted(written)}") from None
