"""systemd units of the system, by their whole name, and drop-ins for them. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import FileType, Probe
from agent.kinds import Found, Kind, files_among
from agent.kinds.unit import dropins
from agent.kinds.unit.expand import expand
from agent.kinds.unit.names import checked_name, path_of, stem, template_of, unit_of
from agent.kinds.unit.observe import observe
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import UnitState
from agent.kinds.unit.steps import steps
from agent.kinds.unit.survey import survey
from agent.model import KeepFirst, ResourceId, Sources, Stale, Step

# Where most units are linked from when they are enabled; the others, by other targets, go by the interval.
ENABLED: Final = "multi-user.target.wants"


class Unit(Kind[UnitSpec, UnitState]):
    """A systemd unit of this host, or one of its drop-ins."""

    section: ClassVar[str] = "units"
    spec = UnitSpec
    rank: ClassVar[int] = 40
    shorthand: ClassVar[str] = "state"
    triggers: ClassVar[tuple[str, ...]] = ("restart_on", "reload_on")
    late: ClassVar[bool] = True

    def name(self, written: str) -> str:
        return checked_name(written)

    def expand(self, name: str, spec: UnitSpec, tree: Sources) -> Iterable[tuple[str, UnitSpec]]:
        return expand(name, spec, tree)

    def absent(self, spec: UnitSpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: UnitSpec) -> object:
        return spec.fingerprint()

    def edges(self, name: str, want: UnitSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """
        Yield what its text names, and the package of its name.

        Not the units that it names: systemd itself starts them in order, once the files of all are there.
        """
        near = (
            *(ResourceId("file", path) for path in want.named.files),
            *(ResourceId("user", user) for user in want.named.users),
            *(ResourceId("group", group) for group in want.named.groups),
            ResourceId("package", stem(unit_of(name))),
        )
        return dict.fromkeys(rid for rid in near if rid in declared)

    def listens(self, name: str, want: UnitSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield the file that its unit file is declared as, and of an instance the template with its drop-ins."""
        if want.drop_in:
            return
        if (file := ResourceId("file", path_of(name))) in declared:
            yield file
        if template := template_of(name):
            yield from (rid for rid in declared if rid.kind == "unit" and unit_of(rid.name) == template)

    def rivals(self, name: str, want: UnitSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        ours = want.data is not None or want.masked
        return files_among(declared, *((path_of(name),) if ours else ()))

    def places(self, name: str, want: UnitSpec) -> Iterable[str]:
        """Yield its file, and the link by which it is started at boot where that is told; how it runs, systemd says."""
        yield path_of(name)
        if want.enabled is not None:
            yield path_of(f"{ENABLED}/{name}")

    def observe(
        self, probe: Probe, wants: Mapping[str, UnitSpec | None]
    ) -> Mapping[str, UnitState | HostError | None]:
        return observe(probe, wants)

    def exists(self, have: UnitState) -> bool:
        return have.there

    def steps(
        self, name: str, want: UnitSpec | None, have: UnitState | None, *, stale: Stale
    ) -> Iterable[Step]:
        if have is None:
            if want is None:
                return ()
            raise HostError(f"{name}: nothing is known of it")
        decide = dropins.steps if unit_of(name) != name else steps
        return decide(name, want, have, stale)

    def first(self, name: str, have: UnitState) -> Iterable[Step]:
        if have.file is not None and have.file.type is FileType.FILE:
            yield KeepFirst(path=PurePosixPath(path_of(name)), why="")

    def leaves(self, name: str, have: UnitState) -> str:
        if have.file is not None and have.file.type is not FileType.FILE and not have.masked:
            return f"{path_of(name)} is no regular file now, and trued made none such"
        return ""

    def survey(self, probe: Probe) -> Iterable[Found]:
        return survey(probe)


KIND = Unit()
