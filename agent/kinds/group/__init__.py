"""Groups of this host. Who is in one is said by its users. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import ClassVar, Final, Literal

from agent.errors import HostError
from agent.host import Accounts, GroupEntry, Probe
from agent.kinds import Found, Kind, files_among
from agent.kinds._accounts import from_elsewhere, of_the_base, taken, unlocked
from agent.kinds._words import why_gone
from agent.model import AccountId, AccountName, ResourceId, Run, Sources, Stale, Step
from agent.values import dataclass

DATABASES: Final = ("/etc/group", "/etc/gshadow")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """One group, as declared."""

    state: Literal["present", "absent"] = field(
        default="present", metadata={"doc": "whether the group is to be there: present or absent"}
    )
    gid: AccountId | None = field(
        default=None, metadata={"doc": "the number; else the next one that is free"}
    )
    system: bool = field(
        default=False, metadata={"doc": "whether a new group gets a number below those of people"}
    )

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.state == "absent" and (self.gid is not None or self.system):
            raise ValueError("a group that is absent has no gid and is no system group")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """What there is of a group, and what stands in the way of one."""

    line: GroupEntry | None  # None: there is no such group
    holder: str = ""  # which group has the number that is wanted
    locks: tuple[PurePosixPath, ...] = ()


class Group(Kind[GroupSpec, GroupState]):
    """One line of /etc/group."""

    section: ClassVar[str] = "groups"
    spec = GroupSpec
    rank: ClassVar[int] = 12
    shorthand: ClassVar[str] = "state"
    late: ClassVar[bool] = True  # userdel(8) takes the group of its user along, and a package may bring one
    in_places: ClassVar[bool] = True

    def name(self, written: str) -> str:
        return str(AccountName.parse(written))

    def expand(self, name: str, spec: GroupSpec, tree: Sources) -> Iterable[tuple[str, GroupSpec]]:
        if name == "root" and spec != GroupSpec():
            raise ValueError("the group root is there, with gid 0, and stays so")
        yield name, spec

    def absent(self, spec: GroupSpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: GroupSpec) -> object:
        return (spec.state, spec.gid, spec.system)

    def edges(self, name: str, want: GroupSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield the users, where the group is to go: no group goes while a user has it as the primary one."""
        if want.state == "absent":
            yield from sorted(rid for rid in declared if rid.kind == "user")

    def rivals(self, name: str, want: GroupSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        return files_among(declared, *DATABASES)

    def places(self, name: str, want: GroupSpec) -> Iterable[str]:
        return DATABASES

    def observe(
        self, probe: Probe, wants: Mapping[str, GroupSpec | None]
    ) -> Mapping[str, GroupState | HostError | None]:
        accounts = probe.accounts()
        return {name: _state(probe, accounts, name, want) for name, want in wants.items()}

    def exists(self, have: GroupState) -> bool:
        return have.line is not None

    def prepare(
        self, wants: Mapping[str, GroupSpec | None], haves: Mapping[str, GroupState | HostError | None]
    ) -> Iterable[Step]:
        return unlocked(
            lock for have in haves.values() if isinstance(have, GroupState) for lock in have.locks
        )

    def steps(
        self, name: str, want: GroupSpec | None, have: GroupState | None, *, stale: Stale
    ) -> Iterable[Step]:
        line = have.line if have else None
        if want is None or want.state == "absent":
            yield from _removal(name, want, line)
        elif have is not None and have.holder:
            raise taken(f"gid {want.gid}", have.holder)
        elif line is None:
            yield _creation(name, want)
        elif want.gid is not None and want.gid != line.gid:
            raise _other_gid(name, want.gid, line.gid)

    def objection(
        self, name: str, want: GroupSpec | None, have: GroupState | None, going: Collection[str]
    ) -> str:
        if want is None or not self.absent(want) or have is None or have.line is None:
            return ""
        return of_the_base(f"group {name}", have.line.gid)

    def survey(self, probe: Probe) -> Iterable[Found]:
        """Yield the groups of people but those that a new user gets by its own name; raises HostError."""
        accounts = probe.accounts()
        own = {(user.name, user.gid) for user in accounts.users.values() if user.uid in accounts.uids}
        for line in sorted(accounts.groups.values(), key=lambda line: line.name):
            if line.gid in accounts.gids and (line.name, line.gid) not in own:
                yield _found(line)
        for name, error in sorted(accounts.broken_groups.items()):
            yield Found(name=name, entry=None, skipped=error.reason)


def _state(probe: Probe, accounts: Accounts, name: str, want: GroupSpec | None) -> GroupState | HostError:
    """Return what there is; HostError for a line that cannot be read, or a group that is not in this file."""
    if name in accounts.broken_groups:
        return accounts.broken_groups[name]
    line = accounts.groups.get(name)
    if line is None and (gid := probe.gid(name)) is not None:
        return from_elsewhere("group", f"gid {gid}", "group", name)
    return GroupState(line=line, holder=_holder(probe, accounts, name, want), locks=accounts.locks)


def _holder(probe: Probe, accounts: Accounts, name: str, want: GroupSpec | None) -> str:
    if want is None or want.gid is None:
        return ""
    found = accounts.group_of(want.gid) or probe.group(want.gid)
    return "" if found in {name, str(want.gid)} else found


def _creation(name: str, want: GroupSpec) -> Step:
    number = () if want.gid is None else ("-g", str(want.gid))
    return Run(argv=("groupadd", *(("-r",) if want.system else ()), *number, name), why="group is missing")


def _removal(name: str, want: GroupSpec | None, line: GroupEntry | None) -> Iterator[Step]:
    if line is None:
        return
    if line.gid == 0:
        raise HostError(
            f"{name} has gid 0, as root has: trued removes no such group", hint=f"groupdel -f {name}"
        )
    yield Run(
        argv=("groupdel", name),
        explain=("getent", "group", name),
        hint="it is the primary group of a user: give that user another one (`group`), or let the user go first",
        why=why_gone(want),
    )


def _other_gid(name: str, wanted: int, found: int) -> HostError:
    return HostError(
        f"gid is {found}, wanted {wanted}: trued changes none, for the files of this group would be left behind",
        hint=f"declare gid {found}, or by hand: groupmod -g {wanted} {name};"
        f" find / -xdev -gid {found} -exec chgrp -h {name} {{}} +",
    )


def _found(line: GroupEntry) -> Found:
    try:
        AccountName.parse(line.name)
    except ValueError as error:
        return Found(name=line.name, entry=None, skipped=str(error))
    return Found(name=line.name, entry={"gid": line.gid})


KIND = Group()
