"""Which files somebody on this host has made different from what its packages brought. Only looks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds import Found
from agent.kinds.file.names import checked_name
from agent.model import Mode

LARGEST = 1 << 20  # bytes: what is larger is data, and no configuration
LEFT = "config-files"  # the state of a package that was removed, and not purged: dpkg(1)
NEW = 0o644  # the mode of a file that is declared without one
OBSOLETE = frozenset({"obsolete", "remove-on-upgrade"})  # of no installed package any more: dpkg-query(1)


def survey(probe: Probe) -> Iterator[Found]:
    """
    Yield the conffiles (deb-conffiles(5)) that were changed, replaced or removed; raises HostError.

    A host without dpkg has none. What not everybody may read is never copied: it may hold a secret.
    """
    if probe.entries(("/usr/bin/dpkg-query",))["/usr/bin/dpkg-query"] is None:
        return
    said = probe.ask("dpkg-query", "--show", "--showformat=${db:Status-Status}\\n${Conffiles}\\n").out
    shipped = dict(conffile for line in _of_installed(said) if (conffile := _conffile(line)))
    for path, entry in probe.entries(tuple(shipped)).items():
        if one := _changed(path, shipped[path], entry, probe):
            yield one


def _of_installed(said: str) -> Iterator[str]:
    """Yield the lines ` /etc/motd d41d8cd98f…`, but those of packages of which only configuration is left."""
    left = False
    for line in said.splitlines():
        if line.startswith(" "):
            if not left:
                yield line
        elif line:
            left = line == LEFT


def _conffile(line: str) -> tuple[str, str] | None:
    """Return path and MD5 of a line ` /etc/motd d41d8cd98f… obsolete`; None for what does not count."""
    words = line.rsplit()
    while words and words[-1] in OBSOLETE:
        return None
    path, _, md5 = line.strip().rpartition(" ")
    if not path or md5 == "newconffile":
        return None
    try:
        return checked_name(path), md5
    except ValueError:
        return None


def _changed(path: str, md5: str, entry: Entry | HostError | None, probe: Probe) -> Found | None:
    if isinstance(entry, HostError):
        return Found(name=path, entry=None, skipped=entry.reason)
    if entry is None:
        return Found(name=path, entry="absent")
    match entry.type:
        case FileType.LINK:
            return Found(name=path, entry={"link": entry.target})
        case FileType.FILE:
            return _edited(path, md5, entry, probe)
    return Found(
        name=path, entry=None, skipped="is neither a file nor a link; declare by hand what it is to be"
    )


def _edited(path: str, md5: str, entry: Entry, probe: Probe) -> Found | None:
    data = probe.content(PurePosixPath(path), limit=LARGEST + 1)
    if data is None or hashlib.md5(data, usedforsecurity=False).hexdigest() == md5:
        return None
    if not Mode(entry.mode).is_public:
        return Found(
            name=path,
            entry=None,
            skipped=f"was changed, and its mode is {entry.mode:04o}: it may hold a secret, which has no place in Git",
        )
    if len(data) > LARGEST:
        return Found(name=path, entry=None, skipped=f"was changed, and has more than {LARGEST >> 20} MiB")
    beside = f"files{path}"
    return Found(name=path, entry={"source": beside, **_unusual(entry, probe)}, files={beside: data})


def _unusual(entry: Entry, probe: Probe) -> Mapping[str, str]:
    """Return what a new file would not get by itself; raises HostError."""
    said = {} if entry.mode == NEW else {"mode": f"{entry.mode:04o}"}
    if entry.uid:
        said["owner"] = probe.accounts().user_of(entry.uid) or str(entry.uid)
    if entry.gid:
        said["group"] = probe.accounts().group_of(entry.gid) or str(entry.gid)
    return said
