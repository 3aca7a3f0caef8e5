"""The files that hold users and groups: passwd(5), group(5), shadow(5), and the locks of those who write them. Only looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from agent.errors import HostError
from agent.host import Accounts, Entry, FileType, GroupEntry, PasswdEntry, Probe
from agent.values import dataclass

T = TypeVar("T", PasswdEntry, GroupEntry)

FILES = tuple(PurePosixPath(f"/etc/{name}") for name in ("passwd", "group", "shadow", "login.defs"))
PASSWD, GROUP, SHADOW, LOGIN_DEFS = FILES
ROOT = "root"
SHADOWED = "x"  # stands in passwd(5) for what is in shadow(5)
MOST = 32 << 20  # bytes
LOCKS = tuple(f"/etc/{name}.lock" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid"))
SLACK = 60.0  # seconds between the clock of files and the time since boot
# Who takes these locks: the programs of shadow-utils, by /proc/PID/comm (proc(5)), which has 15 characters.
WRITERS = frozenset({
    "chage", "chfn", "chgpasswd", "chpasswd", "chsh", "gpasswd", "groupadd", "groupdel", "groupmems", "groupmod", "grpck",
    "grpconv", "grpunconv", "newgrp", "newusers", "passwd", "pwck", "pwconv", "pwunconv", "useradd", "userdel", "usermod",
    "vigr", "vipw",
})  # fmt: skip


def read(probe: Probe) -> Accounts:
    """Return what the files say, read anew only where one has changed; raises HostError."""
    known = probe.remembered("accounts", tuple(map(str, FILES)), lambda: _parsed(probe))
    locks = tuple(_stale_locks(probe))
    return replace(known, locks=locks) if locks else known


def parse(passwd: bytes, group: bytes, shadow: bytes, login_defs: bytes) -> Accounts:
    """Return what four files say; raises HostError where one is no such file at all."""
    passwords = _passwords(shadow)
    users = _read_lines(PASSWD, passwd, 7, lambda fields: _user(fields, passwords))
    if users.found[ROOT].password is None:
        raise _damaged(SHADOW, "has no line for root, whose password is to be there")
    groups = _read_lines(GROUP, group, 4, _group)
    return Accounts(
        users=users.found,
        groups=groups.found,
        broken_users=users.broken,
        broken_groups=groups.broken,
        uids=_range(login_defs, b"UID"),
        gids=_range(login_defs, b"GID"),
    )


def _parsed(probe: Probe) -> Accounts:
    passwd, group, shadow, login_defs = (_content(probe, path) for path in FILES)
    for path, data in ((PASSWD, passwd), (GROUP, group)):
        if data is None:
            raise HostError(f"{path}: is missing", hint=_backup(path))
    return parse(passwd or b"", group or b"", shadow or b"", login_defs or b"")


def _content(probe: Probe, path: PurePosixPath) -> bytes | None:
    data = probe.content(path, limit=MOST)
    if data is not None and len(data) == MOST:
        raise HostError(f"{path}: has more than {MOST >> 20} MiB: it is not used")
    return data


@dataclass(slots=True)
class _Lines(Generic[T]):
    found: dict[str, T] = field(default_factory=dict)
    broken: dict[str, HostError] = field(default_factory=dict)


def _read_lines(path: PurePosixPath, data: bytes, count: int, read: Callable[[list[str]], T]) -> _Lines[T]:
    """Return the entries of one file; one without root, or cut off, is no such file, but what a crash has left of it."""
    lines: _Lines[T] = _Lines()
    last: list[str] = []
    for number, fields in _fields(data):
        name = fields[0]
        try:
            if len(fields) != count:
                raise ValueError(f"expected {count} fields with ':' in between, found {len(fields)}")
            lines.found.setdefault(name, read(fields))
        except ValueError as error:
            check = "pwck" if path == PASSWD else "grpck"
            problem = HostError(f"{path}:{number}: {error}", hint=f"mend the line: {check}(8)")
            lines.broken.setdefault(name, problem)
        last = fields
    if ROOT not in lines.found:
        raise _damaged(path, "has no line for root")
    if not data.endswith(b"\n") and len(last) != count:
        raise _damaged(path, "ends in the middle of a line")
    return lines


def _fields(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that is one; "+…" and "-…" belong to NIS (nsswitch.conf(5))."""
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if line.strip() and line[0] not in "+-#":
            yield number, line.split(":")


def _user(fields: list[str], passwords: Mapping[str, str]) -> PasswdEntry:
    name, password, uid, gid, comment, home, shell = fields
    return PasswdEntry(
        name=name,
        uid=_number(uid, "uid"),
        gid=_number(gid, "gid"),
        comment=comment,
        home=home,
        shell=shell,
        password=passwords.get(name) if password == SHADOWED else password,
    )


def _group(fields: list[str]) -> GroupEntry:
    name, _, gid, members = fields
    return GroupEntry(
        name=name, gid=_number(gid, "gid"), members=frozenset(filter(None, members.split(",")))
    )


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"expected a number as {what}")
    return int(text)


def _passwords(shadow: bytes) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for _, fields in _fields(shadow):
        if len(fields) == 9:
            found.setdefault(fields[0], fields[1])
    return found


def _range(login_defs: bytes, what: bytes) -> range:
    """Return the numbers that people and their groups get (login.defs(5))."""
    words = [line.split() for line in login_defs.splitlines()]
    said = {line[0]: int(line[1]) for line in words if len(line) == 2 and line[1].isdigit()}
    return range(said.get(what + b"_MIN", 1000), said.get(what + b"_MAX", 60000) + 1)


def _damaged(path: PurePosixPath, what: str) -> HostError:
    return HostError(f"{path}: {what}: it is damaged", hint=_backup(path))


def _backup(path: PurePosixPath) -> str:
    return f"{path}- is the file before its last change"


def _stale_locks(probe: Probe) -> Iterator[PurePosixPath]:
    """
    Yield the lock files that a power cut has left, and that nobody would ever take away.

    Such a file holds the number of the process that made it. If that process is gone, the next one takes the lock over
    by itself; if the file is empty, or the number is another process's after a reboot, everyone waits for ever.
    """
    for path, entry in probe.entries(LOCKS).items():
        if (
            isinstance(entry, Entry)
            and entry.type is FileType.FILE
            and _is_stale(probe, PurePosixPath(path))
        ):
            yield PurePosixPath(path)


def _is_stale(probe: Probe, path: PurePosixPath) -> bool:
    uptime = (probe.content(PurePosixPath("/proc/uptime"), limit=100) or b"").split()
    age = probe.age(path)
    if age is None or not uptime or age < float(uptime[0]) + SLACK:
        return False
    number = (probe.content(path, limit=100) or b"").strip(b"\0\n ")
    if not number.isdigit():
        return True
    holder = probe.content(PurePosixPath(f"/proc/{int(number)}/comm"), limit=100)
    return holder is not None and holder.decode(errors="replace").strip() not in WRITERS
