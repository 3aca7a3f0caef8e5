"""Checks who may read and write the files that let trued in. Only looks at them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from agent.config import Settings
from agent.doctor import Found, Grade, ok


def rights(settings: Settings) -> Found:
    """Return which files of the way in are not as they should be, and the commands that make them so."""
    ways = (settings.source, settings.status)
    secret = _given(path for way in ways for path in (way.token_file, way.ssh_key))
    signers = (settings.source.verify.allowed_signers,) if settings.source.verify else ()
    public = _given((*(path for way in ways for path in (way.known_hosts, way.ca_file)), *signers))
    found = [problem for path in secret for problem in _secret(path)]
    found += [problem for path in public for problem in _public(path)]
    found += list(_config(settings.file))
    found += [
        problem
        for folder in dict.fromkeys(path.parent for path in (settings.file, *secret, *public))
        for problem in _folder(folder)
    ]
    if not found:
        return ok(f"{len(secret)} secret and {len(public) + 1} other files are root's")
    worst = Grade.FAILED if any(grave for grave, _, _ in found) else Grade.WARNING
    return Found(worst, "; ".join(text for _, text, _ in found), "\n".join(mend for _, _, mend in found))


_Problem = tuple[bool, str, str]  # whether it is grave; what; the way out


def _given(paths: Collection[Path | None] | Iterator[Path | None]) -> list[Path]:
    return list(dict.fromkeys(path for path in paths if path is not None))


def _secret(path: Path) -> Iterator[_Problem]:
    if (found := _stat(path)) is None:
        yield (
            True,
            f"{path}: there is no such file",
            f"write it, with mode 0600: install -m 600 /dev/stdin {path}",
        )
        return
    if found.st_mode & 0o077:
        text = f"{path}: others may read it (mode {stat.S_IMODE(found.st_mode):04o})"
        yield True, text, f"chmod 600 {path}; who may have read it? if in doubt, make a new one"
    yield from _owner(path, found)


def _public(path: Path) -> Iterator[_Problem]:
    if (found := _stat(path)) is None:
        yield True, f"{path}: there is no such file", "write it, or correct agent.yaml"
        return
    yield from _unwritable(path, found)
    yield from _owner(path, found)


def _config(path: Path) -> Iterator[_Problem]:
    if (found := _stat(path)) is None:
        return
    yield from _unwritable(path, found)
    if found.st_mode & 0o077 and not found.st_mode & 0o022:
        yield (
            False,
            f"{path}: others may read it (mode {stat.S_IMODE(found.st_mode):04o})",
            f"chmod 600 {path}",
        )
    yield from _owner(path, found)


def _folder(path: Path) -> Iterator[_Problem]:
    """Who may write to a folder may put another file in the place of any in it, unless it is sticky."""
    if (found := _stat(path)) is not None and not found.st_mode & stat.S_ISVTX:
        yield from _unwritable(path, found)


def _unwritable(path: Path, found: os.stat_result) -> Iterator[_Problem]:
    if found.st_mode & 0o022:
        text = f"{path}: others may write to it (mode {stat.S_IMODE(found.st_mode):04o})"
        yield True, text, f"chmod go-w {path}; and see whether it is still what you wrote"


def _owner(path: Path, found: os.stat_result) -> Iterator[_Problem]:
    if found.st_uid not in {0, os.geteuid()}:
        yield True, f"{path}: belongs to user {found.st_uid}", f"chown root:root {path}"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
