"""Names of objects, and the label of who keeps them."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import HostError
from agent.host.kubernetes.objects import LABEL, marked, owner_of, renamed
from agent.model import Named

# Names


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("apps/Deployment/default/web", Named("apps", "Deployment", "default", "web")),
        ("ConfigMap/default/settings", Named("", "ConfigMap", "default", "settings")),
        ("Namespace/shop", Named("", "Namespace", "", "shop")),
        (
            "rbac.authorization.k8s.io/ClusterRole/system:node",
            Named("rbac.authorization.k8s.io", "ClusterRole", "", "system:node"),
        ),
        ("a.b/K/Odd.Name", Named("a.b", "K", "", "Odd.Name")),
    ],
)
def test_a_name_says_what_it_is_of(text: str, named: Named) -> None:
    assert named == Named.parse(text)
    assert text == str(named)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web",
        "apps/deployment/web",
        "Namespace",
        "apps/Namespace",
        "Namespace/",
        "/Kind/x",
        "K/a/b/c",
        "a/K/b/c/d",
        "K//x",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected group/Kind/namespace/name"):
        Named.parse(text)


# The mark of the host


@pytest.mark.parametrize("host", ["edge-01", "a", "db.example.com", "x" * 63])
def test_a_host_is_called_by_its_name(host: str) -> None:
    assert host == owner_of(host)


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", fullmatch=True))
def test_any_host_name_becomes_the_value_of_a_label(host: str) -> None:
    assert LABEL.fullmatch(owner_of(host))


def test_two_long_names_stay_two() -> None:
    one, two = owner_of("x" * 100 + "1"), owner_of("x" * 100 + "2")

    assert one != two
    assert len(one) == 63 or len(one) <= 63
    assert one.startswith("x" * 50)


def test_marks_are_put_on_a_copy() -> None:
    declared: dict[str, Any] = {
        "kind": "ConfigMap",
        "metadata": {"name": "x", "labels": {"a": "b"}, "annotations": None},
    }
    before = copy.deepcopy(declared)

    labels = {"a": "b", "trued.dev/owner": "edge-01"}
    assert {"name": "x", "labels": labels, "annotations": {"trued.dev/adopted": "true"}} == marked(
        declared, "edge-01", adopted=True
    )["metadata"]
    assert labels == marked(declared, "edge-01", adopted=False)["metadata"]["labels"]
    assert before == declared
    with pytest.raises(HostError, match="expected a mapping as labels"):
        marked({"metadata": {"labels": ["a"]}}, "edge-01", adopted=False)


@pytest.mark.parametrize(
    "name", ["web", "a" * 63, "a" * 253, "a" * 56 + "-b", f"{'a' * 56}.{'b' * 100}", "system:node"]
)
def test_another_name_is_one_wherever_the_first_is(name: str) -> None:
    found = renamed({"metadata": {"name": name}})["metadata"]["name"]

    assert found != name
    assert len(found) <= 63
    assert re.fullmatch("[a-z0-9]([a-z0-9.:-]*[a-z0-9])?", found)
    assert not re.search("[.:-]-trued", found)
