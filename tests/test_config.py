"""agent.yaml into settings, and its page."""

from __future__ import annotations

import dataclasses
import enum
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from agent.config import Settings, load_settings, settings_schema
from agent.documents.fields import Field, fields
from agent.documents.nodes import to_plain
from agent.documents.parse import parse
from agent.errors import ConfigError
from agent.model import Share

PAGE = Path(__file__).parents[1] / "docs" / "agent-yaml.md"
WHOLE = """\
host: edge-01
labels: {ring: canary, rack: 0012}
source:
  url: https://git.example.com/ops/fleet.git
  branch: main
  token_file: token
  ca_file: /etc/ssl/ca.pem
  verify: {allowed_signers: allowed_signers}
status: {branch: "status/{host}", heartbeat: 2h}
interval: 30s
root: sandbox
state_dir: state
limits: {removals: {count: 3, share: "50%"}}
allow: {files: ["/etc/app/*"]}
"""


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    return load_settings(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "").split("\n")


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)

    assert ("edge-01", {"ring": "canary", "rack": "0012"}) == (settings.host, settings.labels)
    assert (30.0, 7200.0) == (settings.interval, settings.status.heartbeat)
    assert (3, Share(0.5)) == (settings.limits.removals.count, settings.limits.removals.share)
    assert {"files": ("/etc/app/*",)} == settings.allow


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)

    assert (tmp_path / "sandbox", tmp_path / "state") == (settings.root, settings.state_dir)
    assert (tmp_path / "token", Path("/etc/ssl/ca.pem")) == (
        settings.source.token_file,
        settings.source.ca_file,
    )
    assert settings.source.verify is not None
    assert tmp_path / "allowed_signers" == settings.source.verify.allowed_signers


def test_a_relative_repository_is_relative_to_the_file(tmp_path: Path) -> None:
    assert str(tmp_path / "fleet.git") == load(tmp_path, "source: {url: ./fleet.git}").source.url


def test_little_is_enough(tmp_path: Path) -> None:
    settings = load(tmp_path, "source: {url: /srv/fleet.git}")

    assert (socket.gethostname(), {}, None) == (settings.host, settings.labels, settings.allow)
    assert ("main", 60.0, Path("/")) == (settings.source.branch, settings.interval, settings.root)
    assert f"status/{socket.gethostname()}" == settings.status.branch


def test_reports_go_the_way_the_source_comes(tmp_path: Path) -> None:
    status = load(tmp_path, WHOLE).status

    assert "https://git.example.com/ops/fleet.git" == status.url
    assert (tmp_path / "token", Path("/etc/ssl/ca.pem"), "status/edge-01") == (
        status.token_file,
        status.ca_file,
        status.branch,
    )


def test_a_way_of_their_own_is_not_mixed_with_the_source_s(tmp_path: Path) -> None:
    status = load(tmp_path, WHOLE.replace("heartbeat: 2h", "url: 'ssh://git@x/y', ssh_key: key")).status

    assert (None, tmp_path / "key") == (status.token_file, status.ssh_key)


