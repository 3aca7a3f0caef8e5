"""What stands at the paths of all entries, in one reading; and what is in folders that go, or are purged. Only looks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TypeAlias

from agent.errors import HostError
from agent.host import DetourError, Entry, FileType, Probe, shown
from agent.kinds.file.names import OURS
from agent.kinds.file.spec import FileSpec
from agent.values import dataclass

Wants: TypeAlias = Mapping[str, FileSpec | None]
NAMED = 3  # how many of the things in the way a message names
MOST = 5_000  # strays in one folder: each is looked at in every cycle, planned, and reported
SLICE = 1_000  # things in a folder that are looked at together


@dataclass(frozen=True, slots=True, kw_only=True)
class Detailed(Entry):
    """What stands at a path, where there is more to say of it than an `Entry` does."""

    path: PurePosixPath | None = None  # of a stray, whose name may be escaped
    owner: str = ""  # who it belongs to, if that is not who is wanted
    group: str = ""
    inside: tuple[PurePosixPath, ...] = ()  # of a folder that goes: what goes with it, deepest first
    theirs: frozenset[PurePosixPath] = frozenset()  # of these, files and links that trued may not have made
    foreign: tuple[str, ...] = ()  # and some of what is in it and not trued's
    foreign_count: int = 0


def where(name: str, have: Entry) -> PurePosixPath:
    """Return the path of something that was observed under a name."""
    return have.path if isinstance(have, Detailed) and have.path is not None else PurePosixPath(name)


def observe(
    probe: Probe, wants: Wants, only: Collection[str] | None = None
) -> Mapping[str, Entry | HostError | None]:
    """
    Return the state of all `wants`, or `only` of some, and strays below folders that are purged.

    What `wants` does not name counts as not declared: hand in all of the kind, or ignore strays.
    """
    asked = wants if only is None else {name: wants[name] for name in only}
    deep = frozenset(name for name, want in asked.items() if want is not None and want.data is not None)
    seen = probe.entries(asked.keys(), digests=deep)
    looking = _Looking(probe, wants)
    states, regular = dict(seen), FileType.FILE
    purged: list[str] = []
    for name, want in asked.items():
        have = seen[name]
        is_file = type(have) is Entry and have.type is regular
        if is_file and want is not None and want.owner is None and want.group is None:
            continue  # most of what is ever asked
        states[name] = looking.at(name, want, have)
        if want is not None and want.purge and _is_folder(states[name]):
            purged.append(name)
    for name in purged:
        states |= looking.strays(name)
    return states


@dataclass(slots=True)
class _Looking:
    probe: Probe
    wants: Wants

    def at(
        self, name: str, want: FileSpec | None, seen: Entry | HostError | None
    ) -> Entry | HostError | None:
        if not isinstance(seen, Entry):
            return self._nothing(name, want, seen)
        if seen.type is FileType.DIRECTORY and (want is None or not want.directory):
            return self._folder_that_goes(name, seen)
        if want is None or (want.owner is None and want.group is None):
            return seen
        return self._owned(want, seen)

    def strays(self, name: str) -> Mapping[str, Entry | HostError]:
        """
        Return what is below a purged folder and not declared; what cannot be read is said of the folder.

        Of too many one thing is said, under a name that none can have: the folder itself is as declared, and what is in it goes on.
        """
        found: dict[str, Entry] = {}
        try:
            for stray, entry in self._undeclared(PurePosixPath(name)):
                found[stray] = entry
                if len(found) > MOST:
                    return {f"{name}/": _too_many(name)}
        except HostError as error:
            return {name: error}
        return found

    def _nothing(self, name: str, want: FileSpec | None, seen: HostError | None) -> HostError | None:
        above = name.rpartition("/")[0]
        if want is not None and want.state == "present" and above in self.wants:
            holder = self.wants[above]
            if holder is not None and not holder.directory:
                return HostError(f"{name}: cannot be there: {above} is declared, and not as a folder")
        if isinstance(seen, DetourError) and (want is None or self._becomes_folder(seen.link)):
            return None
        return seen

    def _becomes_folder(self, link: PurePosixPath) -> bool:
        """Return whether the link in the way is declared to be a folder, so that nothing stands behind it then."""
        want = self.wants.get(str(link))
        return want is not None and want.directory and not want.implied

    def _owned(self, want: FileSpec, seen: Entry) -> Entry:
        owner = "" if want.owner is None else self._other_user(want.owner, seen.uid)
        group = "" if want.group is None else self._other_group(want.group, seen.gid)
        return _found(seen, owner=owner, group=group) if owner or group else seen

    def _other_user(self, wanted: str, uid: int) -> str:
        return "" if self.probe.uid(wanted) == uid else self.probe.user(uid)

    def _other_group(self, wanted: str, gid: int) -> str:
        return "" if self.probe.gid(wanted) == gid else self.probe.group(gid)

    def _folder_that_goes(self, name: str, seen: Entry) -> Entry | HostError:
        try:
            inside, theirs, foreign = self._contents(PurePosixPath(name))
        except HostError as error:
            return error
        if not inside and not foreign:
            return seen
        return _found(seen, inside=inside, theirs=theirs, foreign=foreign)

    def _contents(
        self, folder: PurePosixPath
    ) -> tuple[tuple[PurePosixPath, ...], frozenset[PurePosixPath], tuple[PurePosixPath, ...]]:
        """
        Return what is in a folder: what goes with it, deepest first, and what is not trued's to remove.

        Between the two, what of the first goes because it is declared absent: it may be anybody's.
        """
        inside: list[PurePosixPath] = []
        theirs: set[PurePosixPath] = set()
        foreign: list[PurePosixPath] = []
        waiting = [folder]
        while waiting:
            above = waiting.pop()
            foreign += sorted(mount for mount in self.probe.mounts() if mount.parent == above)
            for path, entry in self._children(above):
                if not self._goes(path):
                    foreign.append(path)
                    continue
                inside.append(path)
                if entry.type is FileType.DIRECTORY:
                    waiting.append(path)
                elif self.wants[str(path)] is not None:
                    theirs.add(path)
        return tuple(reversed(inside)), frozenset(theirs), tuple(foreign)

    def _goes(self, path: PurePosixPath) -> bool:
        name = str(path)
        if name not in self.wants:
            return False
        want = self.wants[name]
        return want is None or want.state == "absent"

    def _undeclared(self, folder: PurePosixPath) -> Iterator[tuple[str, Entry]]:
        waiting = [folder]
        while waiting:
            for path, entry in self._children(waiting.pop()):
                want, name = self.wants.get(str(path)), shown(path)
                if str(path) not in self.wants and name not in self.wants:
                    yield name, _found(entry, path=path, foreign=self._mounted_below(path))
                # A declared folder answers for itself; one that is only implied, or goes, does not.
                if entry.type is FileType.DIRECTORY and (want is None or want.implied):
                    waiting.append(path)

    def _mounted_below(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        return tuple(sorted(mount for mount in self.probe.mounts() if folder in mount.parents))

    def _children(self, folder: PurePosixPath) -> Iterator[tuple[PurePosixPath, Entry]]:
        """Yield what is directly in a folder, but for mounts and temporaries of our own; raises HostError."""
        names = [name for name in self.probe.names(folder) if not name.startswith(OURS)]
        for at in range(0, len(names), SLICE):  # whoever has seen enough stops before all are looked at
            every = [folder / name for name in names[at : at + SLICE]]
            paths = [path for path in every if path not in self.probe.mounts()]
            seen = self.probe.entries([str(path) for path in paths])
            for path in paths:
                entry = seen[str(path)]
                if isinstance(entry, HostError):
                    raise entry
                if entry is not None:
                    yield path, entry


def _too_many(name: str) -> HostError:
    return HostError(
        f"{name}: has more than {MOST} things in it that are not declared: none of them is removed",
        hint="remove them by hand, or take purge out",
    )


def _found(
    seen: Entry,
    *,
    path: PurePosixPath | None = None,
    owner: str = "",
    group: str = "",
    inside: tuple[PurePosixPath, ...] = (),
    theirs: frozenset[PurePosixPath] = frozenset(),
    foreign: tuple[PurePosixPath, ...] = (),
) -> Detailed:
    return Detailed(
        type=seen.type,
        mode=seen.mode,
        uid=seen.uid,
        gid=seen.gid,
        size=seen.size,
        digest=seen.digest,
        target=seen.target,
        path=path,
        owner=owner,
        group=group,
        inside=inside,
        theirs=theirs,
        foreign=tuple(shown(other) for other in foreign[:NAMED]),
        foreign_count=len(foreign),
    )


def _is_folder(state: Entry | HostError | None) -> bool:
    return isinstance(state, Entry) and state.type is FileType.DIRECTORY
