"""What the kind `manifest` sees while others write."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from agent.kinds.manifest.observe import observe
from agent.kinds.manifest.spec import ManifestSpec
from agent.kinds.manifest.state import ObjectState
from agent.model import OWNER, Json
from tests.fake_cluster import FakeCluster
from tests.fakes import FakeHost, FakeProbe
from tests.kinds.manifests import CONFIG, expanded


@dataclass(slots=True, kw_only=True)
class Busy(FakeCluster):
    """One in which a controller sets an annotation right before a dry run is done, this many times."""

    times: int = 1

    def tried(self, object_: Json, *, adopted: bool) -> Json:
        if self.times:
            self.times -= 1
            (live,) = self.objects.values()
            changed = deepcopy(live)
            changed["metadata"].setdefault("annotations", {})["revision"] = str(self.times)
            self.add(changed, manager="controller")
        return FakeCluster.tried(self, object_, adopted=adopted)


def seen(cluster: FakeCluster, wants: Mapping[str, ManifestSpec]) -> ObjectState:
    host = FakeHost()
    host.cluster = cluster
    (state,) = observe(FakeProbe(host), wants).values()
    assert isinstance(state, ObjectState)
    return state


def test_what_a_controller_sets_meanwhile_is_no_difference() -> None:
    """The look and the trial are two requests: what is new in the second one is not what an apply would change."""
    wants = expanded(CONFIG, "{source: app.yaml, namespace: default}")
    (spec,) = wants.values()
    live: dict[str, Any] = deepcopy(dict(spec.document))
    live["metadata"]["labels"] = {OWNER: "edge-01"}
    cluster = Busy()
    cluster.add(live)

    state = seen(cluster, wants)

    assert "" == state.trial.why
    assert 0 == cluster.times
