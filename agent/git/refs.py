"""Reads the refs of a repository on this machine as Git wrote them (gitrepository-layout(5)), without dulwich."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath

from agent.errors import SourceError
from agent.git.address import ref_is_sound
from agent.git.limits import Limits
from agent.git.plain import open_plain
from agent.git.wire import OTHER_NAMES, ProtocolError

_ID = re.compile("[0-9a-f]{40}")
_LONG = re.compile("[0-9a-f]{64}")
LINKS = 5  # of refs that name refs


def resolve(folder: Path, name: str, limits: Limits) -> str | None:
    """Return what a ref points at; raises SourceError."""
    return follow(folder, name, limits)[1]


def follow(folder: Path, name: str, limits: Limits) -> tuple[str, str | None]:
    """Return the name of the ref that a ref comes down to, and what that points at; raises SourceError."""
    if (folder / "reftable").is_dir():
        raise SourceError(
            "it keeps its refs in a reftable, which trued does not read", hint="use ssh or https"
        )
    for _ in range(LINKS):
        text = _loose(folder / name)
        if text is None:
            text = _packed(folder, limits).get(name)
        if text is None or _ID.fullmatch(text):
            return name, text
        if _LONG.fullmatch(text):
            raise ProtocolError(OTHER_NAMES)
        if not text.startswith("ref: "):
            break
        name = text.removeprefix("ref: ")
        if not ref_is_sound(name):
            raise ProtocolError("one of its refs points at no ref")
    raise ProtocolError(
        f"{name}: the ref holds no object name: it is damaged",
        hint=f"write it anew with git update-ref, or remove {folder / name}",
    )


def _loose(path: Path) -> str | None:
    """Return what the file of a ref says, None where there is none; raises SourceError, OSError."""
    try:
        with open_plain(path) as file:
            return file.read(1024).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _packed(folder: Path, limits: Limits) -> Mapping[str, str]:
    try:
        with open_plain(folder / "packed-refs") as file:
            data = file.read(limits.refs + 1)
    except FileNotFoundError:
        return {}
    if len(data) > limits.refs:
        raise ProtocolError(f"the list of refs is longer than {limits.refs} bytes")
    pairs = (
        text.split(" ", 1) for text in data.decode("utf-8", "replace").splitlines() if text[:1] not in "#^"
    )
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def refuse_conflict(folder: Path, name: str, limits: Limits) -> None:
    """Raise SourceError if another ref has the name of a folder of this one, or the other way round: Git has no room for both."""
    above = (str(other) for other in PurePosixPath(name).parents if (folder / other).is_file())
    for other in chain(above, _loose_names(folder, name), _packed(folder, limits)):
        if other.startswith(f"{name}/") or name.startswith(f"{other}/"):
            raise SourceError(
                f"{name}: there is {other}, and Git has no room for both",
                hint="choose another status.branch",
            )


def names(folder: Path, limits: Limits) -> Iterator[str]:
    """Yield the full names of all refs; raises SourceError."""
    names = {*_loose_names(folder, "refs"), *_packed(folder, limits)}
    yield from sorted(name for name in names if ref_is_sound(name))


def _loose_names(folder: Path, top: str) -> Iterator[str]:
    """Yield what has a file of its own below `top`. A folder that cannot be read is not an empty one: raises OSError."""
    for above, _, files in os.walk(folder / top, onerror=_refuse):
        paths = (Path(above, name) for name in files)
        yield from (path.relative_to(folder).as_posix() for path in paths if path.is_file())


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
