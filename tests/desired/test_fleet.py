"""fleet.yaml: which hosts there are, and which layers each of them gets."""

from __future__ import annotations

import pytest

from agent.errors import RefusedError
from agent.model import Identity
from tests.desired.fleet import EDGE, FLEET, ids, loaded, refusal, tree
from tests.fakes import FakeTree


@pytest.mark.parametrize(
    ("identity", "names"),
    [
        (EDGE, ["thing:base", "thing:kiosk"]),
        (Identity(host="db-1", labels={"ring": "canary"}), ["thing:base", "thing:canary"]),
        (Identity(host="db-1", facts={"arch": "armv7l"}), ["thing:base", "thing:arm"]),
        (Identity(host="db-1", facts={"arch": ["x", "aarch64"]}), ["thing:base", "thing:arm"]),
        (Identity(host="edge-02"), ["thing:base", "thing:kiosk", "thing:own"]),
    ],
)
def test_a_host_gets_the_layers_that_fit(identity: Identity, names: list[str]) -> None:
    commit = tree(
        base__x="things: {base: present}",
        roles__kiosk__x="things: {kiosk: present}",
        roles__arm__x="things: {arm: present}",
        roles__canary__x="things: {canary: present}",
        hosts__edge_02__x="things: {own: present}",
    )

    assert names == ids(commit, identity)


def test_a_layer_may_be_chosen_by_letters_of_the_host() -> None:
    fleet = b'hosts: ["*"]\nlayers: ["hosts/{host:2}/{host}"]'

    assert ["thing:a"] == ids(tree(fleet=fleet, hosts__ed__edge_01__x="things: {a: present}"))


def test_the_root_of_the_repository_may_be_a_layer() -> None:
    """Its fleet.yaml is then no state document."""
    commit = tree(fleet=b"hosts: ['*']\nlayers: ['.']", site="things: {a: present}")

    assert ["thing:a"] == ids(commit)


def test_a_host_that_is_not_listed_is_refused() -> None:
    with pytest.raises(RefusedError, match="'web-1' matches none of the hosts listed") as caught:
        loaded(tree(), Identity(host="web-1"))

    assert "hosts in fleet.yaml" in caught.value.hint


def test_a_missing_layer_is_told_where_fleet_yaml_names_it() -> None:
    commit = tree(fleet=b"hosts: ['*']\nlayers:\n  - base\n  - nope\n")

    assert ["fleet.yaml:4:5: layers: there is no folder 'nope' in the commit"] == refusal(commit)


def test_a_missing_fleet_file_is_told() -> None:
    (line,) = refusal(tree(fleet=None))
    assert line.startswith("fleet.yaml:1:1: there is no such file")


@pytest.mark.parametrize(
    ("fleet", "line"),
    [
        ("", "fleet.yaml:1:1: key 'hosts' is missing"),
        ("hosts: a\nlayers: []", "fleet.yaml:1:8: hosts: expected a list, found text 'a'"),
        ("hosts: []\nlayer: []\nlayers: []", "fleet.yaml:2:1: layer: unknown key; did you mean 'layers'?"),
        (
            "hosts: []\nlayers: [../x]",
            "fleet.yaml:2:10: layers[0]: expected a path below the document's own folder, without '..', got '../x'",
        ),
        (
            "hosts: []\nlayers: ['{hots}']",
            "fleet.yaml:2:10: layers[0]: expected {host} or {host:2} where braces are, got '{hots}'",
        ),
        (
            "hosts: []\nlayers: [{path: a, when: {arch: b}}]",
            "fleet.yaml:2:27: layers[0].when.arch: unknown key; expected host, labels.NAME or facts.NAME",
        ),
        (
            "hosts: []\nlayers: [{path: a, when: {host: {}}}]",
            "fleet.yaml:2:33: layers[0].when.host: expected a value, a glob or a list of them, found a mapping",
        ),
        (
            "hosts: []\nlayers: []\nvars: {host: x}",
            "fleet.yaml:3:8: vars.host: this name is trued's own; choose another",
        ),
    ],
)
def test_what_is_wrong_with_the_fleet_file_is_told(fleet: str, line: str) -> None:
    assert line in refusal(tree(fleet=fleet.encode()))


def test_a_name_with_a_glob_character_is_no_glob() -> None:
    fleet = FLEET.replace(b'"edge-*", db-1', b'"edge-0[12]"')

    assert [] == ids(tree(fleet=fleet))
    with pytest.raises(RefusedError):
        loaded(tree(fleet=fleet), Identity(host="edge-03"))


def test_layers_and_documents_are_bounded() -> None:
    many = FakeTree(files={**tree().files, **{f"base/d{number}.yaml": b"" for number in range(1001)}})
    layers = b"hosts: ['*']\nlayers: [" + b"base, " * 201 + b"]"

    assert ["base:1:1: expected at most 1000 documents in a layer; split it up"] == refusal(many)
    assert ["fleet.yaml:2:9: layers: expected at most 200 layers"] == refusal(tree(fleet=layers))
