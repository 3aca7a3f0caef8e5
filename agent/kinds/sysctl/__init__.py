"""Kernel parameters, now and after the next boot: /proc/sys, and one file in /etc/sysctl.d. Decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import ClassVar

from agent.errors import HostError
from agent.host import FileType, Probe, entry_at, shown
from agent.kinds import Found, Kind, files_among
from agent.kinds._words import HEADER, UNDECLARED
from agent.kinds.sysctl.files import Assignment, Boot, assignments, at_boot
from agent.kinds.sysctl.words import FOLDER, LONGEST, OURS, checked_name, checked_value, file, live, same
from agent.model import MakeDirectory, Remove, ResourceId, Run, Stale, Step, Text, WriteFile
from agent.values import dataclass

CONF = PurePosixPath("/etc/sysctl.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class SysctlSpec:
    """What a kernel parameter is to be."""

    value: str = field(metadata={"doc": "the value, as text; several words with one space between them"})

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be a value."""
        object.__setattr__(self, "value", checked_value(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a kernel parameter is."""

    live: str = ""
    writable: bool = True
    ours: str | None = None  # what our own file sets; None: there is none
    boot: Assignment | None = None  # what is set at boot, whoever says so
    folder: bool = True  # whether there is one for our file


class Sysctl(Kind[SysctlSpec, Setting]):
    """A kernel parameter."""

    section: ClassVar[str] = "sysctls"
    spec = SysctlSpec
    rank: ClassVar[int] = 25
    shorthand: ClassVar[str] = "value"

    def name(self, written: str) -> str:
        return checked_name(written)

    def fingerprint(self, spec: SysctlSpec) -> object:
        return spec.value

    def edges(self, name: str, want: SysctlSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        """Yield the package that has sysctl(8)."""
        if (procps := ResourceId("package", "procps")) in declared:
            yield procps

    def rivals(self, name: str, want: SysctlSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        return files_among(declared, file(name))

    def places(self, name: str, want: SysctlSpec) -> Iterable[str]:
        """Yield its own file; the live value is the kernel's, and no event tells of it."""
        yield str(file(name))

    def observe(
        self, probe: Probe, wants: Mapping[str, SysctlSpec | None]
    ) -> Mapping[str, Setting | HostError | None]:
        boot = at_boot(probe)
        return {name: _observed(probe, name, want, boot) for name, want in wants.items()}

    def exists(self, have: Setting) -> bool:
        return have.ours is not None

    def steps(
        self, name: str, want: SysctlSpec | None, have: Setting | None, *, stale: Stale
    ) -> Iterable[Step]:
        if want is None:
            return _removal(name, have)
        steps = tuple(_towards(name, want.value, have or Setting()))
        if not steps and have is not None:
            _check_boot(name, want.value, have)
        return steps

    def survey(self, probe: Probe) -> Iterable[Found]:
        """Yield what an administrator's files set; not what packages do below /usr, nor trued's own."""
        boot = at_boot(probe)
        for name, found in boot.found.items():
            if found.file == CONF or (found.file.parent == FOLDER and not found.file.name.startswith(OURS)):
                yield _surveyed(probe, name, boot)


def _observed(probe: Probe, name: str, want: SysctlSpec | None, boot: Boot) -> Setting | HostError | None:
    try:
        ours = _ours(probe, name)
        if want is None:
            return None if ours is None else Setting(ours=ours)
        value, writable = _live(probe, name)
        folder = entry_at(probe, FOLDER) is not None
    except HostError as error:
        return error
    return Setting(live=value, writable=writable, ours=ours, boot=boot.of(name), folder=folder)


def _ours(probe: Probe, name: str) -> str | None:
    """Return what our file sets, "" if that is something else; None if it is not there. Raises HostError."""
    content = probe.content(file(name), limit=2 * LONGEST)
    if content is None:
        return None
    return dict(assignments(content.decode(errors="replace"))).get(name, "")


def _live(probe: Probe, name: str) -> tuple[str, bool]:
    """Return the value now, and whether it can be set; raises HostError."""
    path = live(name)
    there = entry_at(probe, path)
    if there is None or there.type is not FileType.FILE:
        raise HostError(
            f"this kernel has no parameter {name} now: {path} is {'missing' if there is None else 'no file'}",
            hint="load the module that has it (modules-load.d(5)), bring up its interface, or mend the name",
        )
    if not there.mode & 0o444:
        raise HostError(f"{name} is a command to the kernel: it can be written, and has no value to keep")
    value = probe.content(path, limit=16 * LONGEST) or b""
    return " ".join(value.decode(errors="replace").split()), bool(there.mode & 0o222)


def _towards(name: str, value: str, have: Setting) -> Iterator[Step]:
    """Yield what sets it. The kernel is asked first: what it refuses is not written down for the next boot."""
    if not same(have.live, value):
        why = f"the kernel has {shown(have.live) or 'nothing'}, wanted {value}"
        if not have.writable:
            raise HostError(
                f"{name} cannot be set on this kernel: {why}", hint="take it out, or declare that value"
            )
        yield Run(argv=("sysctl", "-q", "-w"), operands=(f"{name}={value}",), timeout=30.0, why=why)
    if not _lasts(value, have) and not _overruled(name, have):
        content = f"{HEADER}{name} = {value}\n"
        why = "nothing sets it at boot" if have.boot is None else _told(have.boot)
        if not have.folder:
            yield MakeDirectory(path=FOLDER, why="")
        yield WriteFile(path=file(name), content=Text.of(content.encode()), why=why)


def _lasts(value: str, have: Setting) -> bool:
    return have.boot is not None and not have.boot.unread and same(have.boot.value, value)


def _told(boot: Assignment) -> str:
    if boot.unread:
        return f"{boot.file} cannot be read, and may set it at boot"
    return f"{boot.file} sets {shown(boot.value)} at boot"


def _overruled(name: str, have: Setting) -> bool:
    return have.boot is not None and have.boot.read > file(name).name


def _check_boot(name: str, value: str, have: Setting) -> None:
    """Raise HostError if the value, right now, will not last."""
    if have.boot is None or _lasts(value, have):
        return
    if have.boot.unread:
        raise HostError(
            f"{name} is {value}, and what it will be after the next boot cannot be told: {have.boot.unread}",
            hint=f"mend that, or rename it so that it is read before {file(name).name}",
        )
    raise HostError(
        f"{name} is {value}, and will not be after the next boot: {have.boot.file} sets {shown(have.boot.value)},"
        f" and is read after {file(name).name}",
        hint="take that line out, or rename that file",
    )


def _removal(name: str, have: Setting | None) -> tuple[Step, ...]:
    if have is None or have.ours is None:
        return ()
    return (Remove(path=file(name), why=f"{UNDECLARED}; the kernel keeps the value until the next boot"),)


def _surveyed(probe: Probe, name: str, boot: Boot) -> Found:
    found = boot.of(name) or boot.found[name]
    if found.unread:
        return Found(name=name, entry=None, skipped=_told(found))
    try:
        value, _ = _live(probe, name)
    except HostError as error:
        return Found(name=name, entry=None, skipped=f"{found.file} sets it: {error.reason}")
    if not same(value, found.value):
        why = f"{found.file} sets {shown(found.value)}, and the kernel has {shown(value)}: declare the one that holds"
        return Found(name=name, entry=None, skipped=why)
    return Found(name=name, entry=found.value)


KIND = Sysctl()
