"""
A systemd that keeps state: unit files in the fake host's folders, what is loaded of them, links, masks, what runs.

A case says with `units` what there is, by name: `load`, `active`, `sub`, `enabled`, `fragment`, `type`, `can_reload`,
`triggers`, `starts`, `job` (what is under way: start, restart, stop), `alias` (of which unit it is another name),
`reload_needed`, `ends` (active, failed, inactive: what becomes of it when it is started), `result`, `status`, `restarts`.
`journal` has lines by unit. `systemd: false`: it is not running.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from agent.host import Answer, FileType
from agent.model import Activity, Json
from tests.fakes import FakeHost, Node

FOLDER = PurePosixPath("/etc/systemd/system")
PACKAGED = PurePosixPath("/usr/lib/systemd/system")
BOOTED = PurePosixPath("/run/systemd/system")
NULL = "/dev/null"
WAYS = ("service", "socket", "timer", "mount", "target", "path")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What PID 1 knows of one unit."""

    load: str = "loaded"
    error: str = ""
    active: str = "inactive"
    sub: str = ""
    enabled: str = "disabled"
    fragment: str = ""
    type: str = "simple"
    remain: bool = False
    can_reload: bool = False
    triggers: str = ""
    starts: str = ""
    job: str = ""
    alias: str = ""
    reload_needed: bool = False
    ends: str = "active"
    result: str = "success"
    status: str = "0"
    restarts: str = "0"
    unmet: bool = False  # a condition of it, when it was started last

    @property
    def shown_sub(self) -> str:
        return self.sub or {"active": "running", "failed": "failed"}.get(self.active, "dead")


NOTHING = Loaded(load="not-found", enabled="")


