"""What brings the password and its lock to what is wanted. Pure. A hash is in the stdin of a step, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import HostError
from agent.kinds.user.observe import MissingError, UserState
from agent.kinds.user.spec import UserSpec
from agent.model import Run, Step


def refuse_password(want: UserSpec, have: UserState) -> None:
    """Raise HostError where there is no password to set or to unlock; a file that is missing may come with the plan."""
    if have.no_hash is not None and not (have.line is None and isinstance(have.no_hash, MissingError)):
        raise have.no_hash
    if want.locked is False and want.password_file is None and not have.hash:
        raise HostError(
            "there is no password that could be unlocked",
            hint="give a password_file, or leave out locked: keys of ssh need no password",
        )


def password_steps(name: str, want: UserSpec, have: UserState) -> Iterator[Step]:
    """Yield what sets, locks or unlocks the password; raises HostError."""
    refuse_password(want, have)
    locked = bool(have.hash and have.locked) if want.locked is None else want.locked
    if have.wanted and have.wanted != have.hash:
        yield Run(
            argv=("chpasswd", "-e"),
            stdin=f"{name}:{'!' if locked else ''}{have.wanted}\n".encode(),
            why="password is not the one of password_file",
        )
    elif want.locked is not None and want.locked != have.locked and have.line is not None:
        if want.locked:
            yield Run(argv=("usermod", "-L", name), why="password is not locked")
        elif have.hash:
            yield Run(argv=("usermod", "-U", name), why="password is locked")
