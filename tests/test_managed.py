"""Whose fields are taken over before an apply, and what becomes of managedFields."""

from __future__ import annotations

from typing import Any

import pytest

from agent.model.managed import is_left_behind, left_behind, merged


def entry(
    manager: str, operation: str = "Update", fields: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    fields = {"f:spec": {"f:replicas": {}}} if fields is None else fields
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields, **more}


RESTART = {
    "f:spec": {
        "f:template": {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}
    }
}


@pytest.mark.parametrize(
    "manager",
    [
        "kubectl",
        "kubectl-edit",
        "kubectl-client-side-apply",
        "before-first-apply",
        "deploy@node1",
        "helm",
        "Helm",
    ],
)
def test_what_a_tool_has_left_is_taken_over(manager: str) -> None:
    """Neither kubectl nor Helm nor k3s's deploy controller comes back for its fields by itself."""
    assert is_left_behind(entry(manager))


@pytest.mark.parametrize(
    "left",
    [
        entry("trued", "Apply"),
        entry("kube-controller-manager"),
        entry("helm-controller"),
        entry("kubectl-edit", subresource="scale"),
        entry("kubectl", fields={"f:status": {"f:phase": {}}}),
        entry("kubectl-edit", fields={}),
        entry("kubectl-rollout", fields=RESTART),
    ],
)
def test_what_is_alive_or_no_wish_is_left_alone(left: dict[str, Any]) -> None:
    """Controllers, subresources, a status, and a restart that somebody has asked for keep their entries."""
    assert not is_left_behind(left)
    assert merged([left]) == [left]


def test_what_was_left_becomes_one_entry_with_ours() -> None:
    """The union is trued's, with its own version and time; others stay as they are, in their order."""
    ours = entry(
        "trued",
        "Apply",
        {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {}}}},
        time="2026-01-01T00:00:00Z",
    )
    edit = entry(
        "kubectl-edit",
        fields={"f:spec": {"f:paused": {}, "f:template": {"f:metadata": {}}}},
        apiVersion="v0",
    )
    other = entry("hpa")
    union = {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {}, "f:metadata": {}}, "f:paused": {}}}
    assert left_behind([ours, edit, other]) == (edit,)
    assert merged([ours, edit, other]) == [other, {**ours, "fieldsType": "FieldsV1", "fieldsV1": union}]


def test_where_nothing_is_ours_the_newest_says_the_version() -> None:
    """An object that kubectl has made gets an entry of trued, as a server-side apply would leave one."""
    old = entry("kubectl-create", fields={"f:data": {}}, apiVersion="v1beta1", time="2025-01-01T00:00:00Z")
    new = entry("kubectl-edit", fields={"f:data": {"f:a": {}}}, apiVersion="v1", time="2026-01-01T00:00:00Z")
    (made,) = merged([old, new])
    assert (made["manager"], made["operation"], made["apiVersion"]) == ("trued", "Apply", "v1")
    assert made["fieldsV1"] == {"f:data": {"f:a": {}}}


def test_a_status_is_no_wish() -> None:
    """API servers before 1.22 count a status by default (of a Namespace, say) among what kubectl has set."""
    rest, ours = merged(
        [entry("kubectl-create", fields={"f:metadata": {"f:labels": {}}, "f:status": {"f:phase": {}}})]
    )
    assert (rest["manager"], rest["fieldsV1"]) == ("kubectl-create", {"f:status": {"f:phase": {}}})
    assert ours["fieldsV1"] == {"f:metadata": {"f:labels": {}}}


def test_a_restart_stays_where_the_rest_of_its_entry_is_taken() -> None:
    """`kubectl rollout pause` is taken back, `kubectl rollout restart` is not: all pods would start once more."""
    both = entry("kubectl-rollout", fields={"f:spec": {"f:paused": {}, **RESTART["f:spec"]}})
    rest, ours = merged([both])
    assert rest == {**both, "fieldsV1": RESTART}
    assert ours["fieldsV1"] == {"f:spec": {"f:paused": {}}}


def test_nothing_is_left_after_a_take_over() -> None:
    """Done twice, it changes nothing: else each cycle would write."""
    once = merged(
        [
            entry("kubectl-rollout", fields={"f:spec": {"f:paused": {}, **RESTART["f:spec"]}}),
            entry("kubectl"),
        ]
    )
    assert not left_behind(once)
    assert merged(once) == once
