"""The kind `manifest`: from the files of an entry to the objects that are declared."""

from __future__ import annotations

import base64

import pytest

from agent.errors import DocumentError
from tests.kinds.manifests import CONFIG, document, expanded, of, refusal


def test_each_object_is_a_resource_named_as_it_is() -> None:
    text = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
{CONFIG}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: "system:web"}}
"""
    found = expanded(text, "{source: app.yaml, namespace: shop}")

    assert [
        "Namespace/shop",
        "ConfigMap/default/settings",
        "apps/Deployment/shop/web",
        "rbac.authorization.k8s.io/ClusterRole/system:web",
    ] == list(found)
    assert ["app.yaml:2", "app.yaml:6", "app.yaml:11", "app.yaml:15"] == [
        one.place for one in found.values()
    ]
    assert "shop" == found["apps/Deployment/shop/web"].document["metadata"]["namespace"]
    assert "apps/v1" == found["apps/Deployment/shop/web"].api_version


def test_lists_are_taken_apart() -> None:
    inner = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: x}}"
    text = f"apiVersion: v1\nkind: List\nitems:\n- {inner % 'a'}\n- kind: List\n  items: [{inner % 'b'}]\n"
    bare = "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: c, namespace: x}}]\n"

    assert ["ConfigMap/x/a", "ConfigMap/x/b", "ConfigMap/x/c"] == list(expanded(f"{text}---\n{bare}"))
    assert ["app.yaml:1: items[1].items[0]: there is no metadata.name"] == refusal(
        text.replace("name: b,", "")
    )
    assert ["example.com/AllowList/x/d"] == list(
        expanded("apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: d, namespace: x}\n")
    )


def test_a_folder_is_all_manifests_below_it() -> None:
    names = [
        "b.yaml",
        "sub/a.yml",
        "sub/deep/c.json",
        ".dot.yaml",
        ".git/d.yaml",
        "sub/.hidden/e.yaml",
        "README.md",
        "f.yaml.skip",
    ]
    files = {f"app/{name}": CONFIG.replace("settings", f"n{at}") for at, name in enumerate(names)}

    assert ["n0", "n1", "n2"] == [name.rpartition("/")[2] for name in of(files, "{source: app/}")]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "source: there is no app in the repository"),
        ({"app/README.md": ""}, "source: there is no object in app"),
        ({"app/a.yaml": "# nothing\n"}, "source: there is no object in app"),
        (
            {"app/a.yaml": CONFIG, "app/kustomization.yaml": "resources: [a.yaml]"},
            "kustomize build … > file",
        ),
        ({"app/Chart.yaml": "name: x", "app/templates/a.yaml": CONFIG}, "helm template … > file"),
    ],
)
def test_a_source_without_objects_is_refused(files: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        of(files, "{source: app}")


def test_links_are_not_followed() -> None:
    with pytest.raises(ValueError, match="is a symbolic link"):
        of({}, "{source: app.yaml}", {"app.yaml": "other.yaml"})
    with pytest.raises(DocumentError, match=r"app/b.yaml:1: a symbolic link is not followed"):
        of({"app/a.yaml": CONFIG}, "{source: app}", {"app/b.yaml": "a.yaml"})


def test_a_template_of_a_chart_is_told_from_a_typing_error() -> None:
    assert "helm template" in refusal("metadata:\n  name: {{ .Release.Name }}\n")[-1]
    assert "helm template" in refusal(CONFIG.replace("settings", '"{{ .Release.Name }}"'))[0]
    assert "helm" not in "".join(refusal("a: [1"))
    assert expanded(CONFIG.replace("a: b", 'a: "{{ $labels.x }}"'))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "app.yaml:1: expected an object: a mapping with apiVersion, kind and metadata"),
        ("kind: ConfigMap\nmetadata: {name: a}", "app.yaml:1: there is no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}", "app.yaml:1: there is no kind"),
        ("apiVersion: v1\nkind: ConfigMap", "app.yaml:1: there is no metadata.name"),
        ("apiVersion: 1\nkind: ConfigMap\nmetadata: {name: a}", "app.yaml:1: apiVersion: expected text, found a number"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 12}", "app.yaml:1: metadata.name: expected text, found a number"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: [a]", "app.yaml:1: metadata: expected a mapping"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", "app.yaml:1: metadata.generateName: an object of Git"),
        ("apiVersion: a/b/c\nkind: Pod\nmetadata: {name: a}", "app.yaml:1: apiVersion: expected v1, or group/version"),
        ("apiVersion: v1\nkind: pod\nmetadata: {name: a}", "app.yaml:1: kind: expected letters and digits, a capital first"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a/b}", "app.yaml:1: metadata.name: expected a name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: ..}", "app.yaml:1: metadata.name: expected a name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: A}", "app.yaml:1: metadata.namespace: expected the name of a namespace"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}", "app.yaml:1: Pod/a is in no namespace; say metadata.namespace"),
        ("apiVersion: v1\nkind: Node\nmetadata: {name: a, namespace: b}", "app.yaml:1: metadata.namespace: a Node is in no namespace"),
        ("apiVersion: v1\nkind: List\nitems: 3", "app.yaml:1: items: expected a list of objects"),
        (CONFIG + "---\n" + CONFIG, "app.yaml:6: ConfigMap/default/settings is given twice, first at app.yaml:1"),
        (CONFIG.replace("a: b", "a: 1"), "app.yaml:1: data.a: expected text, found a number; put it in quotes"),
        (CONFIG.replace("{a: b}", "[a]"), "app.yaml:1: data: expected a mapping of text"),
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a, namespace: b}",
            "app.yaml:1: this is kustomize's own file",
        ),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused_with_its_place(text: str, problem: str) -> None:
    told = refusal(text)

    assert told[0].startswith(problem)
    assert 1 == len(told)


def test_the_problems_of_all_files_are_told_at_once() -> None:
    files = {"app/a.yaml": "a: [1", "app/b.yaml": CONFIG + "---\nkind: Pod\n", "app/c.yaml": CONFIG}
    with pytest.raises(DocumentError) as caught:
        of(files, "{source: app}")

    assert ["app/a.yaml:2:1", "app/b.yaml:6", "app/b.yaml:6", "app/c.yaml:1"] == [
        line.split(": ")[0] for line in str(caught.value).splitlines()
    ]


def test_two_versions_of_one_object_are_one() -> None:
    text = "apiVersion: example.com/{}\nkind: Widget\nmetadata: {{name: a, namespace: b}}\n---\n"

    assert "is given twice" in refusal(text.format("v1") + text.format("v2"))[0]


def test_an_object_has_an_end() -> None:
    told = refusal(CONFIG.replace("a: b", f"a: {'x' * (3 << 20)}"))

    assert told == [
        "app.yaml:1: ConfigMap/default/settings has 3.0 MiB as JSON, and an API server takes at most 3 MiB; etcd by itself 1.5"
    ]


def test_what_only_the_server_sets_is_left_out() -> None:
    text = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: b
  creationTimestamp: null
  resourceVersion: "1"
  uid: x
  generation: 2
  selfLink: /x
  managedFields: []
  ownerReferences: [{name: c}]
  labels: {trued.dev/owner: other, app: web, gone: null}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: x, trued.dev/adopted: "true"}
status: {}
"""
    assert document(text) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "namespace": "b",
            "ownerReferences": [{"name": "c"}],
            "labels": {"app": "web"},
        },
    }


