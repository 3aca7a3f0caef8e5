"""
Hosts with dpkg and apt, in a few rules of theirs: `installed` and `index` in a case are by name.

Installed: a version, or `{version, status, hold, auto, essential, provides, architecture, depends, conflicts}`. In the
index: a list of versions, newest first, or `{versions, candidate, depends, conflicts, recommends}`. `arrives` is what
the index has once it is read anew, `read` and `tried` its age and that of the last attempt in seconds; `down` lets that
fail. `failing`: names whose postinst fails. `interrupted: true`: dpkg was killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from agent.host import Answer
from tests.fakes import FakeHost, Node

NATIVE = "amd64"
STATUS, JOURNAL = "/var/lib/dpkg/status", "/var/lib/dpkg/updates"
LISTS, MARKS = "/var/lib/apt/lists", "/var/lib/apt/extended_states"
OK = Answer(0, "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """A package on the fake host."""

    version: str
    status: str = "installed"
    hold: bool = False
    auto: bool = False
    essential: bool = False
    priority: str = "optional"
    architecture: str = NATIVE
    provides: str = ""
    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A package in the index of the fake host."""

    versions: tuple[str, ...] = ()
    candidate: str = ""
    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    provided_by: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Debian:
    """dpkg and apt of one host."""

    host: FakeHost
    installed: dict[str, Deb]
    index: dict[str, Known]
    arrives: dict[str, Known] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    down: bool = False
    busy: bool = False
    unmet: bool = False  # something on the host lacks what it needs
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def plug_in(self) -> None:
        for name in ("dpkg-query", "dpkg", "apt-get", "apt-cache", "apt-mark"):
            self.host.commands[name] = getattr(self, name.replace("-", "_"))

    def dpkg_query(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        dpkg = Deb(version="1.21", essential=True, priority="required")
        rows = {"dpkg": dpkg, **self.installed}
        if "${Depends}" in argv[-1]:
            needs = (f"{name}\t{', '.join(deb.depends)}\t" for name, deb in rows.items())
            return Answer(0, "".join(f"{line}\n" for line in needs), "")
        return Answer(0, "".join(_row(name, deb) for name, deb in rows.items()), "")

    def dpkg(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        assert argv[-2:] == ("--configure", "-a"), argv
        for path in self.host.below(PurePosixPath(JOURNAL)):
            del self.host.nodes[path]
        return self._configured(name for name, deb in self.installed.items() if _is_halfway(deb))

    def apt_mark(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        change = {"hold": {"hold": True}, "unhold": {"hold": False}, "manual": {"auto": False}}[argv[1]]
        for name in argv[2:]:
            self.installed[name] = replace(self.installed[name], **change)
        self._write_marks()
        return OK

    def apt_cache(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        match argv[1]:
            case "policy":
                return Answer(0, "".join(map(self._policy, argv[2:])), "")
            case "pkgnames":
                return Answer(0, "\n".join(name for name in self.index if name.startswith(argv[2])), "")
            case "showpkg":
                known = self.index.get(argv[2], Known())
                rows = "".join(f"{name} 1.0 (= )\n" for name in known.provided_by)
                return Answer(0, f"Package: {argv[2]}\nProvides: \n\nReverse Provides: \n{rows}", "")
        raise AssertionError(argv)

    def apt_get(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        self.calls.append(argv)
        words = [word for word in _without_values(argv[1:]) if not word.startswith("-")]
        match words[0]:
            case "update":
                return self._update()
            case "check":
                return (
                    Answer(100, "", "E: Could not get lock. It is held by process 7 (apt)")
                    if self.busy
                    else OK
                )
            case "autoremove":
                return Answer(0, "".join(f"Remv {name} [1]\n" for name in self._spare()), "")
            case "purge":
                for name in words[1:]:
                    self.installed.pop(name, None)
                return OK
        assert words[0] == "install", argv
        return self._install(words[1:], set(argv))

    def _install(self, operands: list[str], options: set[str]) -> Answer:
        """Do what is asked, or with -s only say it; dependencies come along, what conflicts goes."""
        if self.unmet:
            return Answer(100, "", "E: Unmet dependencies")
        orders = dict(_order(operand) for operand in operands)
        if unmet := [
            need for name in self._all(orders) for need in self._needs(name) if not self._has(need)
        ]:
            return Answer(
                100, f"The following packages have unmet dependencies:\n x : Depends: {unmet[0]}\n", ""
            )
        versions = {name: orders.get(name) or self._newest(name) for name in self._all(orders)}
        if unknown := [name for name in versions if name not in self.index and name not in self.installed]:
            return Answer(100, "", f"E: Unable to locate package {unknown[0]}")
        goes = self._goes(orders, versions)
        if clash := goes & versions.keys():
            return Answer(
                100, f"The following packages have unmet dependencies:\n x : Conflicts: {min(clash)}\n", ""
            )
        if {self.installed[name].essential for name in goes} == {True}:
            return Answer(100, "", "E: Essential packages were removed")
        if "-s" in options:
            return Answer(0, "".join(self._simulated(versions, goes)), "")
        return self._carried_out(orders, versions, goes)

    def _carried_out(self, orders: Mapping[str, str], versions: Mapping[str, str], goes: set[str]) -> Answer:
        for name in goes:
            self.installed[name] = replace(self.installed[name], status="config-files", hold=False)
        for name, version in versions.items():
            known, before = self.index.get(name, Known()), self.installed.get(name)
            self.installed[name] = Deb(
                version=version,
                status="half-configured",
                architecture=name.partition(":")[2] or NATIVE,
                auto=name not in orders and (before is None or before.auto),
                depends=known.depends,
                conflicts=known.conflicts,
            )
        self._write_marks()
        return self._configured(versions)

    def _configured(self, names: Iterable[str]) -> Answer:
        failed = [name for name in names if name in self.failing]
        for name in list(self.installed):
            if name not in self.failing and _is_halfway(self.installed[name]):
                self.installed[name] = replace(self.installed[name], status="installed")
        return Answer(1, "", f"{failed[0]}: postinst fails") if failed else OK

    def _all(self, orders: Mapping[str, str]) -> list[str]:
        """Return what is installed by these orders, with what it needs."""
        waiting, found = [name for name, version in orders.items() if version != "-"], list[str]()
        while waiting:
            name = waiting.pop(0)
            if name in found:
                continue
            found.append(name)
            waiting += [
                need
                for need in self._needs(name)
                if self._status(need) != "installed" and need in self.index
            ]
        return found

    def _goes(self, orders: Mapping[str, str], versions: Mapping[str, str]) -> set[str]:
        """Return what is removed: on order, as somebody's foe, and what needs one of these."""
        there = {name for name in self.installed if self._status(name)}
        goes = {name for name, version in orders.items() if version == "-"} & there
        for name in versions:
            goes |= set(self.index.get(name, Known()).conflicts) & (there | versions.keys())
        goes |= {name for name in there if set(self.installed[name].conflicts) & versions.keys()}
        while more := {name for name in there - goes if set(self.installed[name].depends) & goes}:
            goes |= more
        return goes

    def _simulated(self, versions: Mapping[str, str], goes: set[str]) -> Iterator[str]:
        yield from (f"Remv {name} [{self.installed[name].version}]\n" for name in sorted(goes))
        for name, version in versions.items():
            before = f" [{self.installed[name].version}]" if self._status(name) else ""
            yield f"Inst {name}{before} ({version} test [amd64])\n"
        yield from (f"Conf {name} ({version} test [amd64])\n" for name, version in versions.items())

    def _update(self) -> Answer:
        lists = PurePosixPath(LISTS)
        self.host.nodes[lists / "partial"] = Node.folder()
        self.host.ages[f"{LISTS}/partial"] = 0.0
        if self.down:
            return Answer(100, "", "E: Failed to fetch, connection refused")
        self.host.nodes[lists / "test_Packages"] = Node.file()
        self.host.ages[LISTS] = 0.0
        self.index |= self.arrives
        return OK

    def _policy(self, name: str) -> str:
        deb, known = self.installed.get(name), self.index.get(name)
        if known is None and deb is None:
            return ""
        there = deb.version if deb and self._status(name) else ""
        versions = list(known.versions if known else ())
        rows = [*versions, *([there] if there and there not in versions else [])]
        candidate = (known and (known.candidate or next(iter(known.versions), ""))) or there
        text = f"{name}:\n  Installed: {there or '(none)'}\n  Candidate: {candidate or '(none)'}\n  Version table:\n"
        for version in rows:
            text += f" {'***' if version == there else '   '} {version} 500\n"
            text += "        500 http://deb.example.com stable/main Packages\n" * (version in versions)
            text += "        100 /var/lib/dpkg/status\n" * (version == there)
        return text

    def _needs(self, name: str) -> tuple[str, ...]:
        return self.index[name].depends if name in self.index else ()

    def _has(self, name: str) -> bool:
        return name in self.index or self._status(name) == "installed"

    def _newest(self, name: str) -> str:
        known = self.index.get(name, Known())
        return known.candidate or next(iter(known.versions), "")

    def _status(self, name: str) -> str:
        status = self.installed[name].status if name in self.installed else ""
        return "" if status == "config-files" else status

    def _spare(self) -> list[str]:
        needed = {need for deb in self.installed.values() for need in deb.depends}
        return [name for name, deb in self.installed.items() if deb.auto and name not in needed]

    def _write_marks(self) -> None:
        autos = [
            f"Package: {name}\nArchitecture: {deb.architecture}\nAuto-Installed: 1\n"
            for name, deb in self.installed.items()
            if deb.auto
        ]
        self.host.nodes[PurePosixPath(MARKS)] = Node.file("\n".join(autos).encode())


def furnish(host: FakeHost, case: Mapping[str, Any]) -> Debian:
    """Give a host its packages; without `installed` and `index` it is no Debian."""
    debian = Debian(
        host=host,
        installed={name: _deb(given) for name, given in case.get("installed", {}).items()},
        index={name: _known(given) for name, given in case.get("index", {}).items()},
        arrives={name: _known(given) for name, given in case.get("arrives", {}).items()},
        failing=frozenset(case.get("failing", ())),
        down=case.get("down", False),
    )
    if not (debian.installed or debian.index or debian.arrives):
        return debian
    paths = {
        STATUS: Node.file(),
        JOURNAL: Node.folder(),
        LISTS: Node.folder(),
        f"{LISTS}/partial": Node.folder(),
    }
    if case.get("interrupted"):
        paths[f"{JOURNAL}/0001"] = Node.file()
    if debian.index:
        paths[f"{LISTS}/test_Packages"] = Node.file()
    for path, node in paths.items():
        for above in PurePosixPath(path).parents:
            host.nodes.setdefault(above, Node.folder())
        host.nodes.setdefault(PurePosixPath(path), node)
    host.ages |= {LISTS: case.get("read", 3600.0), f"{LISTS}/partial": case.get("tried", 60.0)}
    debian._write_marks()
    debian.plug_in()
    return debian


def _deb(given: Any) -> Deb:
    if isinstance(given, str):
        return Deb(version=given)
    return Deb(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def _known(given: Any) -> Known:
    if isinstance(given, list):
        return Known(versions=tuple(given))
    return Known(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def _row(name: str, deb: Deb) -> str:
    plain = name.partition(":")[0]
    want = "hold" if deb.hold else "install"
    yes = "yes" if deb.essential else "no"
    values = (
        plain,
        deb.architecture,
        deb.version,
        want,
        "ok",
        deb.status,
        yes,
        "no",
        "",
        deb.priority,
        deb.provides,
    )
    return "\t".join(values) + "\n"


def _is_halfway(deb: Deb) -> bool:
    return deb.status in {"half-configured", "unpacked", "triggers-pending"}


def _without_values(words: Iterable[str]) -> Iterator[str]:
    """Yield the words without each -o and what follows it."""
    skip = False
    for word in words:
        if not skip and word != "-o":
            yield word
        skip = word == "-o"


def _order(operand: str) -> tuple[str, str]:
    """Return name and version, a dash for a removal."""
    if found := re.fullmatch(r"([^=]+)=(.+?)\+?", operand):
        return found[1], found[2]
    return (operand[:-1], "-") if operand.endswith("-") else (operand, "")
