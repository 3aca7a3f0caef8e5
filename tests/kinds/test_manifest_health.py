"""Runs tests/cases/manifest/health/*.yaml: an object, what else is known, and how it is; then what else health has to say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.kinds.manifest.health import Extra, assess, needs_job, needs_pods, selector, since

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted((Path(__file__).parents[1] / "cases/manifest/health").glob("*.yaml"))
    for case in yaml.safe_load_all(path.read_text())
]


def object_of(kind: str, **parts: Any) -> dict[str, Any]:
    """Return an object of a kind that is written as group/Kind, or Kind."""
    group, _, name = kind.rpartition("/")
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": name, **parts}


@pytest.mark.parametrize("case", CASES)
def test_health(case: dict[str, Any]) -> None:
    parts = {part: case[part] for part in ("metadata", "spec", "status") if part in case}
    found = assess(object_of(case["kind"], **parts), Extra(**case.get("extra", {})))
    assert (found.state, found.reason) == (case["expect"], case.get("reason", ""))


def test_a_reason_is_one_short_line() -> None:
    """Controllers write novels; a report has a line."""
    ready = {"type": "Ready", "status": "False", "message": "a\nb\x1b[31m " + "x" * 900}
    reason = assess(object_of("example.org/Thing", status={"conditions": [ready]})).reason
    assert reason.startswith("a b [31m xxx")
    assert reason.isprintable()
    assert len(reason) <= 240


def test_a_selector_is_written_as_the_api_takes_it() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "env", "operator": "NotIn", "values": ["test"]},
        {"key": "app", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    spec = {"selector": {"matchLabels": {"x": "y"}, "matchExpressions": expressions}}
    assert selector(object_of("apps/Deployment", spec=spec)) == "x=y,tier in (a,b),env notin (test),app,!old"
    assert selector(object_of("ReplicationController", spec={"selector": {"x": "y"}})) == "x=y"


def test_only_workloads_that_select_something_are_known_by_their_pods() -> None:
    """An empty selector would ask for all pods of the namespace."""
    spec = {"selector": {"matchLabels": {"x": "y"}}}
    assert needs_pods(object_of("apps/Deployment", spec=spec))
    assert not needs_pods(object_of("apps/Deployment", spec={}))
    assert not needs_pods(object_of("Service", spec={"selector": {"x": "y"}}))


def test_a_chart_names_its_job() -> None:
    chart = object_of(
        "helm.cattle.io/HelmChart", metadata={"namespace": "kube-system"}, status={"jobName": "helm-x"}
    )
    assert needs_job(chart) == ("kube-system", "helm-x")
    assert needs_job(object_of("helm.cattle.io/HelmChart")) is None


def test_it_is_on_its_way_since_something_last_changed() -> None:
    """That is our last apply, or a condition that has changed since; not what others have written."""
    metadata: dict[str, Any] = {
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [
            {"manager": "trued", "time": "2026-01-02T00:00:00Z"},
            {"manager": "kube-controller-manager", "time": "2026-01-09T00:00:00Z"},
        ],
    }
    assert since(object_of("ConfigMap", metadata=metadata)) == datetime(2026, 1, 2, tzinfo=UTC)
    progress = {"type": "Progressing", "lastUpdateTime": "2026-01-03T00:00:00Z", "lastTransitionTime": None}
    later = object_of("apps/Deployment", metadata=metadata, status={"conditions": [progress]})
    assert since(later) == datetime(2026, 1, 3, tzinfo=UTC)
    metadata |= {"deletionTimestamp": "2026-01-04T00:00:30Z", "deletionGracePeriodSeconds": 30}
    assert since(later) == datetime(2026, 1, 4, tzinfo=UTC)
    assert since(object_of("ConfigMap", metadata={"creationTimestamp": "soon"})) is None
