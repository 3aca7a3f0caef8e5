"""Files, folders, symbolic links and whole folder trees, by their path. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds import Found, Kind
from agent.kinds.file.expand import expand
from agent.kinds.file.names import checked_name
from agent.kinds.file.observe import Detailed, observe, where
from agent.kinds.file.spec import FileSpec
from agent.kinds.file.steps import steps, stuck
from agent.kinds.file.survey import survey
from agent.model import KeepFirst, ResourceId, Sources, Stale, Step

USERS: Final = "/etc/passwd"
GROUPS: Final = "/etc/group"


class File(Kind[FileSpec, Entry]):
    """What stands at one path of the host."""

    section: ClassVar[str] = "files"
    spec = FileSpec
    rank: ClassVar[int] = 20
    shorthand: ClassVar[str] = "state"
    apart: ClassVar[bool] = True
    in_places: ClassVar[bool] = True

    def name(self, written: str) -> str:
        return checked_name(written)

    def expand(self, name: str, spec: FileSpec, tree: Sources) -> Iterable[tuple[str, FileSpec]]:
        return expand(name, spec, tree)

    def implied(self, spec: FileSpec) -> bool:
        return spec.implied

    def absent(self, spec: FileSpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: FileSpec) -> object:
        return spec.fingerprint()

    def edges(self, name: str, want: FileSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield the folder it stands in, and whom it belongs to. A link does not need what it points to."""
        if (folder := name.rpartition("/")[0]) and (above := ResourceId("file", folder)) in declared:
            yield above
        if want.owner is not None and (owner := ResourceId("user", want.owner)) in declared:
            yield owner
        if want.group is not None and (group := ResourceId("group", want.group)) in declared:
            yield group

    def places(self, name: str, want: FileSpec) -> Iterable[str]:
        """
        Yield its path; where it claims a folder, all in it; and what says which number its owner has.

        A folder that is only implied is on the way to others.
        """
        if not want.implied:
            yield name
        if want.purge:
            yield f"{name}/"
        if want.owner is not None and _is_named(want.owner):
            yield USERS
        if want.group is not None and _is_named(want.group):
            yield GROUPS

    def observe(
        self, probe: Probe, wants: Mapping[str, FileSpec | None]
    ) -> Mapping[str, Entry | HostError | None]:
        return observe(probe, wants)

    def observe_some(
        self, probe: Probe, names: Collection[str], wants: Mapping[str, FileSpec | None]
    ) -> Mapping[str, Entry | HostError | None]:
        return observe(probe, wants, only=names)

    def steps(self, name: str, want: FileSpec | None, have: Entry | None, *, stale: Stale) -> Iterable[Step]:
        return steps(name, want, have)

    def first(self, name: str, have: Entry) -> Iterable[Step]:
        if have.type in {FileType.FILE, FileType.LINK}:
            yield KeepFirst(path=where(name, have), why="")

    def claimed(self, have: Entry) -> bool:
        return isinstance(have, Detailed) and have.path is not None

    def leaves(self, name: str, have: Entry) -> str:
        return stuck(have)

    def survey(self, probe: Probe) -> Iterable[Found]:
        return survey(probe)


def _is_named(account: str) -> bool:
    """Return whether a database says which number a user or group has. Root's is 0 everywhere."""
    return account != "root" and not account.isdecimal()


KIND = File()