def test_a_port_of_a_service_gets_its_protocol() -> None:
    """API servers before v1.21 or so refuse to merge ports without one; those of containers they complete."""
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {ports: [{port: 1}, {port: 1, protocol: UDP}]}"
    found = document(text)

    assert isinstance(found, dict)
    assert {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 1, "protocol": "UDP"}]} == found["spec"]


def test_an_empty_address_of_a_service_is_none() -> None:
    """As charts render it: once an address is allocated, a server refuses that it be unset."""
    text = 'apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {clusterIP: "", type: ClusterIP}'
    found = document(text)

    assert isinstance(found, dict)
    assert {"type": "ClusterIP"} == found["spec"]


def test_plain_text_of_a_secret_becomes_data() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {x: eA==, b: eQ==}\nstringData: {b: hunter2, z: ''}"
    found = document(text)

    assert isinstance(found, dict)
    assert {"x": "eA==", "b": base64.b64encode(b"hunter2").decode(), "z": ""} == found["data"]
    assert "stringData" not in found


@pytest.mark.parametrize(
    "part",
    ["data: {x: hunter2}", "stringData: {x: [hunter2]}", "stringData: hunter2", "data: {x: !!int hunter2}"],
)
def test_nothing_of_a_secret_is_in_a_message_or_a_repr(part: str) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\n"

    assert "hunter2" not in "".join(refusal(text + part))
    assert "hunter2" not in repr(expanded(text + "stringData: {x: hunter2}"))


@pytest.mark.parametrize("value", ["true", "12", "[a]"])
def test_labels_and_annotations_are_text(value: str) -> None:
    text = CONFIG.replace("name: settings", f"name: settings, annotations: {{a: x, b/c: {value}}}")

    assert refusal(text)[0].startswith("app.yaml:1: metadata.annotations.b/c: expected text, found a")