@dataclass
class Systemd:
    """The manager, what it answers on the bus, and its commands: the parts of systemctl and journalctl that trued uses."""

    host: FakeHost
    units: dict[str, Loaded]
    journals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    booted: bool = True
    read: dict[PurePosixPath, bytes] = field(default_factory=dict)  # what PID 1 has read of the files

    changed: int = 1_795_404_010_000_000  # when the units became as they are
    asked: list[str] = field(default_factory=list)  # the questions that were put to it

    def __post_init__(self) -> None:
        self.read = self._texts()

    def loaded(self, names: Collection[str]) -> Mapping[str, Activity]:
        self.asked.append("loaded")
        units = {name: self._of(name) for name in names if name == self._real(name)}
        return {
            name: Activity(active=unit.active, sub=unit.shown_sub, job=unit.job)
            for name, unit in units.items()
            if unit.active != "inactive" or unit.job
        }

    def properties(
        self, names: Collection[str], *, general: Collection[str] = (), own: Collection[str] = ()
    ) -> Mapping[str, Json]:
        self.asked.append("properties")
        return {name: self._properties(name, {*general, *own}) for name in names}

    def enabled(self, names: Collection[str]) -> Mapping[str, str]:
        self.asked.append("enabled")
        words = {
            name: "alias" if self.units.get(name, NOTHING).alias else self._of(name).enabled
            for name in names
        }
        return {name: word for name, word in words.items() if word not in {"", "bad"}}

    def systemctl(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        if not self.booted:
            return Answer(
                1, "", "System has not been booted with systemd as init system (PID 1). Can't operate."
            )
        options = [word for word in argv[1:] if word.startswith("--")]
        verb, *names = [word for word in argv[1:] if not word.startswith("--")]
        match verb:
            case "daemon-reload":
                return self._reload()
        for name in names:
            answer = self._do(verb, name, runtime="--runtime" in options)
            if answer.code:
                return answer
        return Answer(0, "", "")

    def journalctl(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        """Print what there is of a unit; as one of its processes has said it, at a time after all that is asked for."""
        if "--output=json" not in argv:
            return Answer(0, "".join(f"{line}\n" for line in self.journals.get(argv[-1], ())), "")
        name = argv[-3].removeprefix("_SYSTEMD_UNIT=")
        assert argv[-2:] == ("+", f"INVOCATION_ID={self._real(name).encode().hex()}")
        entry = {"_SYSTEMD_UNIT": name, "__REALTIME_TIMESTAMP": "1795500000000000"}
        lines = (json.dumps({**entry, "MESSAGE": line}) for line in self.journals.get(name, ()))
        return Answer(0, "".join(f"{line}\n" for line in lines), "")

    def _texts(self) -> dict[PurePosixPath, bytes]:
        return {path: node.data for path, node in self.host.nodes.items() if FOLDER in path.parents}

    def _is_old(self, name: str) -> bool:
        """Return whether a unit that is loaded says something else on the disk; others are read when asked for."""
        now = self._texts()
        changed = {path for path in {*now, *self.read} if now.get(path) != self.read.get(path)}
        return any(path.name == name or path.parent.name == f"{name}.d" for path in changed)

    def _of(self, name: str) -> Loaded:
        found = self.units.get(name, NOTHING)
        return self.units[found.alias] if found.alias else found

    def _real(self, name: str) -> str:
        return self.units[name].alias or name if name in self.units else name

    def _set(self, name: str, **changes: Any) -> Answer:
        name = self._real(name)
        self.units[name] = replace(self.units.get(name, NOTHING), **changes)
        return Answer(0, "", "")

    def _properties(self, name: str, asked: Collection[str]) -> Json:
        unit = self._of(name)
        facts = {
            "Id": self._real(name),
            "LoadState": unit.load,
            "LoadError": ("org.freedesktop.DBus.Error.InvalidArgs", unit.error) if unit.error else ("", ""),
            "FragmentPath": self._fragment(name, unit),
            "NeedDaemonReload": unit.reload_needed or (unit.active != "inactive" and self._is_old(name)),
            "CanReload": unit.can_reload,
            "TriggeredBy": unit.triggers.split(),
            "Triggers": unit.starts.split(),
            "InvocationID": list(self._real(name).encode()),
            "InactiveExitTimestamp": 1_795_403_948_000_000,
            "StateChangeTimestamp": self.changed,
            "ConditionResult": not unit.unmet,
            "Result": unit.result,
        }
        if name.endswith(".service"):
            facts |= {
                "Type": unit.type,
                "RemainAfterExit": unit.remain,
                "ExecMainStatus": int(unit.status),
                "NRestarts": int(unit.restarts),
                "ExecMainStartTimestamp": 1_795_404_008_000_000,
            }
        return {key: facts[key] for key in asked if key in facts}

    def _fragment(self, name: str, unit: Loaded) -> str:
        if unit.load == "not-found":
            return ""
        own = FOLDER / self._real(name)
        return str(own if own in self.host.nodes else unit.fragment or PACKAGED / self._real(name))

    def _reload(self) -> Answer:
        self.read = self._texts()
        for name in [*self.units, *(path.name for path in self.host.below(FOLDER))]:
            if name.rpartition(".")[2] not in WAYS:
                continue
            unit, file = self.units.get(name, NOTHING), self.host.nodes.get(FOLDER / name)
            if file is None and (unit.fragment == "" or unit.fragment == str(FOLDER / name)):
                unit = replace(unit, load="not-found", enabled="")
            elif file is not None and file.type is FileType.FILE and unit.load == "not-found":
                unit = replace(
                    unit, load="loaded", enabled=unit.enabled or "disabled", fragment=str(FOLDER / name)
                )
            if file is not None and file.type is FileType.FILE and b"Type=oneshot" in file.data:
                unit = replace(unit, type="oneshot", ends="inactive")
            self.units[name] = replace(unit, reload_needed=False)
        return Answer(0, "", "")

    def _do(self, verb: str, name: str, *, runtime: bool) -> Answer:
        unit, path = self._of(name), FOLDER / name
        match verb:
            case "enable" | "reenable":
                if unit.load == "not-found" and path not in self.host.nodes:
                    return Answer(1, "", f"Failed to enable unit: Unit file {name} does not exist.")
                return self._set(name, enabled="enabled")
            case "disable":
                return self._set(name, enabled="disabled")
            case "mask":
                if path in self.host.nodes:
                    return Answer(1, "", f"Failed to mask unit: File {path} already exists.")
                self.host.nodes[path] = Node.link(NULL)
                return self._set(name, load="masked", enabled="masked")
            case "unmask":
                self.host.nodes.pop(path, None)
                found = unit.fragment not in {"", str(path)}
                return self._set(
                    name, load="loaded" if found else "not-found", enabled="disabled" if found else ""
                )
            case "start" | "restart" | "reload" | "try-restart":
                return self._start(verb, name)
            case "stop":
                return self._set(name, active="inactive", sub="")
            case "reset-failed":
                plain = name.replace("[", "").replace("]", "")
                return (
                    self._set(plain, active="inactive", sub="")
                    if self._of(plain).active == "failed"
                    else Answer(0, "", "")
                )
        return Answer(1, "", f"Unknown command verb {verb}.")

    def _start(self, verb: str, name: str) -> Answer:
        unit = self._of(name)
        if unit.load != "loaded":
            return Answer(5, "", f"Failed to {verb} {name}: Unit {name} is {unit.load}.")
        if verb == "reload" and not unit.can_reload:
            return Answer(
                3, "", f"Failed to reload {name}: Job type reload is not applicable for unit {name}."
            )
        if verb != "reload" and any(self._of(one).active == "active" for one in unit.starts.split()):
            return Answer(1, "", f"{name}: Socket service {unit.starts} already active, refusing.")
        return self._set(name, active=unit.ends, sub="")


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    for above in (FOLDER, *FOLDER.parents, PACKAGED, *PACKAGED.parents):
        host.nodes.setdefault(above, Node.folder())
    units = {
        name: Loaded(**{"fragment": str(PACKAGED / name), **given})
        for name, given in case.get("units", {}).items()
    }
    for name, unit in units.items():
        if unit.load == "masked" and unit.enabled == "masked":
            host.nodes[FOLDER / name] = Node.link(NULL)
    systemd = Systemd(host, units, case.get("journal", {}), case.get("systemd", True))
    if systemd.booted:
        host.nodes |= {above: Node.folder() for above in (BOOTED, BOOTED.parent, BOOTED.parent.parent)}
    host.systemd = systemd
    host.commands["systemctl"] = systemd.systemctl
    host.commands["journalctl"] = systemd.journalctl
    host.commands["sleep"] = lambda argv, stdin: Answer(0, "", "")
