"""How objects are looked at while others write to them, and how little is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.host.servers import ApiKind
from agent.kinds.manifest import KIND
from agent.kinds.manifest.state import ObjectState
from agent.model import MANAGER, OWNER, Json, Named
from tests.fake_cluster import FakeCluster
from tests.fakes import FakeHost
from tests.kinds.manifests import expanded

NAMES = [f"web-{number}" for number in range(5)]


@dataclass(slots=True)
class Busy(FakeCluster):
    """`busy`: a controller writes to each object right after it was listed; `found` are those that were asked for one by one."""

    busy: bool = False
    found: list[str] = field(default_factory=list)

    def find(self, kind: ApiKind, namespace: str, name: str) -> Json | None:
        self.found.append(name)
        return FakeCluster.find(self, kind, namespace, name)

    def owned(self, kind: ApiKind, *, whole: bool) -> Iterable[Json]:
        listed = list(FakeCluster.owned(self, kind, whole=whole))
        for one in listed if self.busy else ():
            there = self.objects[Named.of(one)]
            there["metadata"].setdefault("annotations", {})["revision"] = "1"
            there["metadata"]["resourceVersion"] += "0"
        return listed


def observed(cluster: FakeCluster, kind: str, drifted: str = "") -> dict[str, ObjectState]:
    """Declare five objects that are there, one of them otherwise than it is; return how they are seen."""
    api = "apps/v1" if kind == "Deployment" else "v1"
    cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    wants = {}
    for name in NAMES:
        text = f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop, labels: {{a: b}}}}\n"
        wants |= expanded(text)
        there = "c" if name == drifted else "b"
        metadata = {"name": name, "namespace": "shop", "labels": {"a": there, OWNER: cluster.owner}}
        cluster.add({"apiVersion": api, "kind": kind, "metadata": metadata}, manager=MANAGER)
    host = FakeHost()
    host.cluster = cluster
    found = {}
    for name, state in KIND.observe(host.probe(), wants).items():
        assert isinstance(state, ObjectState)
        found[name.rpartition("/")[2]] = state
    return found


def test_what_a_controller_writes_meanwhile_is_no_difference() -> None:
    found = observed(Busy(busy=True), "Deployment", drifted="web-3")

    assert {"web-3"} == {name for name, state in found.items() if state.trial.why}


def test_plain_objects_that_are_new_to_trued_are_listed_as_a_whole() -> None:
    """None has to be asked for by itself."""
    cluster = Busy()
    found = observed(cluster, "ConfigMap", drifted="web-3")

    assert {"web-3"} == {name for name, state in found.items() if state.trial.why}
    assert [] == cluster.found
