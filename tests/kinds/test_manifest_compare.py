"""In what two objects differ, as a person reads it, and what a person is shown of them."""

from __future__ import annotations

import copy
from typing import Any

from agent.kinds.manifest.compare import differences, sentence
from agent.kinds.manifest.masks import shown

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "uid": "1",
        "resourceVersion": "7",
        "labels": {"app.kubernetes.io/name": "web"},
    },
    "spec": {
        "replicas": 3,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "nginx:1",
                        "args": ["-v", "-x"],
                        "ports": [{"containerPort": 80}],
                    },
                    {"name": "side", "image": "side:1", "env": [{"name": "A", "value": "hush"}]},
                ]
            }
        },
    },
    "status": {"replicas": 3},
}


def changed(**edits: Any) -> dict[str, Any]:
    """Return WEB with values at dotted paths, written with __ for a dot; a number is a place in a list."""
    made = copy.deepcopy(WEB)
    for path, value in edits.items():
        *above, last = path.split("__")
        node: Any = made
        for step in above:
            node = node[int(step) if step.isdigit() else step]
        node[int(last) if last.isdigit() else last] = value
    return made


def places(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [each.path for each in differences(before, after)]


def test_what_is_only_the_servers_makes_no_difference() -> None:
    """A dry run raises the generation and has no status; that is no drift."""
    after = changed(
        metadata__resourceVersion="9", metadata__generation=4, status={}, metadata__annotations={}
    )
    assert places(WEB, after) == []


def test_paths_are_those_that_a_person_would_write() -> None:
    """Items of lists are named by what tells them apart, keys with odd signs stand in brackets."""
    after = changed(spec__replicas=1, spec__template__spec__containers__0__image="nginx:2")
    after["metadata"]["labels"]["app.kubernetes.io/name"] = "shop"
    after["spec"]["template"]["spec"]["containers"][1]["env"][0]["value"] = "louder"
    assert places(WEB, after) == [
        "metadata.labels[app.kubernetes.io/name]",
        "spec.replicas",
        "spec.template.spec.containers[name=web].image",
        "spec.template.spec.containers[name=side].env[name=A].value",
    ]


def test_a_whole_item_that_comes_or_goes_is_one_difference() -> None:
    after = copy.deepcopy(WEB)
    after["spec"]["template"]["spec"]["containers"][1] = {"name": "other", "image": "x"}
    gone, come = differences(WEB, after)
    assert (gone.path, gone.after) == ("spec.template.spec.containers[name=side]", None)
    assert (come.path, come.before) == ("spec.template.spec.containers[name=other]", None)


def test_an_order_that_differs_is_told() -> None:
    """It is not put aside: the server keeps the order of containers."""
    after = copy.deepcopy(WEB)
    after["spec"]["template"]["spec"]["containers"].reverse()
    assert places(WEB, after) == ["spec.template.spec.containers (their order)"]


def test_one_port_number_with_two_protocols_is_two_ports() -> None:
    before, after = copy.deepcopy(WEB), copy.deepcopy(WEB)
    both = [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]
    before["spec"]["template"]["spec"]["containers"][0]["ports"] = both[:1]
    after["spec"]["template"]["spec"]["containers"][0]["ports"] = both
    assert places(before, after) == [
        "spec.template.spec.containers[name=web].ports[containerPort=53,protocol=UDP]"
    ]


def test_lists_without_keys_are_compared_by_place_and_scalars_as_a_whole() -> None:
    before = {"rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}
    after = {"rules": [{"verbs": ["get"]}, {"verbs": ["list", "watch"]}, {"verbs": ["delete"]}]}
    assert places(before, after) == ["rules[1].verbs", "rules[2]"]


def test_who_has_changed_it_is_told_and_never_what_it_says() -> None:
    """A person finds out whose edit is taken back, from managedFields; a report must not hold content."""
    side = {'k:{"name":"side"}': {"f:env": {'k:{"name":"A"}': {"f:value": {}}}}}
    before = changed(
        metadata__managedFields=[
            {"manager": "trued", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {
                "manager": "patcher",
                "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": side}}}},
            },
        ]
    )
    after = changed(spec__replicas=1, spec__template__spec__containers__0__args=["-v"])
    after["spec"]["template"]["spec"]["containers"][1]["env"][0]["value"] = "louder"
    said = sentence(differences(before, after))
    assert said == (
        "spec.replicas (set by kubectl-edit), spec.template.spec.containers[name=web].args, "
        "spec.template.spec.containers[name=side].env[name=A].value (set by patcher)"
    )
    assert "hush" not in repr(differences(before, after))


def test_a_sentence_is_short() -> None:
    found = differences({"data": {f"k{n}": 1 for n in range(9)}}, {"data": {}})
    assert sentence(found) == "data.k0, data.k1, data.k2, data.k3, data.k4 and 4 more"


def secret(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "uid": "1"}, "data": data}


def test_a_secret_shows_what_changes_and_not_what_it_is() -> None:
    """As `kubectl diff` masks it."""
    seen = shown(
        secret(same="eA==", other="eQ==", gone="eg=="), secret(same="eA==", other="dw==", new="dg==")
    )
    assert seen.before
    assert seen.after
    assert seen.before["data"] == {"same": "***", "other": "*** (before)", "gone": "***"}
    assert seen.after["data"] == {"same": "***", "other": "*** (after)", "new": "***"}
    assert seen.before["metadata"] == {"name": "s"}


def test_annotations_that_repeat_a_secret_are_masked_too() -> None:
    old, new = secret(), secret()
    old["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "x"}
    new["metadata"]["annotations"] = {"trued.dev/adopted": "true", "note": "y"}
    seen = shown(old, new)
    assert seen.before
    assert seen.after
    assert seen.before["metadata"]["annotations"] == {
        "kubectl.kubernetes.io/last-applied-configuration": "***",
        "note": "*** (before)",
    }
    assert seen.after["metadata"]["annotations"] == {"trued.dev/adopted": "true", "note": "*** (after)"}


def test_a_secret_that_is_written_wrongly_is_no_less_secret() -> None:
    """Nobody has checked it yet, where its namespace is only to come."""
    seen = shown(None, {"kind": "Secret", "metadata": {"name": "s"}, "stringData": "hush", "data": ["hush"]})
    assert seen.after == {"kind": "Secret", "metadata": {"name": "s"}, "stringData": "***", "data": "***"}


def test_other_objects_are_shown_as_they_are() -> None:
    seen = shown(WEB, None)
    assert seen.after is None
    assert seen.before
    assert seen.before["spec"] == WEB["spec"]
    assert "status" not in seen.before
