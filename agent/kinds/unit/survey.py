"""Which units somebody on this host has made, changed, masked or enabled by hand. Only looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import Any, Final

from agent.errors import HostError
from agent.host import Entry, FileType, Probe
from agent.kinds import Found
from agent.kinds.unit import systemd
from agent.kinds.unit.names import (
    FOLDER,
    OURS,
    checked_drop_in,
    checked_name,
    is_template,
    shipped,
    template_of,
)
from agent.kinds.unit.observe import observe
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import UnitState
from agent.kinds.unit.text import LARGEST, is_empty, named
from agent.model import Mode
from agent.values import dataclass

NULL: Final = "/dev/null"
_DEFAULT: Final = re.compile(r"^DefaultInstance=(.+?)\s*$", re.MULTILINE)


@dataclass(slots=True)
class _Unit:
    """What was found of one unit, gathered."""

    entry: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


class _LeftError(Exception):
    """Something cannot be taken over; says why."""


def survey(probe: Probe) -> Iterator[Found]:
    """
    Yield the units with a file, a drop-in or a mask in /etc/systemd/system, and those enabled against their preset.

    What not everybody may read is never copied: it may hold a secret. Raises HostError.
    """
    systemd.check_running(probe)
    found: dict[str, _Unit] = {}
    for name, entry in _standing(probe, PurePosixPath(FOLDER)):
        try:
            _gather(probe, name, entry, found)
        except _LeftError as why:
            yield Found(name=name, entry=None, skipped=str(why))
    for name in (*_against_preset(probe), *_instances(probe)):
        found.setdefault(name, _Unit()).entry.setdefault("enabled", True)
    wants = {name: UnitSpec(active=None if is_template(name) else True) for name in found}
    states = observe(probe, wants) if wants else {}
    for name, unit in sorted(found.items()):
        state = states[name]
        if isinstance(state, UnitState):
            yield Found(name=name, entry={**unit.entry, **_now(unit, state)}, files=unit.files)
        else:
            reason = state.reason if isinstance(state, HostError) else "nothing is known of it"
            yield Found(name=name, entry=None, skipped=reason)


def _gather(probe: Probe, name: str, entry: Entry, found: dict[str, _Unit]) -> None:
    """Put what stands under one name to its unit; raises _LeftError."""
    unit = name.removesuffix(".d") if entry.type is FileType.DIRECTORY else name
    if not _is_unit(unit) or unit == OURS or (entry.type is FileType.DIRECTORY and unit == name):
        return
    match entry.type:
        case FileType.FILE:
            source = f"units/{name}"
            data = _text(probe, PurePosixPath(FOLDER) / name, entry, unit)
            found.setdefault(unit, _Unit()).entry["source"] = source
            found[unit].files[source] = data
        case FileType.LINK if entry.target == NULL:
            found.setdefault(unit, _Unit()).entry["masked"] = True
        case FileType.LINK if entry.target.rpartition("/")[2] == name:
            raise _LeftError(
                f"is linked to {entry.target}: declare its unit file with `source` or `content`"
            )
        case FileType.DIRECTORY:
            _gather_drop_ins(probe, unit, PurePosixPath(FOLDER) / name, found)


def _gather_drop_ins(probe: Probe, unit: str, folder: PurePosixPath, found: dict[str, _Unit]) -> None:
    for file, entry in _standing(probe, folder):
        if not file.endswith(".conf") or entry.type is not FileType.FILE:
            continue
        try:
            source = f"units/{unit}.d/{checked_drop_in(file)}"
        except ValueError as error:
            raise _LeftError(str(error)) from None
        data = _text(probe, folder / file, entry, unit, drop_in=True)
        kept = found.setdefault(unit, _Unit())
        kept.entry.setdefault("drop_ins", {})[file] = {"source": source}
        kept.files[source] = data


def _text(probe: Probe, path: PurePosixPath, entry: Entry, unit: str, *, drop_in: bool = False) -> bytes:
    if not Mode(entry.mode).is_public:
        raise _LeftError(
            f"the mode of {path} is {entry.mode:04o}: it may hold a secret, which has no place in Git"
        )
    data = probe.content(path, limit=LARGEST + 1) or b""
    if is_empty(data) and not drop_in:
        raise _LeftError(f"{path} is empty, which masks the unit: declare masked: true, and remove the file")
    try:
        named(data, unit)
    except ValueError as error:
        raise _LeftError(f"{path}: {error}") from None
    return data


def _now(unit: _Unit, state: UnitState) -> Mapping[str, bool]:
    """Return what it does now, as far as that can be declared."""
    said: dict[str, bool] = {}
    if "source" in unit.entry and state.enabled in {"enabled", "disabled"}:
        said["enabled"] = state.enabled == "enabled"
    ours = "source" in unit.entry or template_of(state.id)
    if ours and state.runs and not state.passing:
        said["active"] = True
    return said


def _standing(probe: Probe, folder: PurePosixPath) -> Iterator[tuple[str, Entry]]:
    names = probe.names(folder)
    entries = probe.entries([f"{folder}/{name}" for name in names])
    for name in names:
        entry = entries[f"{folder}/{name}"]
        if isinstance(entry, HostError):
            raise entry
        if entry is not None:
            yield name, entry


def _is_unit(name: str) -> bool:
    try:
        checked_name(name)
    except ValueError:
        return False
    return True


def _against_preset(probe: Probe) -> Iterator[str]:
    said = probe.ask(
        *systemd.SYSTEMCTL, "list-unit-files", "--full", "--plain", "--no-legend", "--state=enabled"
    ).out
    for line in said.splitlines():
        name, _, preset, *_ = (*line.split(), "", "", "")
        if preset == "disabled" and name != OURS and _is_unit(name):
            yield name


def _instances(probe: Probe) -> Iterator[str]:
    """Yield the instances that somebody has enabled: `systemctl list-unit-files` has their templates only."""
    for folder, entry in _standing(probe, PurePosixPath(FOLDER)):
        if entry.type is not FileType.DIRECTORY or not folder.endswith((".wants", ".requires")):
            continue
        for name, link in _standing(probe, PurePosixPath(FOLDER) / folder):
            if (
                link.type is FileType.LINK
                and _is_unit(name)
                and template_of(name)
                and not _by_default(probe, name)
            ):
                yield name


def _by_default(probe: Probe, instance: str) -> bool:
    """Return whether this is the instance that enabling the template of a package gives: getty@tty1.service."""
    template = template_of(instance)
    for path in shipped(template):
        if isinstance(probe.entries((path,))[path], Entry):  # /lib may be a link, which is not followed
            data = probe.content(PurePosixPath(path), limit=LARGEST) or b""
            defaults = _DEFAULT.findall(data.decode("utf-8", "replace"))
            return instance in {template.replace("@.", f"@{default}.") for default in defaults}
    return False
