"""Nodes into dataclasses, and the same dataclasses as JSON Schema: what one takes, the other takes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import pytest
from jsonschema import Draft202012Validator

from agent.documents.decode import decode, reader
from agent.documents.nodes import Map, Node, Scalar, to_plain
from agent.documents.parse import parse
from agent.documents.problems import Findings
from agent.documents.schema import Definitions, schema
from agent.errors import ConfigError, DocumentError
from agent.model import Duration, Mode, ResourceId, Share, TreePath


class Color(enum.StrEnum):
    RED = enum.auto()
    BLUE = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    x: int
    y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    REFUSED: ClassVar[Mapping[str, str]] = {"title": "it is its name"}

    name: str
    count: int | None = None
    on: bool = False
    color: Color = Color.RED
    policy: Literal["no", "always"] = "no"
    tags: tuple[str, ...] = ()
    ids: frozenset[ResourceId] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    inner: Inner | None = None
    mode: Mode | None = None
    wait: Duration | None = None
    share: Share | None = None
    source: TreePath | None = None
    path: PurePosixPath | None = None
    either: str | tuple[str, ...] | Inner = ()
    from_: str = ""
    token: str = field(default="", metadata={"secret": True, "doc": "not for anyone"})
    key: Mode | None = field(default=None, metadata={"secret": True})
    made: str = field(default="", metadata={"hidden": True})
    anything: object = None

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise ValueError("expected a better name")


def node_of(text: str, file: str = "dir/f.yaml") -> Node:
    node = parse(text.encode(), file)
    assert node is not None
    return node


def read(text: str) -> Outer:
    return decode(node_of(text), Outer)


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return str(caught.value).split("\n")


GOOD: Mapping[str, Mapping[str, Any]] = {
    "name: x": {"name": "x"},
    "name: 1.10": {"name": "1.10"},
    "name: no": {"name": "no"},
    "name: true": {"name": "true"},
    "{name: x, count: 3}": {"count": 3},
    "{name: x, count: null}": {"count": None},
    "{name: x, 'on': true}": {"on": True},
    "{name: x, color: blue}": {"color": Color.BLUE},
    "{name: x, policy: no}": {"policy": "no"},
    "{name: x, tags: [a, 0644]}": {"tags": ("a", "0644")},
    "{name: x, ids: ['file:/a', 'file:/b']}": {
        "ids": frozenset({ResourceId("file", "/a"), ResourceId("file", "/b")})
    },
    "{name: x, labels: {country: no, v: 1.10}}": {"labels": {"country": "no", "v": "1.10"}},
    "{name: x, inner: {x: 1, y: 2}}": {"inner": Inner(x=1, y=2.0)},
    "{name: x, mode: 0644}": {"mode": Mode(0o644)},
    "{name: x, mode: '0644'}": {"mode": Mode(0o644)},
    "{name: x, wait: 5m}": {"wait": Duration(300)},
    "{name: x, share: 25%}": {"share": Share(0.25)},
    "{name: x, source: files/a}": {"source": TreePath("dir/files/a")},
    "{name: x, path: /etc/x}": {"path": PurePosixPath("/etc/x")},
    "{name: x, either: a}": {"either": "a"},
    "{name: x, either: [a, b]}": {"either": ("a", "b")},
    "{name: x, either: {x: 1}}": {"either": Inner(x=1)},
    "{name: x, from: there}": {"from_": "there"},
    "{name: x, anything: {a: [1, null]}}": {"anything": {"a": [1, None]}},
}

BAD: Mapping[str, tuple[str, ...]] = {
    "{nmae: x}": (
        "dir/f.yaml:1:1: key 'name' is missing",
        "dir/f.yaml:1:2: nmae: unknown key; did you mean 'name'?",
    ),
    "name: [x]": ("dir/f.yaml:1:7: name: expected text, found a list",),
    "name:": ("dir/f.yaml:1:6: name: expected text, found nothing",),
    "{name: x, count: 3.5}": ("dir/f.yaml:1:18: count: expected a whole number, found the number '3.5'",),
    "{name: x, count: '3'}": ("dir/f.yaml:1:18: count: expected a whole number, found text '3'",),
    "{name: x, count: true}": ("dir/f.yaml:1:18: count: expected a whole number, found the word 'true'",),
    "{name: x, 'on': yes}": ("dir/f.yaml:1:17: on: expected true or false, found text 'yes'",),
    "{name: x, color: green}": ("dir/f.yaml:1:18: color: expected one of red, blue, found text 'green'",),
    "{name: x, tags: a}": ("dir/f.yaml:1:17: tags: expected a list, found text 'a'",),
    "{name: x, tags: [a, {}]}": ("dir/f.yaml:1:21: tags[1]: expected text, found a mapping",),
    "{name: x, labels: [a]}": ("dir/f.yaml:1:19: labels: expected a mapping, found a list",),
    "{name: x, inner: {z: 1}}": (
        "dir/f.yaml:1:18: inner: key 'x' is missing",
        "dir/f.yaml:1:19: inner.z: unknown key; expected one of x, y",
    ),
    "{name: x, mode: rw}": (
        "dir/f.yaml:1:17: mode: expected a mode of three or four octal digits, as in \"0644\", got 'rw'",
    ),
    "{name: x, source: /etc/x}": (
        "dir/f.yaml:1:19: source: expected a path below the document's own folder, without '..', got '/etc/x'",
    ),
    "{name: x, path: ''}": ("dir/f.yaml:1:17: path: expected a path of 1 to 4096 characters",),
    "{name: x, either: {z: 1, x: 1}}": ("dir/f.yaml:1:20: either.z: unknown key; expected one of x, y",),
    "{name: x, title: y}": ("dir/f.yaml:1:11: title: not supported: it is its name",),
    "{name: x, made: y}": ("dir/f.yaml:1:11: made: unknown key; did you mean 'mode'?",),
    "[]": ("dir/f.yaml:1:1: expected a mapping, found a list",),
}


@pytest.mark.parametrize("text", GOOD)
def test_what_fits_is_read(text: str) -> None:
    value = read(text)

    assert GOOD[text] == {name: getattr(value, name) for name in GOOD[text]}


@pytest.mark.parametrize("text", BAD)
def test_what_does_not_fit_is_told_with_place_and_path(text: str) -> None:
    assert list(BAD[text]) == problems(text)


def test_a_rule_across_fields_is_told_at_the_mapping() -> None:
    assert ["dir/f.yaml:1:1: expected a better name"] == problems("name: bad")


def test_all_problems_are_told_at_once_in_the_order_of_the_document() -> None:
    text = "count: x\ntags: 1\ninner: {x: a, q: 1}\nwhat: 1\n"

    places = [line.split(": ")[0].removeprefix("dir/f.yaml:") for line in problems(text)]
    assert ["1:1", "1:8", "2:7", "3:12", "3:15", "4:1"] == places


def test_a_long_value_is_not_told_whole() -> None:
    for key in ("mode", "count", "color", "ids"):
        value = "v" * 500 if key != "ids" else f"[{'v' * 500}]"
        (line,) = problems(f"name: x\n{key}: {value}")
        assert "v" * 80 in line
        assert "v" * 81 not in line


@pytest.mark.parametrize("value", ["[hunter2]", "{hunter2: 1}"])
def test_a_secret_is_never_told(value: str) -> None:
    assert "hunter2" not in problems(f"name: x\ntoken: {value}")[0]


def test_a_secret_that_cannot_be_parsed_is_not_told() -> None:
    assert ["dir/f.yaml:2:6: key: expected something else (the value is secret)"] == problems(
        "name: x\nkey: hunter2"
    )


def test_a_key_that_is_refused_says_why_and_what_to_do() -> None:
    """It is told in place of the nearest name, where the key stands; the keys beside it are read on."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Small:
        image: str = ""

        REFUSED: ClassVar[Mapping[str, str]] = {"images": "say image"}

    with pytest.raises(DocumentError) as caught:
        decode(node_of("{images: [x], imag: y}"), Small)

    assert [
        "dir/f.yaml:1:2: images: not supported: say image",
        "dir/f.yaml:1:15: imag: unknown key; did you mean 'image'?",
    ] == str(caught.value).split("\n")


