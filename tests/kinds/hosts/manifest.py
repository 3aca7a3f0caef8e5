"""
Hosts with a Kubernetes: `cluster` in a case says what it has, `cluster: false` that no API server answers.

    cluster:
      objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: default, labels: {…}}, data: {…}}]
      by: {kubectl-edit: [{…}]}                           objects that somebody else has set
      refusals: {ConfigMap/default/x: {code: 422, reason: Invalid, message: "data: Too long"}}
      fixed: [batch/Job/default/x]                        what cannot be changed in place
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fake_cluster import FakeCluster
from tests.fakes import FakeHost


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    given = case.get("cluster", {})
    if given is False:
        host.cluster = None
        return
    cluster = FakeCluster(refusals=dict(given.get("refusals", {})), fixed=set(given.get("fixed", ())))
    for one in given.get("objects", ()):
        cluster.add(one)
    for manager, objects in given.get("by", {}).items():
        for one in objects:
            cluster.add(one, manager=manager)
    host.cluster = cluster
