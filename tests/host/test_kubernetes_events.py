"""Which events of a watch are a reason to look: what others than trued have done, and no status."""

from __future__ import annotations

from typing import Any

import pytest

from agent.host.kubernetes.events import Events

OURS = {"f:data": {"f:log": {}, "f:level": {}}}
STATUS = {"f:status": {"f:replicas": {}}}
REVISION = {"f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}}


def entry(
    manager: str, fields: dict[str, Any], time: str = "1", operation: str = "Update", **more: str
) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": fields, **more}


def trued(time: str = "1", fields: dict[str, Any] = OURS) -> dict[str, Any]:
    return entry("trued", fields, time, "Apply")


def event(*entries: dict[str, Any], kind: str = "MODIFIED", **more: Any) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"uid": "u", "managedFields": [*entries], **more}}}


@pytest.mark.parametrize(
    ("after", "tells"),
    [
        (event(trued("2")), False),  # its own write
        (event(trued("2", {"f:data": {"f:log": {}}}), generation=2), False),
        (event(trued(), entry("kube-controller-manager", STATUS, "2")), False),
        (event(trued(), entry("kube-controller-manager", {**STATUS, **REVISION}, "2")), False),
        (event(trued(), entry("k3s", {"f:metadata": {}}, "2", subresource="status")), False),
        (event(trued(), entry("kubectl-edit", {"f:data": {"f:color": {}}}, "2")), True),
        (event(trued(), entry("kubectl-edit", {**STATUS, **OURS}, "2")), True),
        (event(trued(), entry("k3s", {"f:metadata": {"f:labels": {"f:a": {}}}}, "2")), True),
        (event(trued(fields={"f:data": {"f:log": {}}})), True),  # a field was taken away
        (event(trued(), generation=2), True),  # scaled, by a server that writes down no manager
        (event(trued(), deletionTimestamp="2"), True),
        (event(trued(), kind="DELETED"), True),
    ],
)
def test_what_others_do_is_a_reason_to_look(after: dict[str, Any], tells: bool) -> None:
    events = Events(set())
    assert not events.tells(event(trued(), kind="ADDED", generation=1))
    after["object"]["metadata"].setdefault("generation", 1)

    assert tells is events.tells(after)


def test_what_lasts_is_told_once() -> None:
    events, other = Events(set()), entry("kubectl-edit", {"f:data": {"f:color": {}}}, "2")
    events.tells(event(trued(), kind="ADDED"))

    assert events.tells(event(trued(), other))
    assert not events.tells(event(trued(), other, resourceVersion="3"))
    assert not events.tells(event(trued("4"), resourceVersion="4"))


def test_what_trued_takes_away_itself_is_no_reason() -> None:
    events = Events({"u"})
    events.tells(event(trued(), kind="ADDED"))

    assert not events.tells(event(trued(), deletionTimestamp="2"))
    assert not events.tells(event(trued(), kind="DELETED"))
    assert events.tells(event(trued(), kind="DELETED"))
