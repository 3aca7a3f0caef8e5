"""Which names of units and drop-ins can be declared, and why not the others. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent.model import quoted

LONGEST: Final = 255  # characters of a unit's name: systemd.unit(5)
TYPES: Final = frozenset(
    (
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    )
)  # systemd.unit(5)
OURS: Final = "trued.service"
FOLDER: Final = "/etc/systemd/system"

_CHARACTERS = re.compile(r"[A-Za-z0-9:_.\\@-]+")
_DROP_IN = re.compile(r"[A-Za-z0-9_][^/\x00-\x1f\x7f]*\.conf")


def checked_name(written: str) -> str:
    """Return the whole name of a unit as it is; raises ValueError with what is wrong with it."""
    if "/" in written:
        raise ValueError(_of_path(written))
    stem, _, suffix = written.rpartition(".")
    if suffix not in TYPES or not stem:
        raise ValueError(f"expected the whole name of a unit, as in nginx.service, got {quoted(written)}")
    if len(written) > LONGEST:
        raise ValueError(f"a unit's name has at most {LONGEST} characters, this one has {len(written)}")
    if not _CHARACTERS.fullmatch(stem):
        raise ValueError(
            f"a unit's name has letters, digits and :-_.\\@ only (systemd-escape(1) writes others), got {quoted(written)}"
        )
    if stem.startswith("@"):
        raise ValueError(f"a template has a name before its '@', got {quoted(written)}")
    return written


def checked_drop_in(file: str) -> str:
    """Return the name of a drop-in's file as it is; raises ValueError with what is wrong with it."""
    if not _DROP_IN.fullmatch(file) or len(file) > LONGEST:
        raise ValueError(
            f"expected the name of a drop-in, as in limits.conf: no '/', ending in .conf, got {quoted(file)}"
        )
    return file


def is_template(name: str) -> bool:
    """Return whether units are only made from it: foo@.service."""
    return name.rpartition(".")[0].endswith("@")


def template_of(name: str) -> str:
    """Return the template that an instance is made from, or nothing: getty@tty1.service is of getty@.service."""
    before, at, rest = name.partition("@")
    instance, _, kind = rest.rpartition(".")
    return f"{before}@.{kind}" if at and instance and "/" not in name else ""


def stem(name: str) -> str:
    """Return what is before an instance and the type: getty@tty1.service is of getty."""
    return name.rpartition(".")[0].partition("@")[0]


def suffix(name: str) -> str:
    return name.rpartition(".")[2]


def unit_of(name: str) -> str:
    """Return the unit that a drop-in's resource belongs to; of a unit, itself."""
    return name.partition("/")[0].removesuffix(".d") if "/" in name else name


def path_of(name: str) -> str:
    """Return where the file of a unit, or of a drop-in, stands."""
    return f"{FOLDER}/{name}"


def shipped(name: str) -> tuple[str, ...]:
    """Return where packages put the file of a unit, or of the template that it is made from: systemd.unit(5)."""
    names = tuple(one for one in (name, template_of(name)) if one)
    folders = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
    return tuple(f"{folder}/{one}" for one in names for folder in folders)


def _of_path(written: str) -> str:
    if ".d/" in written:
        return f"a drop-in is declared with its unit, as a key of drop_ins, got {quoted(written)}"
    if "/user/" in written or "/.config/" in written:
        return f"only units of the system can be declared, not those of users, got {quoted(written)}"
    return f"a unit goes by its name, not by a path, got {quoted(written)}"
