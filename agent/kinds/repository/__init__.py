"""Where packages come from: repositories of the package manager, with the keys they are signed with. Decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from agent.errors import HostError
from agent.host import Probe
from agent.kinds import Found, Kind, files_among
from agent.kinds.repository import apt
from agent.kinds.repository.apt import Source
from agent.kinds.repository.keys import with_key
from agent.kinds.repository.spec import RepositorySpec, checked_name
from agent.kinds.repository.survey import survey
from agent.model import ResourceId, Sources, Stale, Step

# How apt reaches repositories: proxies, passwords, certificates.
SETTINGS = ("/etc/apt/apt.conf", "/etc/apt/auth.conf")


class Repository(Kind[RepositorySpec, Source]):
    """A source of packages, by the name of its file."""

    section: ClassVar[str] = "repositories"
    spec = RepositorySpec
    rank: ClassVar[int] = 8
    shorthand: ClassVar[str] = "state"

    def name(self, written: str) -> str:
        return checked_name(written)

    def expand(self, name: str, spec: RepositorySpec, tree: Sources) -> Iterable[tuple[str, RepositorySpec]]:
        yield name, with_key(spec, tree)

    def absent(self, spec: RepositorySpec) -> bool:
        return spec.state == "absent"

    def fingerprint(self, spec: RepositorySpec) -> object:
        return spec.fingerprint()

    def edges(
        self, name: str, want: RepositorySpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        """Yield the keyring, and the files that say how to get there. No package: those wait for repositories."""
        for rid in declared:
            if rid.kind == "file" and (rid.name == want.signed_by or rid.name.startswith(SETTINGS)):
                yield rid

    def rivals(
        self, name: str, want: RepositorySpec, declared: Collection[ResourceId]
    ) -> Iterable[ResourceId]:
        keyrings = () if want.key is None else apt.key_paths(name)
        return files_among(declared, apt.path_of(name), *keyrings)

    def places(self, name: str, want: RepositorySpec) -> Iterable[str]:
        """Yield its file and its key; the lists that apt has fetched change whenever anybody fetches them."""
        yield from map(str, (apt.path_of(name), *(() if want.key is None else apt.key_paths(name))))

    def observe(
        self, probe: Probe, wants: Mapping[str, RepositorySpec | None]
    ) -> Mapping[str, Source | HostError | None]:
        return apt.observe(probe, wants)

    def exists(self, have: Source) -> bool:
        return have.file is not None

    def steps(
        self, name: str, want: RepositorySpec | None, have: Source | None, *, stale: Stale
    ) -> Iterable[Step]:
        return tuple(apt.steps(name, want, have or Source(), stale))

    def first(self, name: str, have: Source) -> Iterable[Step]:
        return apt.kept(name, have)

    def survey(self, probe: Probe) -> Iterable[Found]:
        return survey(probe)


KIND = Repository()
