"""What brings a home, and the keys in it, to what is wanted. Pure. No step goes deeper than it says, or follows a link."""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import HostError
from agent.host import Entry, shown
from agent.kinds.user.keys import merged
from agent.kinds.user.observe import Home, UserState
from agent.kinds.user.spec import UserSpec
from agent.model import MakeDirectory, Mode, Run, SetAttributes, Step, Text, WriteFile

PRIVATE_FOLDER, PRIVATE_FILE = Mode(0o700), Mode(0o600)


def refuse_home(name: str, want: UserSpec, have: UserState, uid: int | None) -> None:
    """Raise HostError where a folder with something of somebody else in it would become a home."""
    home = have.home
    if home is None or home.folder is None:
        return
    owned = want.create_home or want.home_mode is not None or (have.line is None and want.creates_home)
    if owned and not home.empty and home.folder.uid != uid:
        raise HostError(
            f"{shown(home.path)}: is to be the home of {name}, belongs to uid {home.folder.uid}, and is not empty",
            hint=f"declare uid: {home.folder.uid}, or chown -R {name} {shown(home.path)}, or declare another home",
        )


def home_steps(
    name: str, group: str, want: UserSpec, have: UserState, uid: int | None, *, makes: bool
) -> Iterator[Step]:
    """Yield what makes the home, or gives it owner and mode; raises HostError."""
    home = have.home
    if home is None:
        return
    refuse_home(name, want, have, uid)
    if home.folder is None and not makes and want.looks_into_home:
        raise HostError(
            f"{shown(home.path)}: the home of {name} does not exist", hint="declare create_home: true"
        )
    if home.folder is None and makes and have.line is not None:
        yield Run(argv=("mkhomedir_helper", name), why="home is missing")
    yield from _attributes(name, group, want, home, makes=makes, uid=uid)


def _attributes(
    name: str, group: str, want: UserSpec, home: Home, *, makes: bool, uid: int | None
) -> Iterator[Step]:
    """Yield what owner and mode need; a home that useradd(8) has just made has its own idea of the mode."""
    other = home.folder is not None and home.folder.uid != uid and (makes or want.home_mode is not None)
    wrong = want.home_mode is not None and (home.folder is None or home.folder.mode != want.home_mode)
    told = []
    if other:
        told.append(f"home belongs to {home.folder.uid if home.folder else 'nobody'}")
    if wrong and home.folder is not None:
        told.append(f"mode of the home is {Mode(home.folder.mode)}, wanted {want.home_mode}")
    if other or wrong:
        yield SetAttributes(
            path=home.path,
            mode=want.home_mode,
            owner=name if other else None,
            group=group if other else None,
            why=", ".join(told),
        )


def key_steps(name: str, group: str, want: UserSpec, have: UserState, uid: int | None) -> Iterator[Step]:
    """Yield what puts the keys in place; raises HostError for what belongs to somebody else."""
    home = have.home
    if home is None or not want.has_keys:
        return
    content = merged(home.content, want.authorized_keys, exclusive=want.exclusive_keys)
    if home.keys is None and not content:
        return
    yield from _ssh_folder(name, group, home, uid)
    told = tuple(_differences(home, content, uid, exclusive=want.exclusive_keys))
    if told:
        yield WriteFile(
            path=home.keys_path,
            content=Text.of(content),
            mode=PRIVATE_FILE,
            owner=name,
            group=group,
            why=", ".join(told),
        )


def _ssh_folder(name: str, group: str, home: Home, uid: int | None) -> Iterator[Step]:
    if home.ssh is None:
        yield MakeDirectory(path=home.ssh_path, mode=PRIVATE_FOLDER, owner=name, group=group, why="")
        return
    if home.ssh.uid != uid:
        raise _belongs(home, home.ssh, name)
    if home.ssh.mode != PRIVATE_FOLDER:
        why = f"mode of .ssh is {Mode(home.ssh.mode)}, wanted {PRIVATE_FOLDER}"
        yield SetAttributes(path=home.ssh_path, mode=PRIVATE_FOLDER, why=why)


def _differences(home: Home, content: bytes, uid: int | None, *, exclusive: bool) -> Iterator[str]:
    """Yield how authorized_keys differs. What is not the user's is never copied: it may be a link to a secret."""
    if home.keys is None:
        yield "authorized_keys is missing"
        return
    if home.keys.uid != uid:
        if not exclusive:
            raise _belongs(home, home.keys, "the user")
        yield f"authorized_keys belongs to uid {home.keys.uid}"
    if home.content != content:
        yield "authorized_keys differs"
    if home.keys.mode != PRIVATE_FILE:
        yield f"mode of authorized_keys is {Mode(home.keys.mode)}, wanted {PRIVATE_FILE}"


def _belongs(home: Home, entry: Entry, name: str) -> HostError:
    path = home.ssh_path if entry is home.ssh else home.keys_path
    return HostError(
        f"{shown(path)}: belongs to uid {entry.uid}, not to {name}",
        hint="look who made it, and remove or chown it",
    )
