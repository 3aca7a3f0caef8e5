"""What is declared of a unit and cannot come to be by any step, with the reason and the way out. Pure."""

from __future__ import annotations

from agent.errors import HostError
from agent.host import FileType
from agent.kinds.unit.names import is_template, path_of
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import UnitState


def agrees(want: UnitSpec, have: UnitState) -> bool:
    """Return whether the file is as declared, or nothing is said of it."""
    return want.data is None or (
        have.ours and have.file is not None and have.file.digest == want.data.digest
    )


def check(name: str, want: UnitSpec, have: UnitState) -> None:
    """Raise HostError where what is declared cannot come to be by any step."""
    if have.rival:
        raise HostError(
            f"{name} is another name of unit:{have.rival}, which is declared as well", hint="take one away"
        )
    if have.masked and want.masked is None and (want.active or want.enabled or want.has_text):
        raise HostError(
            f"{name} is masked, and not by Git",
            hint=f"to lift that, declare masked: false; by hand: systemctl unmask {name}",
        )
    if want.masked and have.ours:
        raise HostError(
            f"{path_of(name)} is a unit file, and a mask would stand in its place",
            hint="declare the unit with state: absent first, or move the file away",
        )
    if want.data is not None:
        _check_place(name, have)
    if want.enabled is not None and not (have.masked and want.masked is not None):
        _check_enabling(name, want, have)


def _check_place(name: str, have: UnitState) -> None:
    if have.id not in {name, ""} and not have.ours:
        raise HostError(
            f"{name} is another name of {have.id}: a unit file of its own would take its place",
            hint=f"declare {have.id}",
        )
    if have.file is None or have.ours or have.masked:
        return
    what = f"a link to {have.file.target}" if have.file.type is FileType.LINK else "no regular file"
    raise HostError(f"{path_of(name)} is {what}, and trued does not replace it", hint="remove it by hand")


def _check_enabling(name: str, want: UnitSpec, have: UnitState) -> None:
    reasons = {
        "alias": (f"{name} is another name of {have.id}", f"declare {have.id}"),
        "generated": (
            f"{name} is made at each boot, from /etc/fstab or the like",
            "to keep it from starting: masked: true",
        ),
        "transient": (
            f"{name} was made by a program that runs, and is gone after a boot",
            "declare a unit file for it",
        ),
        "bad": (
            f"{name} cannot be loaded: {have.error or 'its unit file is unreadable'}",
            f"see systemd-analyze verify {name}",
        ),
    }
    if want.enabled:
        reasons["static"] = (
            f"{name} has no [Install]: other units start it, and it cannot be enabled",
            "leave `enabled` away, or give it a unit file with [Install]",
        )
        if not is_template(name):
            reasons["indirect"] = (
                f"{name} is enabled by another unit that its Also= or Alias= names",
                "declare that one",
            )
    rewritten = want.data is not None and not agrees(want, have)
    if have.enabled in reasons and not (rewritten and have.enabled in {"static", "indirect", "bad"}):
        what, hint = reasons[have.enabled]
        raise HostError(what, hint=hint)
