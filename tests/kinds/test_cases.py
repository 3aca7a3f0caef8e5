"""
Runs tests/cases/<kind>/*.yaml: what is declared, what the host is, and which steps follow.

A case has `name`, `entry` (as in a document; null: owned and no longer declared), `host` (what stands there before,
by path), perhaps `files` (of the repository), `others` (further entries) and `resource` (what is asked about, if it
is only a part of the entry), and one of `steps` and `error`. Every case with steps is also carried out on a host that keeps state: a second look must find nothing to do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import HostError
from agent.host import FileType
from agent.kinds import AnyKind, discover
from agent.model import Mode, TreePath
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
    host, wants, name = host_of(case), wants_of(kind, case), case.get("resource", case["name"])
    if "error" in case:
        with pytest.raises(HostError) as caught:
            _steps(kind, host, wants, name)
        assert case["error"] == str(caught.value)
        return
    steps = _steps(kind, host, wants, name)
    assert case["steps"] == [_told(step) for step in steps]
    for step in steps:
        host.perform(step)
    assert [] == _steps(kind, host, wants, name)


def _steps(kind: AnyKind, host: FakeHost, wants: Mapping[str, Any], name: str) -> list[Any]:
    have = kind.observe(host.probe(), wants)[name]
    if isinstance(have, HostError):
        raise have
    return list(kind.steps(name, wants[name], have, stale=False))


def wants_of(kind: AnyKind, case: Mapping[str, Any]) -> Mapping[str, Any]:
    entries = {case["name"]: case["entry"], **case.get("others", {})}
    files = {path: text.encode() for path, text in case.get("files", {}).items()}
    wants: dict[str, Any] = {}
    for name, entry in entries.items():
        if entry is None:
            wants[name] = None
            continue
        expanded = kind.expand(kind.name(name), _spec(kind, entry), FakeTree(files))
        wants |= {part: spec for part, spec in expanded if not (kind.implied(spec) and part in entries)}
    return wants


def _spec(kind: AnyKind, entry: Mapping[str, Any] | str) -> Any:
    """Decode an entry: text becomes what its field is."""
    given = {kind.shorthand: entry} if isinstance(entry, str) else entry
    types = {field.name: str(field.type) for field in dataclasses.fields(kind.spec)}
    return kind.spec(**{key: _value(types[key], value) for key, value in given.items()})


def _value(declared: str, value: Any) -> Any:
    if "Mode" in declared:
        return Mode.parse(value)
    if "TreePath" in declared:
        return TreePath(value)
    return tuple(value) if isinstance(value, list) else value


def host_of(case: Mapping[str, Any]) -> FakeHost:
    nodes = {path: _node(given) for path, given in case.get("host", {}).items()}
    host = FakeHost(nodes, unreadable=case.get("unreadable"))
    host.users |= case.get("users", {})
    host.groups |= case.get("groups", {})
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
    """Return a step as a case writes it: what it does, its fields that say something, and the content's text."""
    told: dict[str, Any] = {"do": type(step).__name__}
    for field in dataclasses.fields(step):
        value = getattr(step, field.name)
        if field.name == "content":
            told["content"] = b"".join(value.chunks()).decode()
        elif value not in (None, (), "") and value is not False:
            told[field.name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, Mode):
        return str(value)
    return list(value) if isinstance(value, tuple) else str(value)
