"""Repositories of apt: a file in sources.list.d, a key in keyrings, and the lists that apt has fetched. Decides; reads through a `Probe`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe, entry_at
from agent.kinds._aptlists import LISTS, torn
from agent.kinds._words import why_gone
from agent.kinds.repository.deb822 import Stanza, plain, stanzas, written
from agent.kinds.repository.others import APT, LARGEST, SOURCES, Place, all_places, places
from agent.kinds.repository.spec import RepositorySpec
from agent.model import KeepFirst, MakeDirectory, Mode, Remove, Run, Stale, Step, Text, WriteFile
from agent.values import dataclass

KEYRINGS: Final = APT / "keyrings"
PUBLIC: Final = Mode(0o644)  # apt reads keys as a user of its own

_QUOTED: Final = frozenset('\\|{}[]<>"^~_=!@#$%&*')  # what apt escapes in the name of a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A repository as it stands on the host."""

    file: FileType | None = None  # what stands where its file goes
    stanzas: tuple[Stanza, ...] = ()
    keys: Mapping[PurePosixPath, Entry] = field(default_factory=dict)  # of ours, by path
    lists: tuple[PurePosixPath, ...] = ()  # that apt has fetched, and nobody needs as it is to be
    folders: frozenset[PurePosixPath] = frozenset()  # of those that files go to, the ones that are there
    others: tuple[Place, ...] = ()  # what other files name

    @property
    def signed_by(self) -> frozenset[str]:
        return frozenset(word for one in self.stanzas for word in one.get("signed-by", ()))


def path_of(name: str) -> PurePosixPath:
    return SOURCES / f"{name}.sources"


def key_paths(name: str) -> tuple[PurePosixPath, PurePosixPath]:
    """Return where a key in text and a binary one go. apt knows them by these endings."""
    return KEYRINGS / f"{name}.asc", KEYRINGS / f"{name}.gpg"


def observe(
    probe: Probe, wants: Mapping[str, RepositorySpec | None]
) -> dict[str, Source | HostError | None]:
    """Return how the repositories stand; raises HostError where there is no apt."""
    paths = [path for name in wants for path in (path_of(name), *key_paths(name))]
    folders = (APT, SOURCES, KEYRINGS)
    keys = [str(path) for path in paths if path.parent == KEYRINGS]
    seen = probe.entries(tuple(map(str, (*paths, *folders))), digests=keys)
    apt = seen[str(APT)]
    if isinstance(apt, HostError):
        raise apt
    if apt is None:
        raise HostError(
            f"this host has no package manager whose repositories trued knows: {APT} is missing",
            hint="trued knows those of apt",
        )
    there = frozenset(folder for folder in folders if seen[str(folder)] is not None)
    return {name: _source(probe, name, want, seen, there) for name, want in wants.items()}


def _source(
    probe: Probe,
    name: str,
    want: RepositorySpec | None,
    seen: Mapping[str, Entry | HostError | None],
    folders: frozenset[PurePosixPath],
) -> Source | HostError | None:
    file, keys = seen[str(path_of(name))], {path: seen[str(path)] for path in key_paths(name)}
    if trouble := next((one for one in (file, *keys.values()) if isinstance(one, HostError)), None):
        return trouble
    try:
        text = (probe.content(path_of(name), limit=LARGEST) or b"").decode(errors="replace")
        found = tuple(map(plain, stanzas(text)))
        others = tuple(place for place in all_places(probe) if place.file != path_of(name))
        lists = tuple(_lists(probe, found, want, others))
    except HostError as error:
        return error
    return Source(
        file=file.type if isinstance(file, Entry) else None,
        stanzas=found,
        keys={path: entry for path, entry in keys.items() if isinstance(entry, Entry)},
        lists=lists,
        folders=folders,
        others=others,
    )


def _lists(
    probe: Probe, found: Iterable[Stanza], want: RepositorySpec | None, others: Iterable[Place]
) -> Iterator[PurePosixPath]:
    """Yield what apt has fetched from places that are no longer declared, and that no other file of sources names; and what is torn."""
    gone = {place for one in found for place in _pairs(one.get("uris", ()), one.get("suites", ()))}
    if want is not None and want.state == "present" and want.enabled:
        here = set(_pairs(want.uris, want.suites))
        yield from torn(probe, tuple(list_name(uri, suite) for uri, suite in sorted(here)))
        gone -= here
    if not gone or entry_at(probe, LISTS) is None:
        return
    named = {place.uri for place in others}
    prefixes = tuple(list_name(uri, suite) for uri, suite in sorted(gone) if uri not in named)
    if prefixes:
        yield from (LISTS / one for one in probe.names(LISTS) if one.startswith(prefixes))


def _pairs(uris: Iterable[str], suites: Collection[str]) -> Iterator[tuple[str, str]]:
    return ((uri.rstrip("/"), suite) for uri in uris for suite in suites)


def list_name(uri: str, suite: str) -> str:
    """Return what the names of apt's lists of a suite begin with: the URI, escaped, with _ for each slash."""
    _, _, rest = uri.partition(":")
    base = f"{rest.removeprefix('//').rstrip('/')}/"
    whole = base + suite if suite.endswith("/") else f"{base}dists/{suite}/"
    if suite == "/":
        whole = base
    return "".join(f"%{ord(char):02x}" if char in _QUOTED else char for char in whole).replace("/", "_")


