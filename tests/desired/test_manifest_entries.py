"""Entries of `manifests` in a whole commit: what becomes of their objects, and where problems are told."""

from __future__ import annotations

import pytest

from agent.desired.load import load
from agent.errors import DocumentError
from agent.kinds import discover
from agent.model import DesiredState, ResourceId
from tests.desired.fleet import EDGE, tree

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: shop}\ndata: {at: '${site}', plain: '$${x}'}\n"


def loaded(entries: str, **files: str) -> DesiredState:
    below = {f"base__manifests__{name}": text for name, text in files.items()}
    commit = tree(base__a=entries, base__vars="site: berlin\n", **below)
    return load(commit, "c0ffee", EDGE, discover())


def refusal(entries: str, **files: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        loaded(entries, **files)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        ("manifests/app.yaml", {"at": "${site}", "plain": "$${x}"}),
        ("{source: manifests/app.yaml, substitute: true}", {"at": "berlin", "plain": "${x}"}),
    ],
)
def test_dollars_are_variables_where_the_entry_says_so(entry: str, data: object) -> None:
    found = loaded(f"manifests: {{app: {entry}}}", app=OBJECT.replace("NAME", "a")).resources
    (one,) = found.values()

    assert data == one.spec.document["data"]  # type: ignore[attr-defined]


def test_what_needs_an_entry_needs_all_of_its_objects() -> None:
    text = f"{OBJECT.replace('NAME', 'a')}---\n{OBJECT.replace('NAME', 'b')}"
    entries = "manifests: {app: manifests/app.yaml}\nfiles: {/etc/x: {content: x, needs: ['manifest:app']}}"
    found = loaded(entries, app=text).resources

    needs = {str(need) for need in found[ResourceId("file", "/etc/x")].needs}
    assert {"manifest:ConfigMap/shop/a", "manifest:ConfigMap/shop/b"} <= needs


def test_an_object_of_two_entries_is_refused() -> None:
    told = refusal(
        "manifests: {one: manifests/one.yaml, two: manifests/two.yaml}",
        one=OBJECT.replace("NAME", "a"),
        two=OBJECT.replace("NAME", "a"),
    )
    assert [told[0]] == told
    assert "manifest:ConfigMap/shop/a would come from here and from base/a.yaml:1:13" in told[0]


def test_problems_of_files_are_told_with_the_entry_that_names_them() -> None:
    told = refusal(
        "manifests: {one: {source: manifests/one.yaml, substitute: true}, two: manifests/two.yaml}",
        one="a: ${nope}\n",
        two="kind: Pod\n",
    )
    assert (
        "base/manifests/one.yaml:1:4: a: unknown variable 'nope' (for manifest:one, base/a.yaml:1)" in told
    )
    assert "base/manifests/two.yaml:1: there is no apiVersion (for manifest:two, base/a.yaml:1)" in told
