"""
Runs tests/cases/<kind>/*.yaml: what is declared, what the host is, and which steps follow.

A case has `name`, `entry` (as in a document; null: owned and no longer declared), `host` (what stands there before,
by path), perhaps `files` (of the repository), `others` (further entries) and `resource` (what is asked about, if it
is only a part of the entry), `implied` (what follows from entries of other kinds: the fields of its spec, by name),
`stale` (no, reload, restart), and one of `steps` and `error` (in which {read} is the day on which the index was read). What else a kind finds on
a host, and the commands that change it, come from tests/kinds/hosts/<kind>.py, whose `furnish(host, case)` reads keys
of its own. Every case with steps is also carried out on a host that keeps state: a second look must find nothing to do.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import HostError
from agent.host import FileType
from agent.kinds import AnyKind, discover
from agent.kinds._engine.names import DECLARED
from agent.model import Mode, Stale
from tests.fakes import FakeHost, FakeTree, Node

CASES = Path(__file__).parents[1] / "cases"
STANDARD = ("absent", "settled", "drifted", "undeclared", "unreadable")
KINDS = discover()
EVERY_CASE = sorted(CASES.glob("*/*.yaml"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_five_standard_cases(kind: str) -> None:
    assert [] == [name for name in STANDARD if not (CASES / kind / f"{name}.yaml").is_file()]


@pytest.mark.parametrize("path", EVERY_CASE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path: Path) -> None:
    kind, case = KINDS[path.parent.name], yaml.safe_load(path.read_text())
    host, wants, name = (
        host_of(case, path.parent.name),
        wants_of(kind, case),
        case.get("resource", case["name"]),
    )
    stale = Stale[case.get("stale", "no").upper()]
    if "error" in case:
        days = [_day_of_reading(case)]
        with pytest.raises(HostError) as caught:
            _steps(kind, host, wants, name, stale)
        days.append(_day_of_reading(case))  # it may become another one in between
        assert str(caught.value) in {case["error"].replace("{read}", day) for day in days}
        return
    steps = _steps(kind, host, wants, name, stale)
    assert case["steps"] == [_told(step) for step in steps]
    for step in steps:
        host.perform(step)
    assert [] == _steps(kind, host, wants, name)


def _day_of_reading(case: Mapping[str, Any]) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - case.get("read", 3600.0)))


def _steps(
    kind: AnyKind, host: FakeHost, wants: Mapping[str, Any], name: str, stale: Stale = Stale.NO
) -> list[Any]:
    have = kind.observe(host.probe(), wants)[name]
    if isinstance(have, HostError):
        raise have
    return list(kind.steps(name, wants[name], have, stale=stale))


def wants_of(kind: AnyKind, case: Mapping[str, Any]) -> Mapping[str, Any]:
    asked = {case["name"]: case["entry"]} if "entry" in case else {}
    entries = {**asked, **case.get("others", {})}
    files = {path: text.encode() for path, text in case.get("files", {}).items()}
    wants: dict[str, Any] = {}
    for name, entry in entries.items():
        if entry is None:
            wants[name] = None
            continue
        expanded = kind.expand(kind.name(name), _spec(kind, entry), FakeTree(files))
        # What has a whole id is of another kind, and its cases are elsewhere.
        own = {part: spec for part, spec in expanded if isinstance(part, str)}
        wants |= {part: spec for part, spec in own.items() if not (kind.implied(spec) and part in entries)}
    return wants | {part: kind.spec(implied=True, **said) for part, said in case.get("implied", {}).items()}


def _spec(kind: AnyKind, entry: Mapping[str, Any] | str) -> Any:
    given = {kind.shorthand: entry} if isinstance(entry, str) else entry
    node = parse(json.dumps(given).encode(), "case.yaml")
    assert node is not None
    return decode(node, kind.spec)


def host_of(case: Mapping[str, Any], kind: str) -> FakeHost:
    nodes = {path: _node(given) for path, given in case.get("host", {}).items()}
    host = FakeHost(nodes, unreadable=case.get("unreadable"))
    host.users |= case.get("users", {})
    host.groups |= case.get("groups", {})
    if importlib.util.find_spec(f"tests.kinds.hosts.{kind}"):
        importlib.import_module(f"tests.kinds.hosts.{kind}").furnish(host, case)
    return host


def _node(given: Mapping[str, Any]) -> Node:
    kind = FileType(given.get("type", "file"))
    usual = {FileType.DIRECTORY: "0755", FileType.LINK: "0777"}.get(kind, "0644")
    return Node(
        type=kind,
        data=given.get("content", "").encode(),
        target=given.get("target", ""),
        mode=Mode.parse(given.get("mode", usual)),
        uid=given.get("uid", 0),
        gid=given.get("gid", 0),
    )


def _told(step: Any) -> Mapping[str, Any]:
    """Return a step as a case writes it: what it does, its fields that are not as usual, and the content's text."""
    told: dict[str, Any] = {"do": type(step).__name__}
    for field in (one for one in dataclasses.fields(step) if one.compare):
        value = getattr(step, field.name)
        if field.name == "content" and value is not None:
            told["content"] = b"".join(value.chunks()).decode()
        elif value not in (None, (), "", {}, field.default):
            told[field.name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Stale):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {key: _inside(key, value[key]) for key in value}
    return list(value) if isinstance(value, tuple) else str(value)


def _inside(key: str, value: Any) -> Any:
    """Return a part of a request; of the label that says what was declared, only which keys have their digest in it."""
    if key == DECLARED:
        return sorted(json.loads(value))
    if isinstance(value, Mapping):
        return {below: _inside(below, value[below]) for below in value}
    return [_inside("", item) for item in value] if isinstance(value, list | tuple) else value