@pytest.mark.parametrize(("key", "value"), [("tag", "v1"), ("commit", "a" * 40)])
def test_a_tag_or_commit_stands_in_place_of_the_branch(tmp_path: Path, key: str, value: str) -> None:
    source = load(tmp_path, f"source: {{url: /x, {key}: {value}}}").source

    assert (None, value) == (source.branch, getattr(source, key))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "agent.yaml:1:1: key 'source' is missing"),
        ("source: {}", "agent.yaml:1:9: source: key 'url' is missing"),
        ("sorce: {url: /x}", "agent.yaml:1:1: sorce: unknown key; did you mean 'source'?"),
        ("source: {url: /x, brnch: x}", "agent.yaml:1:19: source.brnch: unknown key; did you mean 'branch'?"),
        (
            "source: {url: /x, tag: v1, branch: b}",
            "agent.yaml:1:9: source: expected one of branch, tag and commit, found branch and tag",
        ),
        ("source: {url: /x}\ninterval: 60", "agent.yaml:2:11: interval: expected a duration, as in 60s, 5m or 1h, got '60'"),
        ("source: {url: /x}\ninterval: 1s", "agent.yaml:2:11: interval: expected an interval of at least 5s, got '1s'"),
        (
            "source: {url: /x}\nhost: ../x",
            "agent.yaml:2:7: host: expected a host name of letters, digits, '.', '-' and '_', got '../x'",
        ),
        (
            "source: {url: /x}\nlimits: {removals: {share: 200%}}",
            "agent.yaml:2:28: limits.removals.share: expected a percentage from 0% to 100%, as in \"25%\", got '200%'",
        ),
        (
            "source: {url: /x}\nlimits: {removals: {count: -1}}",
            "agent.yaml:2:20: limits.removals: expected a count of at least 0, got -1",
        ),
        ("source: {url: /x}\nsource: {url: /y}", "agent.yaml:2:1: key 'source' is given twice, first at agent.yaml:1:1"),
        ("[a]", "agent.yaml:1:1: expected a mapping, found a list"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    assert line in problems(tmp_path, text)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    assert 3 == len(problems(tmp_path, "host: ..\ninterval: x\nsource: {}\n"))


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope\.yaml: there is no such file") as caught:
        load_settings(tmp_path / "nope.yaml")

    assert "--config FILE" in caught.value.hint


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_the_schema_takes_what_is_read() -> None:
    validator = Draft202012Validator(settings_schema())
    Draft202012Validator.check_schema(settings_schema())
    node = parse(WHOLE.encode(), "agent.yaml")
    assert node is not None

    assert [] == [error.message for error in validator.iter_errors(to_plain(node))]
    assert not validator.is_valid({})
    assert not validator.is_valid({"source": {"url": "/x"}, "interval": "soon"})


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    type: str
    default: str


TYPES = {
    "str": "text",
    "HostName": "host name",
    "bool": "true or false",
    "int": "whole number",
    "Path": "path",
    "Duration": "duration",
    "Interval": "duration",
    "Share": "percentage",
}


def every(shape: type, prefix: str = "") -> Iterator[Row]:
    """Yield what the page has to say about each key."""
    defaults = {each.name: each for each in dataclasses.fields(shape)}
    for key, one in fields(shape).items():
        inner = next(
            (part for part in (one.shape, *get_args(one.shape)) if dataclasses.is_dataclass(part)), None
        )
        yield Row(f"{prefix}{key}", words(one.shape), default(prefix, one, defaults[one.name]))
        if isinstance(inner, type):
            yield from every(
                inner, f"{prefix}{key}.*." if "Mapping" in str(one.shape) else f"{prefix}{key}."
            )


def words(shape: Any) -> str:
    parts = [part for part in get_args(shape) if part is not type(None)]
    if "Mapping" in str(shape) and dataclasses.is_dataclass(parts[-1]):
        return "mappings by name"
    if "Mapping" in str(shape):
        return "lists of text by name" if "tuple" in str(shape) else "texts by name"
    one = parts[0] if parts else shape
    if issubclass(one, enum.Enum):
        return ", ".join(member.value for member in one)
    return "mapping" if dataclasses.is_dataclass(one) else TYPES[one.__name__]


def default(prefix: str, one: Field, field: dataclasses.Field[Any]) -> str:
    if one.required:
        return "required"
    if "default" in field.metadata:
        return str(field.metadata["default"])
    if one.name == "allow":
        return "everything"
    if field.default is None and prefix == "status.":
        return "the source's"
    if field.default is None or field.default is dataclasses.MISSING:
        return "none"
    if dataclasses.is_dataclass(field.default):
        return "as below"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def test_the_page_says_every_key_with_type_and_default() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )

    assert sorted(every(Settings), key=str) == sorted((Row(*row) for row in rows), key=str)


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_the_page_are_sound(tmp_path: Path, number: int) -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[number]

    assert "https://git.example.com/ops/fleet.git" == load(tmp_path, example).source.url
