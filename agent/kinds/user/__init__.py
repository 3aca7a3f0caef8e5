"""Users of this host: their number, groups, home, shell, keys, and password as a hash. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds import Found, Kind, files_among
from agent.kinds._accounts import of_the_base, unlocked
from agent.kinds.user.observe import UserState, observe
from agent.kinds.user.spec import UserSpec
from agent.kinds.user.steps import steps
from agent.kinds.user.survey import survey
from agent.model import AccountName, KeepFirst, ResourceId, Sources, Stale, Step

DATABASES: Final = ("/etc/passwd", "/etc/shadow")


class User(Kind[UserSpec, UserState]):
    """One line of /etc/passwd, and what belongs to it."""

    section: ClassVar[str] = "users"
    spec = UserSpec
    rank: ClassVar[int] = 14
    shorthand: ClassVar[str] = "state"
    late: ClassVar[bool] = True  # a group of the same name, or a password_file, may come with the same plan

    def name(self, written: str) -> str:
        return str(AccountName.parse(written))

    def expand(self, name: str, spec: UserSpec, tree: Sources) -> Iterable[tuple[str, UserSpec]]:
        spec.check_for(name)
        yield name, spec

    def absent(self, spec: UserSpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: UserSpec) -> object:
        return spec.fingerprint()

    def edges(self, name: str, want: UserSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield its groups, the package that is called like its shell, and the file with its password."""
        if want.state == "absent":
            return
        ids = [ResourceId("group", group) for group in (want.group or name, *want.groups)]
        if want.shell is not None:
            ids.append(ResourceId("package", PurePosixPath(want.shell).name))
        if want.password_file is not None:
            ids.append(ResourceId("file", want.password_file))
        yield from (rid for rid in dict.fromkeys(ids) if rid in declared)

    def rivals(self, name: str, want: UserSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        keys = (f"{want.home}/.ssh/authorized_keys",) if want.home and want.has_keys else ()
        return files_among(declared, *DATABASES, *keys)

    def places(self, name: str, want: UserSpec) -> Iterable[str]:
        yield from (*DATABASES, "/etc/group")
        if want.home and want.has_keys:
            yield f"{want.home}/.ssh/authorized_keys"

    def observe(
        self, probe: Probe, wants: Mapping[str, UserSpec | None]
    ) -> Mapping[str, UserState | HostError | None]:
        return observe(probe, wants)

    def exists(self, have: UserState) -> bool:
        return have.line is not None

    def prepare(
        self, wants: Mapping[str, UserSpec | None], haves: Mapping[str, UserState | HostError | None]
    ) -> Iterable[Step]:
        return unlocked(
            lock for have in haves.values() if isinstance(have, UserState) for lock in have.locks
        )

    def steps(
        self, name: str, want: UserSpec | None, have: UserState | None, *, stale: Stale
    ) -> Iterable[Step]:
        return steps(name, want, have, unfinished=stale is not Stale.NO)

    def objection(
        self, name: str, want: UserSpec | None, have: UserState | None, going: Collection[str]
    ) -> str:
        if want is None or not self.absent(want) or have is None or have.line is None:
            return ""
        return of_the_base(f"user {name}", have.line.uid)

    def first(self, name: str, have: UserState) -> Iterable[Step]:
        if have.home is not None and have.home.keys is not None:
            yield KeepFirst(path=have.home.keys_path, why="")

    def survey(self, probe: Probe) -> Iterable[Found]:
        return survey(probe)


KIND = User()
