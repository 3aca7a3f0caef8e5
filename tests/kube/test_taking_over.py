"""
What the plan says that goes is what goes: agent/kinds/manifest/fields.py against a real API server.

Each object is applied as trued does it, edited with kubectl, and then taken over and applied once more. What was worked out before,
from managedFields and with a dry run, has to be what is there after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from agent.kinds.manifest.compare import differences, slim
from agent.model import MANAGER
from agent.model.fields import removed, without
from agent.model.managed import left_behind, merged
from tests.kube.client import RefusedError
from tests.kube.server import Kube

LABELS: Final = {"trued.dev/owner": "web1"}
DEPLOYMENT: Final[dict[str, Any]] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": LABELS},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "nginx:1",
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "env": [{"name": "A", "value": "1"}],
                    }
                ]
            },
        },
    },
}
SERVICE: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "labels": LABELS},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "a", "port": 80, "protocol": "TCP"}]},
}
SETTINGS: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web", "labels": LABELS},
    "data": {"a": "1"},
}
SECRET: Final = {**SETTINGS, "kind": "Secret", "data": {"a": "MQ=="}}
PLACES: Final = {"Deployment": "/apis/apps/v1/namespaces/{}/deployments/web"} | {
    kind: f"/api/v1/namespaces/{{}}/{kind.lower()}s/web" for kind in ("Service", "ConfigMap", "Secret")
}
OVERTAKEN: Final = (409, 422)  # of a PUT with an old resourceVersion; of a JSON patch whose test fails
POD: Final = "spec.template.spec"
CONTAINER: Final = f"{POD}.containers[name=web]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One object of a namespace, and what is done to it."""

    kube: Kube
    namespace: str
    declared: dict[str, Any]

    @property
    def path(self) -> str:
        return PLACES[self.declared["kind"]].format(self.namespace)

    def kubectl(self, *words: str, stdin: str = "") -> None:
        self.kube.kubectl("--namespace", self.namespace, *words, stdin=stdin)

    def live(self) -> dict[str, Any]:
        """Return it when its controller has seen the last change, and has counted it."""
        for _ in range(500):
            found: dict[str, Any] = self.kube.get(self.path)
            seen = found.get("status", {}).get("observedGeneration")
            if self.declared["kind"] != "Deployment" or seen == found["metadata"]["generation"]:
                return found
            time.sleep(0.02)
        raise AssertionError(f"the controller does not look at {self.path}")

    def apply(self, *, dry_run: bool = False) -> dict[str, Any]:
        query = f"?fieldManager={MANAGER}&force=true" + ("&dryRun=All" if dry_run else "")
        return self._request("PATCH", query, self.declared, content_type="application/apply-patch+yaml")

    def expected(self) -> dict[str, Any]:
        """Return what it is to become: what goes is taken away from one dry run, another one puts in the defaults."""
        return self._again(self._expected)

    def _expected(self) -> dict[str, Any]:
        tried = self.apply(dry_run=True)
        gone = removed(tried["metadata"]["managedFields"])
        return self._request("PUT", "?dryRun=All", without(tried, gone)) if gone else tried

    def take_over(self) -> None:
        """Do what the door does, if there is something to do."""
        self._again(self._take_over)

    def _take_over(self) -> dict[str, Any]:
        found = self.live()
        entries = found["metadata"]["managedFields"]
        return self.replace_entries(found["metadata"], merged(entries)) if left_behind(entries) else found

    def replace_entries(self, seen: dict[str, Any], entries: list[Any]) -> dict[str, Any]:
        """Write managedFields, if the object is still as it was seen."""
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": seen["resourceVersion"]},
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        ]
        return self._request("PATCH", "", patch, content_type="application/json-patch+json")

    def _again(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Repeat what a controller has come in between of."""
        for _ in range(20):
            try:
                return ask()
            except RefusedError as error:
                if error.code not in OVERTAKEN:
                    raise
        raise AssertionError(f"{self.path} does not come to rest")

    def _request(self, method: str, query: str, body: Any, content_type: str = "") -> dict[str, Any]:
        return dict(self.kube.request(method, self.path + query, body, content_type=content_type))


Edit = Callable[[Place], None]


def says(*words: str) -> Edit:
    """kubectl with these words."""
    return lambda place: place.kubectl(*words)


def patches(form: str, what: Any) -> Edit:
    return lambda place: place.kubectl(
        "patch", place.declared["kind"], "web", f"--type={form}", "-p", json.dumps(what)
    )


def edits(what: dict[str, Any]) -> Edit:
    """As kubectl edit does: a strategic merge patch, in its name."""
    words = "--type=strategic", "--field-manager=kubectl-edit", "-p"
    return lambda place: place.kubectl("patch", place.declared["kind"], "web", *words, json.dumps(what))


def container(**more: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "web", **more}])


def pod(**more: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": more}}}


# What is declared, what a person does to it, and what the plan is to say: paths, with who has set what is there.
# No probe is among it: an API server before 1.21 leaves an empty one where it is to go, and refuses that itself, whoever has
# applied it (github.com/kubernetes-sigs/structured-merge-diff, pull request 184).
CASES: Final[dict[str, tuple[dict[str, Any], Edit, dict[str, str]]]] = {
    "nothing": (DEPLOYMENT, lambda _: None, {}),
    "a label": (DEPLOYMENT, says("label", "deploy/web", "x=y"), {"metadata.labels.x": "kubectl-label"}),
    "an annotation": (
        DEPLOYMENT,
        says("annotate", "deploy/web", "example.org/x=y"),
        {"metadata.annotations[example.org/x]": "kubectl-annotate"},
    ),
    "the image": (
        DEPLOYMENT,
        says("set", "image", "deploy/web", "web=nginx:2"),
        {f"{CONTAINER}.image": "kubectl-set"},
    ),
    "variables": (
        DEPLOYMENT,
        says("set", "env", "deploy/web", "A=2", "B=3"),
        {f"{CONTAINER}.env[name=A].value": "kubectl-set", f"{CONTAINER}.env[name=B]": "kubectl-set"},
    ),
    "limits": (
        DEPLOYMENT,
        says("set", "resources", "deploy/web", "--limits=cpu=200m"),
        {f"{CONTAINER}.resources.limits": "kubectl-set"},
    ),
    "a pause": (DEPLOYMENT, says("rollout", "pause", "deploy/web"), {"spec.paused": "kubectl-rollout"}),
    "a restart": (DEPLOYMENT, says("rollout", "restart", "deploy/web"), {}),
    "replicas": (DEPLOYMENT, edits({"spec": {"replicas": 3}}), {"spec.replicas": "kubectl-edit"}),
    "a container": (
        DEPLOYMENT,
        patches(
            "json",
            [
                {
                    "op": "add",
                    "path": "/spec/template/spec/containers/-",
                    "value": {"name": "b", "image": "b"},
                }
            ],
        ),
        {f"{POD}.containers[name=b]": "kubectl-patch"},
    ),
    "a port": (
        DEPLOYMENT,
        patches(
            "json",
            [
                {
                    "op": "add",
                    "path": "/spec/template/spec/containers/0/ports/-",
                    "value": {"containerPort": 81},
                }
            ],
        ),
        {f"{CONTAINER}.ports[containerPort=81]": "kubectl-patch"},
    ),
    "a volume": (
        DEPLOYMENT,
        edits(
            pod(
                volumes=[{"name": "v", "emptyDir": {}}],
                containers=[{"name": "web", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
            )
        ),
        {f"{CONTAINER}.volumeMounts": "kubectl-edit", f"{POD}.volumes": "kubectl-edit"},
    ),
    "of the pod": (
        DEPLOYMENT,
        edits(pod(terminationGracePeriodSeconds=60, securityContext={"runAsUser": 1})),
        {
            f"{POD}.securityContext.runAsUser": "kubectl-edit",
            f"{POD}.terminationGracePeriodSeconds": "kubectl-edit",
        },
    ),
    "a strategy": (
        DEPLOYMENT,
        edits({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}),
        {"spec.strategy.rollingUpdate": "", "spec.strategy.type": "kubectl-edit"},
    ),
    "a service": (
        SERVICE,
        edits(
            {
                "spec": {
                    "sessionAffinity": "ClientIP",
                    "ports": [{"name": "b", "port": 81, "protocol": "TCP"}],
                }
            }
        ),
        {
            "spec.ports[name=b]": "kubectl-edit",
            "spec.sessionAffinity": "kubectl-edit",
            "spec.sessionAffinityConfig": "kubectl-edit",
        },
    ),
    "settings": (
        SETTINGS,
        patches("merge", {"data": {"a": "2", "b": "3"}, "binaryData": {"z": "AAAA"}}),
        {"data.a": "kubectl-patch", "data.b": "kubectl-patch", "binaryData": "kubectl-patch"},
    ),
    "a finalizer": (
        SETTINGS,
        patches("merge", {"metadata": {"finalizers": ["example.org/x"]}}),
        {"metadata.finalizers": "kubectl-patch"},
    ),
    "a secret": (
        SECRET,
        patches("merge", {"stringData": {"a": "2", "b": "3"}}),
        {"data.a": "kubectl-patch", "data.b": "kubectl-patch"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_edit_is_told_exactly_and_taken_back(kube: Kube, namespace: str, case: str) -> None:
    """A plan after kubectl has changed something shows that and nothing else; then it is as it was, for good."""
    declared, edit, told = CASES[case]
    place = Place(kube=kube, namespace=namespace, declared=declared)
    place.apply()
    place.live()
    edit(place)
    live = place.live()
    expected = place.expected()
    found = differences(live, expected)
    assert {each.path: ", ".join(each.by) for each in found} == told
    _take_and_compare(place, expected)


def more(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a deployment with more in it than is declared."""
    made: dict[str, Any] = json.loads(json.dumps(declared))
    del made["metadata"]["labels"]
    made["spec"]["replicas"] = 2
    made["spec"]["template"]["metadata"]["annotations"] = {"q": "r"}
    made["spec"]["template"]["spec"]["containers"].append({"name": "b", "image": "b"})
    return made


MADE: Final = {
    "metadata.labels",  # that it is ours now
    f"{POD}.containers[name=b]",
    "spec.replicas",
    "spec.template.metadata.annotations",
}
APPLIED: Final = "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]"


@pytest.mark.parametrize(
    ("made_by", "told"),
    [(("apply",), {*MADE, APPLIED}), (("apply", "--server-side"), MADE), (("create",), MADE)],
    ids=["apply", "apply on the server", "create"],
)
def test_what_kubectl_has_made_is_adopted(
    kube: Kube, namespace: str, made_by: tuple[str, ...], told: set[str]
) -> None:
    """kubectl owns all defaults of what it has made; the plan shows none of them, for they stay what they are."""
    place = Place(kube=kube, namespace=namespace, declared=DEPLOYMENT)
    place.kubectl(*made_by, "-f", "-", stdin=json.dumps(more(DEPLOYMENT)))
    live = place.live()
    expected = place.expected()
    assert {each.path for each in differences(live, expected)} == told
    _take_and_compare(place, expected)


def test_pods_that_a_person_has_restarted_are_not_by_an_adoption(kube: Kube, namespace: str) -> None:
    """What `kubectl rollout restart` has written stays, so the template of the pods is as it was."""
    place = Place(kube=kube, namespace=namespace, declared=DEPLOYMENT)
    place.kubectl("apply", "-f", "-", stdin=json.dumps(DEPLOYMENT))
    place.kubectl("rollout", "restart", "deploy/web")
    before = place.live()
    place.take_over()
    place.apply()
    assert place.live()["spec"]["template"] == before["spec"]["template"]


def test_a_take_over_of_what_has_changed_meanwhile_is_refused(kube: Kube, namespace: str) -> None:
    """Entries that nobody has seen are not written over."""
    place = Place(kube=kube, namespace=namespace, declared=SETTINGS)
    place.kubectl("create", "-f", "-", stdin=json.dumps(SETTINGS))
    with pytest.raises(RefusedError) as caught:
        place.replace_entries({"resourceVersion": "1"}, [])
    assert caught.value.code in OVERTAKEN


def _take_and_compare(place: Place, expected: dict[str, Any]) -> None:
    place.take_over()
    place.apply()
    real = place.live()
    assert _plain(real) == _plain(expected)
    again = place.apply(dry_run=True)
    assert _plain(again) == _plain(real)
    assert not left_behind(again["metadata"]["managedFields"])


def _plain(object_: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what its controller counts up when it follows."""
    found = slim(object_)
    annotations = dict(found["metadata"].get("annotations", {}))
    annotations.pop("deployment.kubernetes.io/revision", None)
    return {**found, "metadata": {**found["metadata"], "annotations": annotations}}
