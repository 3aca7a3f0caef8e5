"""Who owns which field, and what goes when fields are taken over. tests/kube/test_taking_over.py holds it against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.fields import names, owners, paths, removed, without

WEB = 'k:{"name":"web"}'
SIDE = 'k:{"name":"side"}'


def entry(manager: str, fields: dict[str, Any], operation: str = "Update", **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}, **more}


def gone(*entries: dict[str, Any]) -> set[str]:
    """Return what goes, below spec, as text."""
    return {" ".join(path[1:]) for path in removed(entries)}


OURS = entry(
    "trued", {"f:list": {WEB: {".": {}, "f:name": {}, "f:image": {}}}, "f:map": {"f:a": {}}}, "Apply"
)


def test_paths_are_the_leaves_and_what_has_a_dot() -> None:
    fields = {"f:list": {".": {}, WEB: {".": {}, "f:name": {}}}, "f:set": {'v:"x"': {}}}
    assert paths(fields) == {
        ("f:list",),
        ("f:list", WEB),
        ("f:list", WEB, "f:name"),
        ("f:set", 'v:"x"'),
    }


def test_owners_are_told_by_path() -> None:
    found = owners([entry("a", {"f:x": {}}), entry("b", {"f:x": {}, "f:y": {}})])
    assert found == {("f:spec", "f:x"): ["a", "b"], ("f:spec", "f:y"): ["b"]}


def test_what_is_declared_stays() -> None:
    """kubectl and Git say the same: nothing goes."""
    assert gone(OURS, entry("kubectl-edit", OURS["fieldsV1"]["f:spec"])) == set()


def test_what_only_a_tool_has_set_goes() -> None:
    assert gone(OURS, entry("kubectl-edit", {"f:map": {"f:a": {}, "f:b": {}}, "f:other": {}})) == {
        "f:map f:b",
        "f:other",
    }


def test_what_a_controller_has_set_too_stays() -> None:
    """A HorizontalPodAutoscaler goes on deciding how many there are."""
    scaler = entry("kube-controller-manager", {"f:replicas": {}})
    assert gone(OURS, entry("kubectl", {"f:replicas": {}}), scaler) == set()


def test_what_nobody_takes_over_stays() -> None:
    """Neither a living controller's fields nor a subresource's are looked at."""
    scaled = entry("kubectl", {"f:replicas": {}}, subresource="scale")
    assert gone(OURS, entry("istio", {"f:other": {}}), scaled) == set()


def test_an_item_goes_as_a_whole() -> None:
    """Not field by field: a container without a name is none."""
    side = {SIDE: {".": {}, "f:name": {}, "f:image": {}}}
    assert gone(OURS, entry("kubectl-patch", {"f:list": side})) == {f"f:list {SIDE}"}


def test_an_item_that_was_only_changed_stays() -> None:
    assert gone(OURS, entry("kubectl-set", {"f:list": {WEB: {"f:tty": {}}}})) == {f"f:list {WEB} f:tty"}


def test_a_field_goes_as_a_whole_where_nobody_else_has_anything_in_it() -> None:
    """What defaults have put beside it goes along: structured-merge-diff takes away the field itself."""
    probe = {"f:probe": {"f:httpGet": {"f:path": {}, "f:port": {}}, "f:periodSeconds": {}}}
    assert gone(OURS, entry("kubectl-edit", {"f:list": {WEB: probe}})) == {f"f:list {WEB} f:probe"}


def test_a_map_that_we_need_stays_though_a_tool_has_made_it() -> None:
    assert gone(OURS, entry("kubectl-create", {"f:map": {".": {}, "f:a": {}, "f:b": {}}})) == {"f:map f:b"}


def test_what_goes_is_taken_away() -> None:
    """Items by their keys, members of a set by value, and what is empty without them."""
    object_ = {
        "metadata": {"finalizers": ["a.b/c", "d.e/f"], "labels": {"x": "y"}},
        "spec": {"list": [{"name": "web", "tty": True}, {"name": "side"}], "places": [1, 2], "on": False},
    }
    away = [
        ("f:metadata", "f:finalizers", 'v:"a.b/c"'),
        ("f:metadata", "f:labels", "f:x"),
        ("f:spec", "f:list", WEB, "f:tty"),
        ("f:spec", "f:list", SIDE),
        ("f:spec", "f:places", "i:0"),
        ("f:spec", "f:missing", "f:too"),
    ]
    assert without(object_, away) == {
        "metadata": {"finalizers": ["d.e/f"]},
        "spec": {"list": [{"name": "web"}], "places": [2], "on": False},
    }
    assert object_["metadata"]["labels"] == {"x": "y"}  # the one that was given is as before


@pytest.mark.parametrize(
    ("step", "item", "is_it"),
    [
        (WEB, {"name": "web", "image": "x"}, True),
        (WEB, {"name": "side"}, False),
        (WEB, "web", False),
        ('k:{"port":80,"protocol":"TCP"}', {"port": 80, "protocol": "TCP"}, True),
        ('k:{"port":80,"protocol":"TCP"}', {"port": 80}, False),
        ('v:"x"', "x", True),
        ("i:3", "anything", True),
        ("i:2", "anything", False),
        ("k:{broken", {}, False),
        ("f:name", {"name": "web"}, False),
    ],
)
def test_a_step_names_an_item(step: str, item: object, is_it: bool) -> None:
    assert names(step, item, 3) is is_it


TREES = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(st.sampled_from(["f:a", "f:b", "f:c", WEB, SIDE, "."]), below, max_size=4),
    max_leaves=12,
)


@given(TREES, TREES, TREES)
def test_nothing_goes_that_somebody_else_has(ours: Any, tool: Any, other: Any) -> None:
    """Fields that are declared, or another's, are never taken away as such, whatever a tool has left."""
    entries = [entry("trued", ours, "Apply"), entry("kubectl", tool), entry("controller", other)]
    kept = {path for path in paths({"f:spec": ours}) | paths({"f:spec": other}) if path[-1].startswith("f:")}
    assert not removed(entries) & kept


@given(TREES, TREES)
def test_what_is_taken_from_nobody_is_nothing(ours: Any, other: Any) -> None:
    assert not removed([entry("trued", ours, "Apply"), entry("controller", other)])
