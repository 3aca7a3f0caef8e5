"""The kind `manifest`: scopes, order, edges, what tells declarations apart, and what an entry may say."""

from __future__ import annotations

import json

import pytest

from agent.errors import DocumentError
from agent.kinds.manifest import KIND
from agent.kinds.manifest.scopes import is_namespaced, known_scope
from agent.model import Named, ResourceId
from tests.kinds.manifests import CONFIG, expanded, of, refusal, spec

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: KINDs.example.com}
spec: {group: example.com, scope: SCOPE, names: {kind: KIND, plural: KINDs}}
"""


@pytest.mark.parametrize(
    ("group", "kind", "namespaced"),
    [
        ("", "Namespace", False), ("", "Node", False), ("", "Secret", True), ("", "PersistentVolumeClaim", True), ("apps", "Deployment", True),
        ("networking.k8s.io", "Ingress", True), ("networking.k8s.io", "IngressClass", False), ("storage.k8s.io", "StorageClass", False),
        ("storage.k8s.io", "CSIStorageCapacity", True), ("rbac.authorization.k8s.io", "Role", True), ("policy", "PodDisruptionBudget", True),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding", False), ("apiextensions.k8s.io", "CustomResourceDefinition", False),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", False), ("node.k8s.io", "RuntimeClass", False),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema", False), ("example.com", "Widget", None),
    ],
)  # fmt: skip
def test_the_scope_of_builtin_kinds_is_known(group: str, kind: str, namespaced: bool | None) -> None:
    """As `kubectl api-resources` of v1.20.2 says, and the reference of the newer ones."""
    assert namespaced is known_scope(group, kind, {})


@pytest.mark.parametrize(
    ("scope", "name"), [("Namespaced", "example.com/Widget/shop/a"), ("Cluster", "example.com/Widget/a")]
)
def test_a_definition_in_the_entry_says_the_scope_of_its_kind(scope: str, name: str) -> None:
    definition = DEFINITION.replace("KIND", "Widget").replace("SCOPE", scope)
    text = f"{definition}---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: a}}\n"

    assert name in expanded(text, "{source: app.yaml, namespace: shop}")


@pytest.mark.parametrize(
    ("kind", "says", "default", "namespaced"),
    [
        ("Widget", "x", "", True),
        ("Widget", "", "shop", True),
        ("Widget", "", "", False),
        ("ClusterIssuer", "", "shop", False),
        ("GatewayClass", "", "shop", False),
        ("ClusterThing", "x", "", True),
    ],
)
def test_the_scope_of_an_unknown_kind_is_what_it_looks_like(
    kind: str,
    says: str,
    default: str,
    namespaced: bool,
) -> None:
    assert namespaced is is_namespaced(Named("example.com", kind, says, "a"), {}, default)


def test_an_object_comes_after_what_it_stands_on() -> None:
    declared = {
        ResourceId("unit", "k3s.service"),
        ResourceId("file", "/etc/rancher/k3s/config.yaml"),
        ResourceId("manifest", "Namespace/shop"),
        ResourceId("manifest", "apiextensions.k8s.io/CustomResourceDefinition/widgets.example.com"),
        ResourceId("manifest", "apiextensions.k8s.io/CustomResourceDefinition/widgets.sub.example.com"),
        ResourceId("manifest", "apiextensions.k8s.io/CustomResourceDefinition/policies.example.com"),
        ResourceId("manifest", "example.com/Widget/shop/a"),
    }  # fmt: skip
    want = spec("{source: a.yaml}")

    def edges(name: str) -> list[str]:
        return sorted(map(str, KIND.edges(name, want, declared)))

    ground = ["file:/etc/rancher/k3s/config.yaml", "unit:k3s.service"]
    definition = "manifest:apiextensions.k8s.io/CustomResourceDefinition/widgets.example.com"
    assert ground == edges("Namespace/shop")
    assert sorted([*ground, "manifest:Namespace/shop"]) == edges("apps/Deployment/shop/web")
    assert sorted([*ground, "manifest:Namespace/shop", definition]) == edges("example.com/Widget/shop/a")
    assert [definition.replace("widgets", "policies")] == [
        one for one in edges("example.com/Policy/a") if "policies" in one
    ]
    assert definition not in edges("example.com/Policy/a")
    assert definition in edges("example.com/Gadget/shop/a")  # it may be called otherwise
    assert [] == list(KIND.edges("example.com/Widget/shop/a", want, ()))


def test_what_others_stand_on_comes_first_and_webhooks_last() -> None:
    names = (
        "apiextensions.k8s.io/CustomResourceDefinition/a", "Namespace/a", "storage.k8s.io/StorageClass/a", "ServiceAccount/a/a",
        "rbac.authorization.k8s.io/Role/a/a", "ConfigMap/a/a", "Secret/a/a", "Service/a/a", "apps/Deployment/a/a",
        "serving.knative.dev/Service/a/a", "admissionregistration.k8s.io/ValidatingWebhookConfiguration/a",
    )  # fmt: skip
    habits = [KIND.habit(name) for name in names]

    assert habits == sorted(set(habits))
    assert KIND.habit("gateway.networking.k8s.io/GatewayClass/a") < KIND.habit("ConfigMap/a/a")


def test_its_fingerprint_is_what_is_applied() -> None:
    (one,) = expanded(CONFIG).values()
    (moved,) = of(
        {"other.yaml": f"# moved\n---\n{CONFIG}\nstatus: {{}}\n"},
        "{source: other.yaml, wait: 1m, prune: false, namespace: x}",
    ).values()
    (other,) = expanded(CONFIG.replace("a: b", "a: c")).values()
    (adopting,) = expanded(CONFIG, "{source: app.yaml, adopt: true}").values()

    assert KIND.fingerprint(one) == KIND.fingerprint(moved)
    assert one == moved
    assert 3 == len({json.dumps(KIND.fingerprint(each)) for each in (one, other, adopting)})
    assert "other.yaml:3" == KIND.origin(moved)


@pytest.mark.parametrize(
    ("text", "entry", "kept"),
    [
        (CONFIG, "{source: app.yaml}", False),
        (CONFIG, "{source: app.yaml, prune: false}", True),
        (
            CONFIG.replace("name:", "annotations: {trued.dev/prune: disabled}, name:"),
            "{source: app.yaml}",
            True,
        ),
    ],
)
def test_what_is_kept_says_so(text: str, entry: str, kept: bool) -> None:
    (one,) = expanded(text, entry).values()

    assert kept is KIND.keeps(one)


def test_the_mark_of_what_is_kept_says_one_thing() -> None:
    told = refusal(CONFIG.replace("name:", "annotations: {trued.dev/prune: no}, name:"))
    assert "found a yes or no; put it in quotes" in told[0]
    assert (
        "expected disabled"
        in refusal(CONFIG.replace("name:", "annotations: {trued.dev/prune: enabled}, name:"))[0]
    )


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{}", "key 'source' is missing"),
        ("{source: a.yaml, namespace: Shop}", "expected the name of a namespace"),
        ("{source: a.yaml, wait: 5}", "expected a duration"),
        ("{source: a.yaml, state: absent}", "state: not supported: take the entry out of Git"),
        ("{source: a.yaml, document: {}}", "unknown key"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(entry: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        spec(entry)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["a/b", "", ".a", "a b", "x" * 254])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name"):
        KIND.name(name)
