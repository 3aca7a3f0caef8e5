"""What turns the user that is there into the one that is wanted. Pure: nothing is read or written."""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import HostError
from agent.host import PasswdEntry
from agent.kinds._accounts import taken
from agent.kinds._words import why_gone
from agent.kinds.user.home import home_steps, key_steps, refuse_home
from agent.kinds.user.observe import UserState
from agent.kinds.user.password import password_steps, refuse_password
from agent.kinds.user.spec import UserSpec
from agent.model import Run, Stale, Step

NOBODY = UserState(line=None)


def steps(
    name: str, want: UserSpec | None, have: UserState | None, *, unfinished: bool = False
) -> tuple[Step, ...]:
    """
    Return the steps, none when both agree; raises HostError where no step may lead there.

    `unfinished`: the user may have been made by a useradd(8) that did not come to the home.
    """
    have = have or NOBODY
    if want is None or want.state == "absent":
        return tuple(_removal(name, want, have))
    if have.holder:
        raise taken(f"uid {want.uid}", have.holder)
    if have.line is None:
        return tuple(_creation(name, want, have))
    if want.uid is not None and want.uid != have.line.uid:
        raise _other_uid(name, want.uid, have.line.uid)
    return tuple(_change(name, want, have, have.line, unfinished=unfinished))


def _removal(name: str, want: UserSpec | None, have: UserState) -> Iterator[Step]:
    if have.line is None:
        return
    if have.line.uid == 0:
        raise HostError(
            f"{name} has uid 0, as root has: trued removes no such user", hint=f"userdel -f {name}"
        )
    with_home = want is not None and want.remove_home
    yield Run(
        argv=("userdel", *(("-r",) if with_home else ()), name),
        explain=("ps", "-o", "pid=,comm=", "-u", str(have.line.uid)),
        hint=f"if something of this user still runs, end it: loginctl terminate-user {name}, or pkill -u {name}",
        why=f"{why_gone(want)}{', with the home' if with_home else ''}",
    )


def _creation(name: str, want: UserSpec, have: UserState) -> Iterator[Step]:
    refuse_password(want, have)
    uid: int | None = want.uid
    if have.heir is not None and uid is None and want.creates_home:
        uid = have.heir
    refuse_home(name, want, have, uid)
    why = _why_new(want, uid)
    if want.group is None and not have.namesake:
        yield _group_of_new(name, want, uid, why)
    yield Run(
        argv=("useradd", *_options_of_new(name, want, uid), name),
        # It writes the files first, and makes the home then: without one, nobody could tell whether it was killed.
        unseen=Stale.RELOAD if want.creates_home else Stale.NO,
        why=why,
    )
    group = want.group or name
    yield from home_steps(name, group, want, have, uid, makes=want.creates_home)
    yield from key_steps(name, group, want, have, uid)
    yield from password_steps(name, want, have)


def _group_of_new(name: str, want: UserSpec, uid: int | None, why: str) -> Step:
    """
    Return what makes the group that a new user has for itself, of the same number where that is free: groupadd(8), -f.

    useradd(8) could make it, and writes passwd(5) before group(5): killed in between, it leaves a primary group that is
    not there, and the next new group gets the number, and that user as a member.
    """
    number = () if uid is None else ("-f", "-g", str(uid))
    return Run(argv=("groupadd", *(("-r",) if want.system else ()), *number, name), why=why)


def _why_new(want: UserSpec, uid: int | None) -> str:
    return (
        "user is missing"
        if uid == want.uid
        else f"user is missing; its home is there, and belongs to uid {uid}"
    )


def _options_of_new(name: str, want: UserSpec, uid: int | None) -> Iterator[str]:
    if want.system:
        yield "-r"
    if uid is not None:
        yield from ("-u", str(uid))
    yield from ("-g", want.group or name)
    if want.groups:
        yield from ("-G", ",".join(want.groups))
    yield from _options(want.comment, want.home, want.shell)
    yield "-m" if want.creates_home else "-M"


def _change(
    name: str, want: UserSpec, have: UserState, line: PasswdEntry, *, unfinished: bool
) -> Iterator[Step]:
    if line.password is None:
        yield Run(argv=("pwconv",), why="has no line in /etc/shadow")
    yield from _own_group(name, want, have)
    if differences := dict(_differences(want, have, line)):
        options = tuple(option for given in differences.values() for option in given)
        yield Run(
            argv=("usermod", *options, name),
            hint=f"if something of this user runs, end it first: loginctl terminate-user {name}",
            why=", ".join(differences),
        )
    group = want.group or (have.group if have.has_group else name)
    makes = want.creates_home if unfinished else bool(want.create_home)
    yield from home_steps(name, group, want, have, line.uid, makes=makes)
    yield from key_steps(name, group, want, have, line.uid)
    yield from password_steps(name, want, have)


def _own_group(name: str, want: UserSpec, have: UserState) -> Iterator[Step]:
    """Yield what gives a user whose primary group does not exist one: somebody's useradd(8) that was killed leaves such."""
    if have.has_group or want.group is not None or have.line is None:
        return
    why = f"the primary group {have.group} does not exist"
    if have.namesake:
        yield Run(argv=("usermod", "-g", name, name), why=why)
    else:
        yield Run(argv=("groupadd", "-g", str(have.line.gid), name), why=why)


def _differences(
    want: UserSpec, have: UserState, line: PasswdEntry
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what differs, in words, and the options of usermod(8) that mend it."""
    if want.group is not None and want.group != have.group:
        yield f"primary group is {have.group}, wanted {want.group}", ("-g", want.group)
    yield from _groups(want, have)
    for what, found, wanted, options in (
        ("comment", line.comment, want.comment, _options(want.comment, None, None)),
        ("home", line.home, want.home, _options(None, want.home, None)),
        ("shell", line.shell, want.shell, _options(None, None, want.shell)),
    ):
        if wanted is not None and wanted != found:
            yield f"{what} is {found or 'empty'}, wanted {wanted or 'empty'}", tuple(options)


def _groups(want: UserSpec, have: UserState) -> Iterator[tuple[str, tuple[str, ...]]]:
    primary = {want.group or have.group}
    missing = [group for group in want.groups if group not in have.groups | primary]
    others = sorted(have.groups - set(want.groups) - primary) if want.exclusive else []
    told = []
    if missing:
        told.append(f"is not in {', '.join(missing)}")
    if others:
        told.append(f"is in {', '.join(others)}")
    if told:
        option = ("-G",) if want.exclusive else ("-a", "-G")
        yield ", ".join(told), (*option, ",".join(want.groups if want.exclusive else missing))


def _options(comment: str | None, home: str | None, shell: str | None) -> Iterator[str]:
    """Yield what useradd(8) and usermod(8) call alike."""
    for option, value in (("-c", comment), ("-d", home), ("-s", shell)):
        if value is not None:
            yield from (option, value)


def _other_uid(name: str, wanted: int, found: int) -> HostError:
    return HostError(
        f"uid is {found}, wanted {wanted}: trued changes none, for what this user has outside of its home would be left behind",
        hint=f"declare uid {found}, or by hand: loginctl terminate-user {name}; usermod -u {wanted} {name};"
        f" find / -xdev -uid {found} -exec chown -h {name} {{}} +",
    )