def steps(name: str, want: RepositorySpec | None, have: Source, stale: Stale) -> Iterator[Step]:
    """Yield what makes a repository as declared: key before source, and then its index."""
    if want is None or want.state == "absent":
        yield from _removal(name, have, why_gone(want))
        return
    text = written(_fields(want, _keyring(name, want)))
    _check_others(path_of(name), stanzas(text)[0], have.others)
    changes = tuple(_changes(name, want, have, text))
    yield from changes
    if want.enabled and (changes or stale):
        yield update(name, "" if changes else "its index was not read since it has changed")


def update(name: str, why: str) -> Run:
    """
    Return what reads the index of one repository anew, and no other.

    A mirror that is down and a key that is wrong are errors, not warnings (`Error-Mode`).
    """
    options = {
        "Dir::Etc::sourcelist": path_of(name),
        "Dir::Etc::sourceparts": "-",
        "APT::Get::List-Cleanup": "0",  # the lists of all others stay
        "APT::Update::Error-Mode": "any",
    }
    argv = ("apt-get", "update", "-q", *(f"-o{key}={value}" for key, value in options.items()))
    return Run(argv=argv, timeout=600.0, unseen=Stale.RELOAD, why=why)


def _check_others(path: PurePosixPath, stanza: Stanza, others: Iterable[Place]) -> None:
    """Raise HostError rather than leave apt unable to do anything at all."""
    for ours in places(stanza, path):
        for other in filter(ours.quarrels, others):
            raise HostError(
                f"{other.file} names {ours.uri} {ours.suite} as well, signed by {other.signed_by or 'any key'}: with both,"
                " apt would read no sources at all",
                hint="declare that file absent, in files"
                + (
                    f"; or call this repository {other.file.stem}" if other.file.suffix == ".sources" else ""
                ),
            )


def _changes(name: str, want: RepositorySpec, have: Source, text: str) -> Iterator[Step]:
    keyring = _keyring(name, want)
    if want.key is not None and (why := _key_differs(keyring, want.key.digest, have)):
        if KEYRINGS not in have.folders:
            yield MakeDirectory(path=KEYRINGS, why="")
        yield WriteFile(path=PurePosixPath(keyring), content=want.key, mode=PUBLIC, why=why)
    if have.stanzas != tuple(map(plain, stanzas(text))) or have.file is not FileType.FILE:
        if SOURCES not in have.folders:
            yield MakeDirectory(path=SOURCES, why="")
        yield WriteFile(
            path=path_of(name), content=Text.of(text.encode()), mode=PUBLIC, why=_why(name, have, text)
        )
    yield from _leftovers(path for path in have.keys if str(path) in have.signed_by - {keyring})
    yield from _leftovers(
        have.lists, "" if have.stanzas != tuple(map(plain, stanzas(text))) else "its lists are torn"
    )


def _leftovers(paths: Iterable[PurePosixPath], why: str = "") -> Iterator[Step]:
    return (Remove(path=path, why=why) for path in paths)


def _keyring(name: str, want: RepositorySpec) -> str:
    if want.key is None:
        return want.signed_by if isinstance(want.signed_by, str) else ""
    armored, binary = key_paths(name)
    return str(armored if want.armored else binary)


def _key_differs(keyring: str, digest: str, have: Source) -> str:
    entry = have.keys.get(PurePosixPath(keyring))
    if entry is None:
        return "its key is missing"
    if entry.type is FileType.DIRECTORY:
        raise HostError(f"{keyring} is a folder", hint="move it away")
    if entry.type is not FileType.FILE or entry.digest != digest:
        return "its key differs"
    return "" if entry.mode == PUBLIC else f"mode of its key is {Mode(entry.mode)}, wanted {PUBLIC}"


def _fields(want: RepositorySpec, keyring: str) -> Iterator[tuple[str, str]]:
    yield "Enabled", "" if want.enabled else "no"
    yield "Types", " ".join(want.types)
    yield "URIs", " ".join(want.uris)
    yield "Suites", " ".join(want.suites)
    yield "Components", " ".join(want.components)
    yield "Architectures", " ".join(want.architectures)
    yield "Signed-By", keyring
    yield "Trusted", "yes" if want.trusted else ""
    yield from sorted(want.options.items())


def _why(name: str, have: Source, text: str) -> str:
    """Return which fields differ; their values only stand in the diff."""
    if have.file is None:
        return "the repository is missing"
    if have.file is FileType.DIRECTORY:
        raise HostError(f"{path_of(name)} is a folder", hint="move it away")
    if have.file is not FileType.FILE:
        return f"{path_of(name)} is no file"
    if len(have.stanzas) != 1:
        return f"{path_of(name)} has {len(have.stanzas)} stanzas, wanted one"
    wanted, there = plain(stanzas(text)[0]), have.stanzas[0]
    names = sorted(key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key))
    return f"{', '.join(names)} {'differs' if len(names) == 1 else 'differ'}"


def _removal(name: str, have: Source, why: str) -> Iterator[Step]:
    """Yield what takes it away: first what refers to the key."""
    if have.file is None:
        return
    if have.file is FileType.DIRECTORY:
        raise HostError(f"{path_of(name)} is a folder", hint="move it away")
    yield Remove(path=path_of(name), why=why)
    yield from _leftovers(path for path in have.keys if str(path) in have.signed_by)
    yield from _leftovers(have.lists)


def kept(name: str, have: Source) -> Iterator[Step]:
    """Yield what keeps the files that were there before."""
    if have.file in {FileType.FILE, FileType.LINK}:
        yield KeepFirst(path=path_of(name), why="")
    for path, entry in have.keys.items():
        if entry.type in {FileType.FILE, FileType.LINK}:
            yield KeepFirst(path=path, why="")
