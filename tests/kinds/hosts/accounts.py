"""
useradd(8) and its kin, in memory: they work on /etc/passwd, /etc/group and /etc/shadow of a fake host.

A case may give `passwd`, `group` and `shadow` (lines; without shadow every user there has a locked password there).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from agent.host import Answer
from tests.fakes import FakeHost, Node

ROOT_USER = "root:x:0:0:root:/root:/bin/bash"
ROOT_GROUP = "root:x:0:"
OPTIONS: Mapping[str, tuple[str, str]] = {  # those with a value, and those without
    "useradd": ("u g G c d s", "r m M"),
    "usermod": ("g G c d s", "a L U"),
    "userdel": ("", "r"),
    "groupadd": ("g", "r f"),
    "groupdel": ("", ""),
}


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    users = [ROOT_USER, *case.get("passwd", "").splitlines()]
    groups = [ROOT_GROUP, *case.get("group", "").splitlines()]
    locked = [f"{line.split(':')[0]}:!:19000:0:99999:7:::" for line in users]
    shadow = case["shadow"].splitlines() if "shadow" in case else locked
    for name, lines in (("passwd", users), ("group", groups), ("shadow", shadow)):
        host.nodes.setdefault(PurePosixPath("/etc"), Node.folder())
        host.nodes.setdefault(
            PurePosixPath(f"/etc/{name}"), Node.file("".join(f"{x}\n" for x in lines).encode())
        )
    host.nodes.setdefault(PurePosixPath("/home"), Node.folder())
    tools = Tools(host)
    host.commands |= dict.fromkeys(OPTIONS, tools.run) | {
        "chpasswd": tools.chpasswd,
        "pwconv": tools.pwconv,
        "mkhomedir_helper": tools.mkhomedir_helper,
    }
    tools.publish()


class Tools:
    """What the programs do, as far as trued asks for it."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.elsewhere = dict(host.users), dict(host.groups)

    def run(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        given = _parser(argv[0]).parse_args(argv[1:])
        try:
            getattr(self, argv[0])(given)
        except _RefusedError as error:
            return Answer(error.code, "", f"{argv[0]}: {error}")
        self.publish()
        return Answer(0, "", "")

    def useradd(self, given: argparse.Namespace) -> None:
        users, groups = self.lines("passwd"), self.lines("group")
        if given.name in users:
            raise _RefusedError(9, f"user '{given.name}' already exists")
        uid = given.u or _free(self.numbers("passwd"), 999 if given.r else 1000, given.r)
        if uid in self.numbers("passwd"):
            raise _RefusedError(4, f"UID {uid} is not unique")
        gid = self._gid(given.g, groups)
        self._join(given.name, given.G.split(",") if given.G else [], groups)
        home = given.d or f"/home/{given.name}"
        users[given.name] = [given.name, "x", uid, gid, given.c or "", home, given.s or "/bin/sh"]
        shadow = self.lines("shadow")
        shadow[given.name] = [given.name, "!", "19000", "0", "99999", "7", "", "", ""]
        self.save(passwd=users, group=groups, shadow=shadow)
        if given.m:
            self.make_home(users[given.name])

    def usermod(self, given: argparse.Namespace) -> None:
        users, groups, shadow = self.lines("passwd"), self.lines("group"), self.lines("shadow")
        line = users[given.name]
        if given.g:
            line[3] = self._gid(given.g, groups)
        for at, value in ((4, given.c), (5, given.d), (6, given.s)):
            line[at] = line[at] if value is None else value
        if given.G is not None:
            if not given.a:
                for group in groups.values():
                    group[3] = ",".join(name for name in group[3].split(",") if name != given.name)
            self._join(given.name, given.G.split(",") if given.G else [], groups)
        if given.L:
            shadow[given.name][1] = f"!{shadow[given.name][1]}"
        if given.U:
            shadow[given.name][1] = shadow[given.name][1].removeprefix("!")
        self.save(passwd=users, group=groups, shadow=shadow)

    def userdel(self, given: argparse.Namespace) -> None:
        users, groups, shadow = self.lines("passwd"), self.lines("group"), self.lines("shadow")
        line = users.pop(given.name)
        shadow.pop(given.name, None)
        own = groups.get(given.name)
        if own and own[2] == line[3] and line[3] not in {other[3] for other in users.values()}:
            del groups[given.name]
        self.save(passwd=users, group=groups, shadow=shadow)
        if given.r:
            home = PurePosixPath(line[5])
            self.host.nodes = {p: node for p, node in self.host.nodes.items() if home not in (p, *p.parents)}

    def groupadd(self, given: argparse.Namespace) -> None:
        groups = self.lines("group")
        if given.name in groups:
            raise _RefusedError(9, f"group '{given.name}' already exists")
        wanted = None if given.f and given.g in self.numbers("group") else given.g
        gid = wanted or _free(self.numbers("group"), 999 if given.r else 1000, given.r)
        groups[given.name] = [given.name, "x", gid, ""]
        self.save(group=groups)

    def groupdel(self, given: argparse.Namespace) -> None:
        groups = self.lines("group")
        if given.name not in groups:
            raise _RefusedError(6, f"group '{given.name}' does not exist")
        gid = groups.pop(given.name)[2]
        if users := [line[0] for line in self.lines("passwd").values() if line[3] == gid]:
            raise _RefusedError(8, f"cannot remove the primary group of user '{users[0]}'")
        self.save(group=groups)

    def chpasswd(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        assert ("chpasswd", "-e") == argv
        shadow = self.lines("shadow")
        for said in stdin.decode().splitlines():
            name, _, password = said.partition(":")
            shadow[name][1] = password
        self.save(shadow=shadow)
        return Answer(0, "", "")

    def pwconv(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        shadow = self.lines("shadow")
        for name in self.lines("passwd"):
            shadow.setdefault(name, [name, "x", "19000", "0", "99999", "7", "", "", ""])
        self.save(shadow=shadow)
        return Answer(0, "", "")

    def mkhomedir_helper(self, argv: tuple[str, ...], stdin: bytes) -> Answer:
        self.make_home(self.lines("passwd")[argv[1]])
        return Answer(0, "", "")

    def make_home(self, user: list[str]) -> None:
        home = PurePosixPath(user[5])
        for above in reversed(home.parents):
            self.host.nodes.setdefault(above, Node.folder())
        self.host.nodes.setdefault(home, replace(Node.folder(), uid=int(user[2]), gid=int(user[3])))

    def lines(self, file: str) -> dict[str, list[str]]:
        text = self.host.nodes[PurePosixPath(f"/etc/{file}")].data.decode()
        return {line.split(":")[0]: line.split(":") for line in text.splitlines()}

    def save(self, **files: Mapping[str, list[str]]) -> None:
        for name, lines in files.items():
            text = "".join(f"{':'.join(line)}\n" for line in lines.values())
            self.host.nodes[PurePosixPath(f"/etc/{name}")] = Node.file(text.encode())

    def publish(self) -> None:
        """Let the host know its names, as nsswitch.conf(5) does: those of its files, and those from elsewhere."""
        for names, elsewhere, file in zip(
            (self.host.users, self.host.groups), self.elsewhere, ("passwd", "group"), strict=True
        ):
            lines = (line for line in self.lines(file).values() if len(line) > 3 and line[2].isdigit())
            names.clear()
            names.update({**elsewhere, **{line[0]: int(line[2]) for line in lines}})

    def numbers(self, file: str) -> set[str]:
        return {line[2] for line in self.lines(file).values() if len(line) > 3}

    def _gid(self, group: str, groups: Mapping[str, list[str]]) -> str:
        if group not in groups:
            raise _RefusedError(6, f"group '{group}' does not exist")
        return groups[group][2]

    def _join(self, user: str, names: list[str], groups: dict[str, list[str]]) -> None:
        for name in names:
            self._gid(name, groups)
        for name in names:
            members = [*filter(None, groups[name][3].split(","))]
            groups[name][3] = ",".join(dict.fromkeys((*members, user)))


class _RefusedError(Exception):
    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def _parser(tool: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=tool, exit_on_error=False, allow_abbrev=False)
    for option in OPTIONS[tool][0].split():
        parser.add_argument(f"-{option}")
    for option in OPTIONS[tool][1].split():
        parser.add_argument(f"-{option}", action="store_true")
    parser.add_argument("name")
    return parser


def _free(taken: set[str], start: int, down: bool) -> str:
    number = start
    while str(number) in taken:
        number += -1 if down else 1
    return str(number)
