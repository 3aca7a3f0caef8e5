"""Reads the refs of a repository on this machine as Git wrote them (gitrepository-layout(5)), without dulwich."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.errors import SourceError
from agent.git.address import ref_is_sound
from agent.git.limits import Limits
from agent.git.wire import ProtocolError

_ID = re.compile("[0-9a-f]{40}")
LINKS = 5  # of refs that name refs


def resolve(folder: Path, name: str, limits: Limits) -> str | None:
    """Return what a ref points at; raises SourceError."""
    if (folder / "reftable").is_dir():
        raise SourceError(
            "it keeps its refs in a reftable, which trued does not read", hint="use ssh or https"
        )
    for _ in range(LINKS):
        text = _loose(folder / name) or _packed(folder, limits).get(name, "")
        if not text.startswith("ref: "):
            break
        name = text.removeprefix("ref: ")
        if not ref_is_sound(name):
            raise ProtocolError("one of its refs points at no ref")
    if text and not _ID.fullmatch(text):
        raise ProtocolError(f"{name}: the ref holds no object name: it is damaged")
    return text or None


def _loose(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(1024).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _packed(folder: Path, limits: Limits) -> Mapping[str, str]:
    try:
        with (folder / "packed-refs").open("rb") as file:
            data = file.read(limits.refs + 1)
    except FileNotFoundError:
        return {}
    if len(data) > limits.refs:
        raise ProtocolError(f"the list of refs is longer than {limits.refs} bytes")
    pairs = (
        text.split(" ", 1) for text in data.decode("utf-8", "replace").splitlines() if text[:1] not in "#^"
    )
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def names(folder: Path, limits: Limits) -> Iterator[str]:
    """Yield the full names of all refs; raises SourceError."""
    loose = (path for path in (folder / "refs").rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix() for path in loose} | set(_packed(folder, limits))
    yield from sorted(name for name in names if ref_is_sound(name))
