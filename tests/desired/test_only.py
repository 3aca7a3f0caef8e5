"""Sections that are their only entry: `hostname: edge-01`."""

from __future__ import annotations

from typing import ClassVar

import pytest
from jsonschema import Draft202012Validator

from agent.desired.load import load
from agent.desired.look import check_all, render
from agent.desired.schema import document_schema
from agent.documents.nodes import to_plain
from agent.documents.parse import parse
from agent.errors import DocumentError
from agent.model import DesiredState, Drift, ResourceId
from tests.desired import fleet
from tests.desired.fleet import EDGE, Things, ThingSpec, tree
from tests.fakes import FakeTree


class Labels(Things):
    """The one label of a host."""

    section: ClassVar[str] = "label"
    shorthand: ClassVar[str] = "text"
    only: ClassVar[str] = "system"


KINDS = {**fleet.KINDS, "label": Labels()}
LABEL = ResourceId.parse("label:system")


def loaded(commit: FakeTree) -> DesiredState:
    return load(commit, "c0ffee", EDGE, KINDS)


def label(commit: FakeTree) -> ThingSpec:
    spec = loaded(commit).resources[LABEL].spec
    assert isinstance(spec, ThingSpec)
    return spec


def refusal(commit: FakeTree) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        loaded(commit)
    return str(caught.value).split("\n")


def test_the_section_is_the_entry() -> None:
    found = loaded(tree(base__x="things: {a: present}\nlabel: '${site}'\n")).resources

    assert ["thing:a", "label:system"] == list(map(str, found))
    assert "base/x.yaml:2" == found[LABEL].origin
    assert "berlin" == label(tree(base__x="label: '${site}'")).text


def test_it_may_have_the_keys_of_every_entry() -> None:
    found = loaded(
        tree(base__x="things: {a: present}\nlabel: {text: x, needs: ['thing:a'], keep: true, drift: report}")
    ).resources[LABEL]

    assert (frozenset({ResourceId.parse("thing:a")}), True, Drift.REPORT) == (
        found.needs,
        found.keep,
        found.drift,
    )


def test_others_can_need_it() -> None:
    found = loaded(tree(base__x="label: x\nthings: {a: {needs: ['label:system']}}")).resources

    assert frozenset({LABEL}) == found[ResourceId.parse("thing:a")].needs


def test_a_later_layer_wins_key_by_key_and_gives_the_origin() -> None:
    commit = tree(
        base__x="label: {text: base, size: 3}\n", hosts__edge_01__x="\nlabel: {text: edge, tags: {a: b}}\n"
    )
    spec = label(commit)

    assert ("edge", 3, {"a": "b"}) == (spec.text, spec.size, spec.tags)
    assert "hosts/edge-01/x.yaml:2" == loaded(commit).resources[LABEL].origin


def test_a_bare_word_replaces_all_of_it() -> None:
    commit = tree(base__x="label: {text: base, size: 3}\n", hosts__edge_01__x="label: edge\n")

    assert ("edge", 1) == (label(commit).text, label(commit).size)


@pytest.mark.parametrize("nothing", ["null", ""])
def test_null_takes_it_away(nothing: str) -> None:
    commit = tree(base__x="label: base\n", hosts__edge_01__x=f"label: {nothing}\n")

    assert {} == loaded(commit).resources


def test_null_takes_a_key_of_it_away() -> None:
    commit = tree(base__x="label: {text: base, size: 3}\n", hosts__edge_01__x="label: {size: null}\n")

    assert ("base", 1) == (label(commit).text, label(commit).size)


def test_null_where_nothing_is_takes_nothing_away() -> None:
    assert {} == loaded(tree(base__x="label: null")).resources


def test_twice_in_one_layer_names_both_places() -> None:
    commit = tree(base__x="label: a\n", base__y="things: {}\nlabel: b\n")

    assert ["base/y.yaml:2:1: label: this entry is given twice, first at base/x.yaml:1:1"] == refusal(commit)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("label: {siez: 3}", "base/x.yaml:1:9: label.siez: unknown key; did you mean 'size'?"),
        ("label:\n  size: big", "base/x.yaml:2:9: label.size: expected a whole number, found text 'big'"),
        ("label: {size: 101}", "base/x.yaml:1:8: label: size: expected at most 100"),
        ("label: [a]", "base/x.yaml:1:8: label: expected a mapping, found a list"),
        ("label: '${stie}'", "base/x.yaml:1:8: label: unknown variable 'stie'; did you mean 'site'?"),
        ("label: {keep: 1}", "base/x.yaml:1:15: label.keep: expected true or false, found the number '1'"),
        ("label: {source: nope}", "base/x.yaml:1:1: label: source: there is no base/nope"),
        (
            "label: {text: x, needs: ['thing:c']}",
            "base/x.yaml:1:26: label.needs[0]: there is no thing:c among what this host is declared to have",
        ),
        (
            "label: {needs: ['label:system']}",
            "base/x.yaml:1:1: label: waits for itself: label:system needs label:system",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, line: str) -> None:
    assert [line] == refusal(tree(base__x=text))


def test_what_is_wrong_is_found_in_a_check_of_all_hosts() -> None:
    commit = tree(base__x="label: {size: 101}", roles__arm__x="", roles__canary__x="")

    with pytest.raises(DocumentError, match=r"^base/x\.yaml:1:8: label: size: expected at most 100$"):
        check_all(commit, KINDS, {}, {})


@pytest.mark.parametrize(
    ("text", "shown"),
    [("'${site}'", "berlin"), ("{text: '${site}', size: 3}", {"text": "berlin", "size": 3})],
)
def test_it_is_rendered_in_the_form_in_which_it_is_written(text: str, shown: object) -> None:
    rendered = render(tree(base__x=f"label: {text}\nthings: {{a: present}}"), EDGE, KINDS)

    assert {"things": {"a": "present"}, "label": shown} == rendered.declared
    assert {"things.a": "base/x.yaml:2", "label": "base/x.yaml:1"} == rendered.origins


def test_what_was_taken_away_is_not_rendered() -> None:
    commit = tree(base__x="label: base\n", hosts__edge_01__x="label: null\n")

    assert {} == render(commit, EDGE, KINDS).declared


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("label: x", True),
        ("label: 1.10", True),
        ("label: null", True),
        ("label: '${x}'", True),
        ("label: {size: 3, needs: ['thing:a']}", True),
        ("label: {size: null}", True),
        ("label: {siez: 3}", False),
        ("label: {a: {size: 3}}", False),
        ("label: [a]", False),
    ],
)
def test_an_editor_is_told_what_trued_would_say(text: str, valid: bool) -> None:
    node = parse(text.encode(), "x.yaml")
    assert node is not None

    assert valid == Draft202012Validator(document_schema(KINDS)).is_valid(to_plain(node))