def test_what_is_refused_is_no_key_of_the_schema() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Small:
        image: str = ""

        REFUSED: ClassVar[Mapping[str, str]] = {"images": "say image"}

    assert ["image"] == list(schema(Small)["$defs"][Small.__qualname__]["properties"])


def test_many_problems_are_cut_off() -> None:
    lines = problems("name: x\ntags: [" + "{}, " * 200 + "]")

    assert 51 == len(lines)
    assert "… and 150 more problems" == lines[-1]


def test_a_path_with_odd_characters_stays_on_one_line() -> None:
    (line,) = problems('name: x\n"a\\nb": 1')
    assert line.startswith(r"dir/f.yaml:2:1: a\nb: unknown key")


def test_the_caller_chooses_the_error() -> None:
    with pytest.raises(ConfigError, match="name"):
        decode(node_of("a: 1"), Outer, error=ConfigError)


def test_sources_are_gathered_on_the_way() -> None:
    findings = Findings()
    reader(Outer)(node_of("{name: x, source: files/a}"), "", findings)

    assert {TreePath("dir/files/a")} == findings.sources


def test_nodes_can_be_had_as_they_are() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Raw:
        a: Any
        b: Any = None

    Raw.__annotations__.update(a=Map, b=Scalar | None)
    value = decode(node_of("a: {x: 1}\nb: 2"), Raw)

    assert isinstance(value.a, Map)
    assert isinstance(value.b, Scalar)


def test_a_path_is_made_of_its_own_class() -> None:
    assert Path("/x") == reader(Path)(node_of("/x"), "", Findings())


VALIDATOR = Draft202012Validator(schema(Outer))


@pytest.mark.parametrize("text", GOOD)
def test_what_is_read_is_valid_by_the_schema(text: str) -> None:
    assert [] == [error.message for error in VALIDATOR.iter_errors(to_plain(node_of(text)))]


@pytest.mark.parametrize("text", BAD)
def test_what_is_refused_is_not_valid_by_the_schema(text: str) -> None:
    assert not VALIDATOR.is_valid(to_plain(node_of(text)))


def test_the_schema_is_one_and_describes() -> None:
    Draft202012Validator.check_schema(schema(Outer))
    outer = schema(Outer)["$defs"]["Outer"]

    assert ["name"] == outer["required"]
    assert "not for anyone" == outer["properties"]["token"]["description"]
    assert "made" not in outer["properties"]


def test_as_a_layer_may_say_it_a_variable_or_null_stands_anywhere() -> None:
    definitions = Definitions(layered=True)
    whole = {**definitions.of(Outer), "$defs": definitions.made}

    for text in ("count: '${n}'", "mode: '${m}'", "inner: '${i}'", "inner: {x: null}", "tags: null", "{}"):
        assert Draft202012Validator(whole).is_valid(to_plain(node_of(text))), text
    assert not Draft202012Validator(whole).is_valid({"count": "three"})
