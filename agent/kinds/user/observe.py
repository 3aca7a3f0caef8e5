"""What this host knows of each user, in one reading: its line, its groups, its home and keys, its new password. Only looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import PurePosixPath

from agent.errors import HostError
from agent.host import Accounts, Entry, FileType, PasswdEntry, Probe, entry_at, shown
from agent.kinds._accounts import from_elsewhere
from agent.kinds.user.spec import UserSpec
from agent.values import dataclass

DEFAULTS = PurePosixPath("/etc/default/useradd")
LONGEST_KEYS = 1 << 20  # bytes of authorized_keys
LONGEST_HASH = 1024  # bytes; CRYPT_OUTPUT_SIZE of crypt(3) is 384

# crypt(5): $id$…, of printable characters but these. A password that is written in plain text never looks so.
HASH = re.compile(r"\$[a-z0-9]+\$[^\s:;*!\\]{8,}", re.ASCII)


class MissingError(HostError):
    """There is no password_file: perhaps not yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The home folder of a user, and what ssh reads in it. None: not there."""

    path: PurePosixPath
    folder: Entry | None
    empty: bool = True
    ssh: Entry | None = None
    keys: Entry | None = None
    content: bytes = field(default=b"", repr=False)  # of authorized_keys

    @property
    def ssh_path(self) -> PurePosixPath:
        return self.path / ".ssh"

    @property
    def keys_path(self) -> PurePosixPath:
        return self.ssh_path / "authorized_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserState:
    """What there is of a user, and what stands in the way of one."""

    line: PasswdEntry | None  # None: there is no such user
    group: str = ""  # the primary group; its number where it has no name
    has_group: bool = True  # whether there is a primary group with that number
    groups: frozenset[str] = frozenset()  # supplementary ones
    namesake: bool = False  # whether a group has the name of the user
    holder: str = ""  # who has the number that is wanted
    home: Home | None = None  # None: it does not matter
    heir: int | None = None  # the number of a user that was, whose home this is, if nobody has it now
    wanted: str = field(default="", repr=False)  # the hash that is to be
    no_hash: HostError | None = None  # why there is none
    locks: tuple[PurePosixPath, ...] = ()

    @property
    def hash(self) -> str:
        """The hash there is, locked or not; of "!" and "*", which nobody can log in with, nothing."""
        found = (self.line.password or "") if self.line else ""
        return found.lstrip("!") if found.strip("!*") else ""

    @property
    def locked(self) -> bool:
        return bool(self.line and (self.line.password or "").startswith(("!", "*")))


def observe(
    probe: Probe, wants: Mapping[str, UserSpec | None]
) -> Mapping[str, UserState | HostError | None]:
    """Return the state of all `wants`; raises HostError."""
    looking = _Looking(probe, probe.accounts())
    return {name: looking.at(name, want) for name, want in wants.items()}


@dataclass(frozen=True, slots=True)
class _Looking:
    probe: Probe
    accounts: Accounts

    def at(self, name: str, want: UserSpec | None) -> UserState | HostError:
        try:
            return self._state(name, want)
        except HostError as error:
            return error

    def _state(self, name: str, want: UserSpec | None) -> UserState:
        line = self._line(name)
        if want is None or want.state == "absent":
            return UserState(line=line, locks=self.accounts.locks)
        home = self._home(name, want, line)
        wanted, no_hash = self._hash(want)
        return UserState(
            line=line,
            group="" if line is None else self.accounts.group_of(line.gid) or self.probe.group(line.gid),
            has_group=line is None or self._is_group(line.gid),
            groups=self.accounts.groups_with(name),
            namesake=name in self.accounts.groups,
            holder=self._holder(name, want),
            home=home,
            heir=self._heir(home, want) if line is None else None,
            wanted=wanted,
            no_hash=no_hash,
            locks=self.accounts.locks,
        )

    def _line(self, name: str) -> PasswdEntry | None:
        """Return the line of a user; raises HostError for one that cannot be read, or is not in this file."""
        if name in self.accounts.broken_users:
            raise self.accounts.broken_users[name]
        line = self.accounts.users.get(name)
        if line is None and (uid := self.probe.uid(name)) is not None:
            raise from_elsewhere("user", f"uid {uid}", "passwd", name)
        return line

    def _is_group(self, gid: int) -> bool:
        return bool(self.accounts.group_of(gid)) or self.probe.group(gid) != str(gid)

    def _holder(self, name: str, want: UserSpec) -> str:
        if want.uid is None:
            return ""
        found = self.accounts.user_of(want.uid) or self.probe.user(want.uid)
        return "" if found in {name, str(want.uid)} else found

    def _hash(self, want: UserSpec) -> tuple[str, HostError | None]:
        """Return the hash that is to be, or why there is none. No word of it is ever told."""
        if want.password_file is None:
            return "", None
        try:
            return self._hash_in(want.password_file), None
        except HostError as error:
            return "", error

    def _hash_in(self, path: str) -> str:
        entry = entry_at(self.probe, path)
        if entry is None:
            raise MissingError(
                f"{path}: is missing", hint="put the hash there: openssl passwd -6, or mkpasswd"
            )
        if entry.type is not FileType.FILE:
            raise HostError(f"{path}: is no regular file, and is to hold the hash of a password")
        if entry.uid != 0 or entry.mode & 0o077:
            raise HostError(
                f"{path}: others than root may read or change it (mode {entry.mode:04o}, owner {self.probe.user(entry.uid)})",
                hint=f"chown root:root {path} && chmod 0600 {path}, and choose another password",
            )
        data = self.probe.content(PurePosixPath(path), limit=LONGEST_HASH) or b""
        text = data.decode("ascii", "replace").strip()
        if not HASH.fullmatch(text):
            raise HostError(
                f"{path}: expected one line with the hash of a password, as in $6$… or $y$… (crypt(5))",
                hint="make one: openssl passwd -6, or mkpasswd",
            )
        return text

    def _home(self, name: str, want: UserSpec, line: PasswdEntry | None) -> Home | None:
        """Return the home, where it matters; what stands there without being declared is nobody's trouble."""
        if not (want.looks_into_home or want.creates_home):
            return None
        path = PurePosixPath(want.home or (line.home if line else "") or self._base() / name)
        try:
            return self._home_at(path, name, want, line)
        except HostError:
            if want.looks_into_home or line is None:
                raise
            return None

    def _home_at(self, path: PurePosixPath, name: str, want: UserSpec, line: PasswdEntry | None) -> Home:
        folder = entry_at(self.probe, path)
        if folder is not None and folder.type is not FileType.DIRECTORY:
            raise HostError(f"{shown(path)}: is to be the home of {name}, and is no folder")
        its_own = folder is None or (line is not None and folder.uid == line.uid)
        home = Home(path=path, folder=folder, empty=its_own or not self.probe.names(path))
        return self._with_keys(home) if want.has_keys and folder is not None else home

    def _with_keys(self, home: Home) -> Home:
        """Return the home with what ssh reads in it. The folder is the user's: nothing in it is followed or trusted."""
        ssh = entry_at(self.probe, home.ssh_path)
        if ssh is not None and ssh.type is not FileType.DIRECTORY:
            raise HostError(f"{shown(home.ssh_path)}: is no folder", hint="look who made it, and remove it")
        keys = entry_at(self.probe, home.keys_path)
        if keys is not None and keys.type is not FileType.FILE:
            raise HostError(
                f"{shown(home.keys_path)}: is no regular file", hint="look who made it, and remove it"
            )
        return Home(
            path=home.path,
            folder=home.folder,
            empty=home.empty,
            ssh=ssh,
            keys=keys,
            content=b"" if keys is None else self._content(home.keys_path),
        )

    def _content(self, path: PurePosixPath) -> bytes:
        data = self.probe.remembered(
            ("authorized_keys", path), [str(path)], lambda: self.probe.content(path, limit=LONGEST_KEYS)
        )
        if data is not None and len(data) == LONGEST_KEYS:
            raise HostError(f"{shown(path)}: has more than {LONGEST_KEYS >> 20} MiB: it is not read")
        return data or b""

    def _base(self) -> PurePosixPath:
        """Return where useradd(8) makes homes."""
        text = (self.probe.content(DEFAULTS, limit=1 << 16) or b"").decode("utf-8", "replace")
        said = [line.partition("=")[2].strip() for line in text.splitlines() if line.startswith("HOME=")]
        return PurePosixPath(said[-1] if said else "/home")

    def _heir(self, home: Home | None, want: UserSpec) -> int | None:
        """Return whose home it was: a useradd(8) that was killed, or an earlier user of this name, has left it."""
        if home is None or home.folder is None or home.empty or home.folder.uid == 0:
            return None
        uid = home.folder.uid
        if want.system == (uid in self.accounts.uids):
            return None
        return None if self.accounts.user_of(uid) or self.probe.user(uid) != str(uid) else uid
