"""What turns what stands at a path into what is wanted there. Pure: nothing is read or written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from agent.errors import HostError
from agent.host import Entry, FileType, shown
from agent.kinds._words import ABSENT, UNDECLARED
from agent.kinds.file.observe import Detailed, where
from agent.kinds.file.spec import FileSpec
from agent.model import (
    Content,
    KeepFirst,
    MakeDirectory,
    MakeLink,
    Mode,
    Remove,
    SetAttributes,
    Step,
    WriteFile,
)

_CALLED = {
    FileType.FILE: "a file",
    FileType.DIRECTORY: "a folder",
    FileType.OTHER: "a socket, a FIFO or a device",
}
_NAMES = {FileType.FILE: "file", FileType.DIRECTORY: "folder", FileType.LINK: "link"}


def steps(name: str, want: FileSpec | None, have: Entry | None) -> tuple[Step, ...]:
    """Return the steps, none when both agree; raises HostError where no step may lead there."""
    if want is None:
        return () if have is None or stuck(have) else _removal(name, have, _gone(have))
    if have is not None and _agrees(want, have):
        return ()
    path = where(name, have) if have is not None else PurePosixPath(name)
    if want.state == "absent":
        return () if have is None else _absence(path, have)
    return tuple(_presence(path, want, have))


def stuck(have: Entry) -> str:
    """Return why something that is no longer declared has to stay, or nothing."""
    if have.type is FileType.OTHER:
        return f"it is {_CALLED[FileType.OTHER]} now, and trued made none"
    if isinstance(have, Detailed) and have.foreign:
        return f"it holds {_things(have.foreign_count)} that {_are(have.foreign_count)} not trued's: {_list(have)}"
    return ""


def _agrees(want: FileSpec, have: Entry) -> bool:
    """Guard of the pass over files that are as declared: cheap, and most of what is ever asked."""
    if want.data is not None:
        agrees = have.type is FileType.FILE and have.digest == want.data.digest
    elif want.link is not None:
        return have.type is FileType.LINK and have.target == want.link and not _owner_differs(have)
    else:
        agrees = want.directory and have.type is FileType.DIRECTORY
    return agrees and (want.mode is None or want.mode == have.mode) and not _owner_differs(have)


def _owner_differs(have: Entry) -> bool:
    return type(have) is Detailed and bool(have.owner or have.group)


def _gone(have: Entry) -> str:
    is_stray = isinstance(have, Detailed) and have.path is not None
    return "not declared, in a folder that is purged" if is_stray else UNDECLARED


def _removal(name: str, have: Entry, why: str) -> tuple[Step, ...]:
    return (Remove(path=where(name, have), why=why),)


def _absence(path: PurePosixPath, have: Entry) -> tuple[Step, ...]:
    _refuse_other(path, have)
    return (*_emptying(path, have), Remove(path=path, why=ABSENT))


def _presence(path: PurePosixPath, want: FileSpec, have: Entry | None) -> Iterator[Step]:
    if have is not None:
        _refuse_other(path, have)
    if want.directory:
        yield from _folder(path, want, have)
        return
    if have is not None:
        yield from _emptying(path, have)
    if want.link is not None:
        yield MakeLink(
            path=path, target=want.link, owner=want.owner, group=want.group, why=_why_link(want, have)
        )
    elif want.data is not None:
        yield _file(path, want, want.data, have)


def _file(path: PurePosixPath, want: FileSpec, data: Content, have: Entry | None) -> Step:
    if have is not None and have.type is FileType.FILE and have.digest == data.digest:
        return _attributes(path, want, have)
    return WriteFile(
        path=path,
        content=data,
        mode=want.mode,
        owner=want.owner,
        group=want.group,
        validate=want.validate,
        why=_why(want, have, FileType.FILE, "content differs"),
    )


def _folder(path: PurePosixPath, want: FileSpec, have: Entry | None) -> Iterator[Step]:
    if have is not None and have.type is FileType.DIRECTORY:
        yield _attributes(path, want, have)
        return
    if have is not None:
        if want.implied:
            raise HostError(
                f"{shown(path)} is {_called(have)}, and a folder is needed there",
                hint=_instead(path, have),
            )
        yield Remove(path=path, why="")
    yield MakeDirectory(
        path=path,
        mode=want.mode,
        owner=want.owner,
        group=want.group,
        why=_why(want, have, FileType.DIRECTORY, ""),
    )


def _instead(path: PurePosixPath, have: Entry) -> str:
    """Return the way out. Never to replace a link: without /lib, on a merged-/usr system, nothing starts any more."""
    if have.type is FileType.LINK:
        return f"links are not followed: declare the path below {shown(have.target)} instead"
    return f"declare {shown(path)} with directory: true to replace it, or declare another path"


def _attributes(path: PurePosixPath, want: FileSpec, have: Entry) -> Step:
    return SetAttributes(
        path=path,
        mode=want.mode,
        owner=want.owner,
        group=want.group,
        content=want.data,
        why=", ".join(_differences(want, have)),
    )


def _emptying(path: PurePosixPath, have: Entry) -> Iterator[Step]:
    """Yield what empties a folder that is to make room; raises HostError when it holds what is not trued's."""
    if not isinstance(have, Detailed):
        return
    if have.foreign:
        count = have.foreign_count
        raise HostError(
            f"{shown(path)} is a folder with {_things(count)} in it that {_are(count)} not trued's: {_list(have)}",
            hint="move what is in it away, or declare another path",
        )
    for inner in have.inside:
        if inner in have.theirs:
            yield KeepFirst(path=inner, why="")
        yield Remove(path=inner, why="")


def _refuse_other(path: PurePosixPath, have: Entry) -> None:
    if have.type is FileType.OTHER:
        raise HostError(
            f"{shown(path)} is {_called(have)}, and trued replaces none",
            hint="stop what made it and remove it by hand, or declare another path",
        )


def _why_link(want: FileSpec, have: Entry | None) -> str:
    if have is not None and have.type is FileType.LINK and have.target == want.link:
        return ", ".join(_differences(want, have))
    return _why(want, have, FileType.LINK, _called(have) if have else "")


def _why(want: FileSpec, have: Entry | None, wanted: FileType, differs: str) -> str:
    """Return the reason in words: nothing there, something else there, or what differs."""
    if have is None:
        return f"{_NAMES[wanted]} is missing"  # with its name, or `commit: missing` would miss a commit
    if have.type is not wanted:
        return f"is {_called(have)}"
    if wanted is FileType.LINK:
        return f"is {differs}"
    return ", ".join((differs, *_differences(want, have)))


def _differences(want: FileSpec, have: Entry) -> Iterator[str]:
    if want.mode is not None and want.mode != have.mode:
        yield f"mode is {Mode(have.mode)}, wanted {want.mode}"
    if isinstance(have, Detailed) and have.owner:
        yield f"owner is {have.owner}, wanted {want.owner}"
    if isinstance(have, Detailed) and have.group:
        yield f"group is {have.group}, wanted {want.group}"


def _called(have: Entry) -> str:
    return f"a link to {shown(have.target)}" if have.type is FileType.LINK else _CALLED[have.type]


def _things(count: int) -> str:
    return "one thing" if count == 1 else f"{count} things"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _list(have: Detailed) -> str:
    return ", ".join(have.foreign) + (", …" if have.foreign_count > len(have.foreign) else "")
