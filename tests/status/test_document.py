"""status.json: written, and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent
from agent.model import REPORT_LIMIT, Cause, Ownership, ResourceId, Standing
from agent.status.document import encode, parse, status_of
from tests.status.reports import CHANGED, COMMIT, FAILED, UNCHANGED, report, rid

KEYS = [
    "schema",
    "host",
    "commit",
    "good",
    "result",
    "error",
    "agent",
    "started",
    "finished",
    "labels",
    "facts",
    "notices",
    "reboot",
    "resources",
]


def test_every_key_stands_in_its_place_in_every_document() -> None:
    """A program that reads status.json never has to ask whether a key is there."""
    empty = replace(report(), commit=None, good=None)

    document = json.loads(encode(status_of(empty)))

    assert KEYS == list(document)
    assert {"schema": 1, "commit": None, "good": None, "error": None, "resources": {}} == {
        key: document[key] for key in ("schema", "commit", "good", "error", "resources")
    }


def test_a_resource_says_all_five_things_null_where_there_is_none() -> None:
    """Unchanged ones are included."""
    document = json.loads(encode(status_of(report({"/b": UNCHANGED, "/a": FAILED}))))

    assert {
        "file:/a": {
            "result": "failed",
            "cause": "drift",
            "reason": "read-only file system",
            "digest": None,
            "owned": None,
        },
        "file:/b": {
            "result": "unchanged",
            "cause": None,
            "reason": None,
            "digest": "ab" * 20,
            "owned": "created",
        },
    } == document["resources"]


def test_one_changed_resource_is_one_changed_line() -> None:
    """`git diff` of two reports shows what is different, wherever it stood in the plan."""
    before = encode(status_of(report({"/a": UNCHANGED, "/b": UNCHANGED, "/c": UNCHANGED}))).splitlines()
    after = encode(status_of(report({"/b": CHANGED, "/a": UNCHANGED, "/c": UNCHANGED}))).splitlines()

    assert 1 == sum(old != new for old, new in zip(before, after, strict=True))


def test_times_are_in_utc() -> None:
    """Whatever the zone of the host."""
    berlin = datetime(2026, 7, 1, 14, 30, 15, 999999, tzinfo=timezone(timedelta(hours=2)))

    document = json.loads(encode(status_of(replace(report(), started=berlin))))

    assert "2026-07-01T12:30:15Z" == document["started"]


def test_what_is_written_is_read_back() -> None:
    """parse() is the inverse of encode()."""
    status = status_of(report({"/a": UNCHANGED, "/b": CHANGED, "/c": FAILED}))

    assert status == parse(encode(status))
    assert agent.__version__ == parse(encode(status)).agent


@given(st.text(min_size=1), st.text())
def test_any_name_and_any_reason_come_back_as_they_were(name: str, reason: str) -> None:
    """Line breaks, quotes, control characters, astral planes."""
    status = status_of(report({name: Standing(result="failed", reason=reason)}))

    assert status == parse(encode(status))


def test_a_name_that_is_not_utf_8_is_valid_json_and_comes_back() -> None:
    """File names are bytes; Python carries the odd ones as lone surrogates (PEP 383)."""
    name = b"/srv/caf\xe9".decode("utf-8", "surrogateescape")

    data = encode(status_of(report({name: UNCHANGED})))

    assert b'"file:/srv/caf\\udce9"' in data
    assert {rid(name): UNCHANGED} == parse(data).resources


def test_words_of_a_newer_trued_are_passed_over() -> None:
    """An old fleet view reads a new host."""
    document = json.loads(encode(status_of(report({"/a": CHANGED}))))
    document |= {"schema": 2, "result": "levitating", "mood": "fine"}
    document["resources"]["file:/a"] |= {"cause": "whim", "owned": "borrowed", "since": 3}

    status = parse(json.dumps(document).encode())

    assert ("levitating", None, None) == (
        status.result,
        status.resources[rid("/a")].cause,
        status.resources[rid("/a")].owned,
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "expected a status.json, got no JSON: JSONDecodeError"),
        (b"\xff\xfe\x00", "expected a status.json, got no JSON: UnicodeDecodeError"),
        (b"[" * 100_000, "expected a status.json, got no JSON: RecursionError"),
        (b"[]", "status.json: expected an object"),
        (b"{}", 'expected a status.json with a "schema" of 1 or more'),
        (b'{"schema": "1"}', 'expected a status.json with a "schema" of 1 or more'),
        (b'{"schema": 1, "host": 5}', "host: expected a text"),
        (b'{"schema": 1, "host": "a"}', "result: expected a text"),
        (
            b'{"schema": 1, "host": "a", "result": "x", "started": "noon"}',
            "started: expected a time, as in 2026-01-31T12:00:00Z",
        ),
        (
            b" " * (REPORT_LIMIT + 1),
            f"expected a status.json of at most 32 MiB, got {REPORT_LIMIT + 1} bytes",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else "",
)
def test_what_is_no_status_is_refused_in_one_line(data: bytes, says: str) -> None:
    """It may come from a branch that somebody else can write to."""
    with pytest.raises(ValueError) as caught:
        parse(data)

    assert says == str(caught.value)


@pytest.mark.parametrize(
    "resources", ['{"nonsense": {"result": "failed"}}', '{"file:/a": {}}', '{"file:/a": 1}', "3"]
)
def test_nonsense_among_the_resources_is_refused(resources: str) -> None:
    """A status is read whole or not at all."""
    text = json.dumps(json.loads(encode(status_of(report())))).replace(
        '"resources": {}', f'"resources": {resources}'
    )

    with pytest.raises(ValueError):
        parse(text.encode())


def test_the_smallest_status_is_enough() -> None:
    """What is missing is empty; `commit` alone need not be known."""
    status = parse(
        b'{"schema": 1, "host": "a", "result": "failed", "started": "2026-01-01T00:00:00Z",'
        b' "finished": "2026-01-01T00:00:01Z"}'
    )

    assert (None, "", {}) == (status.commit, status.error, status.resources)


def test_the_shape_of_a_document() -> None:
    """To the letter: others parse it."""
    one = replace(
        report(),
        reboot=("asked for by linux-base",),
        resources={
            ResourceId("file", "/a"): Standing(
                result="changed", cause=Cause.COMMIT, reason="missing", digest="d1", owned=Ownership.ADOPTED
            )
        },
    )

    assert (
        "{\n"
        '  "schema": 1,\n'
        '  "host": "edge-01",\n'
        f'  "commit": "{COMMIT}",\n'
        f'  "good": "{COMMIT}",\n'
        '  "result": "converged",\n'
        '  "error": null,\n'
        f'  "agent": "{agent.__version__}",\n'
        '  "started": "2026-01-31T12:00:00Z",\n'
        '  "finished": "2026-01-31T12:00:00Z",\n'
        '  "labels": {"ring": "canary"},\n'
        '  "facts": {"arch": "aarch64", "os": {"id": "debian", "version": "12"}},\n'
        '  "notices": [],\n'
        '  "reboot": ["asked for by linux-base"],\n'
        '  "resources": {\n'
        '    "file:/a": {"result": "changed", "cause": "commit", "reason": "missing", "digest": "d1",'
        ' "owned": "adopted"}\n'
        "  }\n"
        "}\n"
    ) == encode(status_of(one)).decode()
