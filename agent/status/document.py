"""Turns a report into status.json and status.json back into what it says. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from json.encoder import encode_basestring

import agent
from agent.model import REPORT_LIMIT, Cause, Ownership, Report, ResourceId, Result, Standing
from agent.values import dataclass

SCHEMA = 1

TROUBLE = tuple(
    result.value for result in (Result.FAILED, Result.BLOCKED, Result.HELD, Result.CONTESTED, Result.SKIPPED)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a status.json says. `result` is the word that stands there: a newer trued may know others."""

    host: str
    result: str
    started: datetime
    finished: datetime
    commit: str | None = None
    good: str | None = None
    error: str = ""
    agent: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    resources: Mapping[ResourceId, Standing] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    reboot: tuple[str, ...] = ()  # why the host waits for one


def status_of(report: Report) -> Status:
    """Return what this trued says of a report."""
    return Status(
        host=report.host,
        result=report.result.value,
        started=report.started,
        finished=report.finished,
        commit=report.commit,
        good=report.good,
        error=report.error,
        agent=agent.__version__,
        labels=report.labels,
        facts=report.facts,
        resources=report.resources,
        notices=report.notices,
        reboot=report.reboot,
    )


def encode(status: Status) -> bytes:
    """
    Return the text of status.json: UTF-8, one line for each resource, sorted by id, so that Git sees small differences.

    Every key stands in every document; null is "none". A name that is not UTF-8 is a JSON escape (RFC 8259, 8.2).
    """
    # Beyond a lone surrogate there is nothing that UTF-8 can't encode, and its escape is valid JSON.
    return ("{\n" + ",\n".join(_members(status)) + "\n}\n").encode("utf-8", "backslashreplace")


def _members(status: Status) -> Iterator[str]:
    plain: Mapping[str, object] = {
        "schema": SCHEMA,
        "host": status.host,
        "commit": status.commit,
        "good": status.good,
        "result": status.result,
        "error": status.error or None,
        "agent": status.agent,
        "started": timestamp(status.started),
        "finished": timestamp(status.finished),
        "labels": status.labels,
        "facts": status.facts,
        "notices": status.notices,
        "reboot": status.reboot,
    }
    yield from (f"  {_json(key)}: {_json(value)}" for key, value in plain.items())
    lines = ",\n".join(_lines(status.resources))
    yield f'  "resources": {{\n{lines}\n  }}' if lines else '  "resources": {}'


def _lines(resources: Mapping[ResourceId, Standing]) -> Iterator[str]:
    """Yield a line for each. Neighbours mostly differ in their digest only: the rest is made once for many."""
    by_id = {str(rid): standing for rid, standing in resources.items()}
    last, head, tail = None, "", ""
    for id_ in sorted(by_id):
        one = by_id[id_]
        if last is None or not (
            one.result is last.result
            and one.cause is last.cause
            and one.owned is last.owned
            and one.reason == last.reason
        ):
            head, tail = _around(one)
        last = one
        yield f"    {_quoted(id_)}: {head}{_quoted(one.digest) if one.digest else 'null'}{tail}"


def _around(standing: Standing) -> tuple[str, str]:
    """Return what stands before and behind the digest."""
    cause, owned = standing.cause, standing.owned
    head = (
        f'{{"result": {_quoted(str(standing.result))}'
        f', "cause": {_quoted(cause.value) if cause else "null"}'
        f', "reason": {_quoted(standing.reason) if standing.reason else "null"}'
        f', "digest": '
    )
    return head, f', "owned": {_quoted(owned.value) if owned else "null"}}}'


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


_json = json.JSONEncoder(ensure_ascii=False, default=_plain).encode
_quoted: Callable[[str], str] = encode_basestring  # what the encoder does with a text


def timestamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 writes it, in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(data: bytes) -> Status:
    """
    Return what a status.json says; raises ValueError, in one line.

    Unknown keys and words of a newer trued are passed over, so an old fleet view can read a new host.
    """
    if len(data) > REPORT_LIMIT:
        raise ValueError(
            f"expected a status.json of at most {REPORT_LIMIT >> 20} MiB, got {len(data)} bytes"
        )
    try:
        members = _object(json.loads(data), "status.json")
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"expected a status.json, got no JSON: {type(error).__name__}") from error
    if not isinstance(schema := members.get("schema"), int) or schema < SCHEMA:
        raise ValueError('expected a status.json with a "schema" of 1 or more')
    return Status(
        host=_text(members, "host", required=True),
        result=_text(members, "result", required=True),
        started=_moment(members, "started"),
        finished=_moment(members, "finished"),
        commit=_text(members, "commit") or None,
        good=_text(members, "good") or None,
        error=_text(members, "error"),
        agent=_text(members, "agent"),
        labels={key: str(value) for key, value in _object(members.get("labels") or {}, "labels").items()},
        facts=_object(members.get("facts") or {}, "facts"),
        resources=_resources(_object(members.get("resources") or {}, "resources")),
        notices=_texts(members, "notices"),
        reboot=_texts(members, "reboot"),
    )


def _resources(members: Mapping[str, object]) -> Mapping[ResourceId, Standing]:
    return {ResourceId.parse(key): _read_standing(_object(value, key)) for key, value in members.items()}


def _read_standing(members: Mapping[str, object]) -> Standing:
    cause, owned = _text(members, "cause"), _text(members, "owned")
    return Standing(
        result=_text(members, "result", required=True),
        cause=Cause(cause) if cause in set(Cause) else None,
        reason=_text(members, "reason"),
        digest=_text(members, "digest"),
        owned=Ownership(owned) if owned in set(Ownership) else None,
    )


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected an object")  # noqa: TRY004 - what a file says is a value
    return value


def _text(members: Mapping[str, object], key: str, *, required: bool = False) -> str:
    value = members.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise ValueError(f"{key}: expected a text")
    return value


def _texts(members: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = members.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{key}: expected a list of texts")
    return tuple(value)


def _moment(members: Mapping[str, object], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(members, key, required=True))
    except ValueError as error:
        raise ValueError(f"{key}: expected a time, as in 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
