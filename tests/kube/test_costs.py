"""What an API server is asked no more often than it has to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.host.kubernetes.door import Door
from agent.host.servers import ClusterError
from tests.kube.server import Kube


def test_a_namespace_that_is_missing_is_waited_for_once(
    kube: Kube, door: Door, make: Callable[..., Any]
) -> None:
    """In each look: it is found as soon as it is there."""
    since, cluster = kube.mark(), door.look()
    missing = make()["metadata"]["namespace"] + "-missing"
    for name in ("a", "b", "c"):
        declared = make(name=name)
        declared["metadata"]["namespace"] = missing
        with pytest.raises(ClusterError, match=f'namespaces "{missing}" not found'):
            cluster.tried(declared, adopted=False)

    assert cluster.tried(make(), adopted=False)
    assert 2 == len(kube.writes(since, by="trued"))
    with pytest.raises(ClusterError):
        door.look().tried(declared, adopted=False)
    assert 3 == len(kube.writes(since, by="trued"))
