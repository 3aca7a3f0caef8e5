"""A commit into what one host should be."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import DocumentError
from agent.model import Drift, ResourceId, TreePath
from tests.desired.fleet import ids, loaded, of, refusal, tree
from tests.fakes import FakeTree
from tests.properties import patient

THING = ResourceId.parse("thing:a")


def test_entries_become_resources_with_origin_and_digest() -> None:
    commit = tree(base__x="things:\n  a: {size: 3}\n  b: absent\n")
    resources = loaded(commit).resources

    assert ["thing:a", "thing:b"] == list(map(str, resources))
    assert "base/x.yaml:2" == resources[THING].origin
    assert 64 == len(resources[THING].digest)
    assert "absent" == of(commit, "thing:b").state


def test_equal_declarations_have_equal_digests() -> None:
    first = loaded(tree(base__x="things: {a: {size: 3}, b: {size: 3}, c: {size: 4}}")).resources
    digests = [resource.digest for resource in first.values()]

    assert digests[0] == digests[1] != digests[2]


def test_a_later_layer_wins_key_by_key_and_gives_the_origin() -> None:
    commit = tree(
        base__x="things:\n  a: {size: 3, text: base}\n  b: {text: base}\n",
        roles__kiosk__x="things:\n  a: {text: kiosk}\n",
        hosts__edge_01__x="things:\n\n  a: {tags: {x: y}}\n",
    )
    spec = of(commit, "thing:a")

    assert (3, "kiosk", {"x": "y"}) == (spec.size, spec.text, spec.tags)
    assert "hosts/edge-01/x.yaml:3" == loaded(commit).resources[THING].origin
    assert "base/x.yaml:3" == loaded(commit).resources[ResourceId.parse("thing:b")].origin


def test_null_takes_an_inherited_entry_or_key_away() -> None:
    commit = tree(
        base__x="things:\n  a: {size: 3}\n  b: {size: 3, text: t}\n",
        hosts__edge_01__x="things:\n  a: null\n  b: {size: null}\n",
    )

    assert ["thing:b"] == ids(commit)
    assert (1, "t") == (of(commit, "thing:b").size, of(commit, "thing:b").text)


def test_a_section_that_is_empty_takes_nothing_away() -> None:
    """Its entries may all be commented out; that must not remove what other layers declare."""
    commit = tree(base__x="things:\n  a: present\n", hosts__edge_01__x="things:\n#  b: present\n")

    assert ["thing:a"] == ids(commit)


def test_empty_documents_are_fine() -> None:
    assert [] == ids(tree(base__x="", base__y="# nothing\n", base__z="{}"))


def test_an_entry_twice_in_one_layer_names_both_places() -> None:
    commit = tree(base__x="things:\n  a: present\n", base__y="things:\n  b: present\n  a/: absent\n")

    assert ["base/y.yaml:3:3: things.a: this entry is given twice, first at base/x.yaml:2:3"] == refusal(
        commit
    )


def test_an_entry_twice_by_a_variable_names_both_places() -> None:
    commit = tree(base__x="things:\n  berlin: present\n  '${site}': absent\n")

    assert [
        "base/x.yaml:3:3: things.berlin: this entry is given twice, first at base/x.yaml:2:3"
    ] == refusal(commit)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("thigns: {}", "base/x.yaml:1:1: thigns: unknown section; did you mean 'things'?"),
        ("cars: {}", "base/x.yaml:1:1: cars: unknown section; expected one of things, scripts, compose"),
        ("[a]", "base/x.yaml:1:1: expected a mapping of sections, found a list"),
        ("things: [a]", "base/x.yaml:1:9: things: expected a mapping of entries, found a list"),
        ("things: {a b: present}", "base/x.yaml:1:10: things.a b: expected a name of letters, dashes and slashes"),
        ("things: {a: {siez: 3}}", "base/x.yaml:1:14: things.a.siez: unknown key; did you mean 'size'?"),
        ("things: {a: {size: big}}", "base/x.yaml:1:20: things.a.size: expected a whole number, found text 'big'"),
        ("things: {a: {size: 101}}", "base/x.yaml:1:13: things.a: size: expected at most 100"),
        ("things: {a: there}", "base/x.yaml:1:13: things.a.state: expected one of present, absent, found text 'there'"),
        ("things: {a: {drift: never}}", "base/x.yaml:1:21: things.a.drift: expected one of correct, report, ignore, found text 'never'"),
        ("things: {a: {keep: 1}}", "base/x.yaml:1:20: things.a.keep: expected true or false, found the number '1'"),
        ("things: {a: {source: nope}}", "base/x.yaml:1:10: things.a: source: there is no base/nope"),
        ("things: {a: {text: '${stie}'}}", "base/x.yaml:1:20: things.a.text: unknown variable 'stie'; did you mean 'site'?"),
        (
            "things: {b: present, a: {needs: ['thing:c']}}",
            "base/x.yaml:1:34: things.a.needs[0]: there is no thing:c among what this host is declared to have; did you mean 'thing:b'?",
        ),
        (
            "things: {a: {needs: [b]}}",
            "base/x.yaml:1:22: things.a.needs[0]: expected kind:name, as in file:/etc/motd, got 'b'",
        ),
        (
            "things: {a: {needs: ['thing:b']}, b: {restart_on: ['thing:c']}, c: {needs: ['thing:a']}}",
            "base/x.yaml:1:10: things.a: waits for itself: thing:a needs thing:b needs thing:c needs thing:a",
        ),
        (
            "things: {x: {parts: [p]}, x/: present}",
            "base/x.yaml:1:27: things.x: this entry is given twice, first at base/x.yaml:1:10",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_document_is_told(text: str, line: str) -> None:
    assert [line] == refusal(tree(base__x=text))


def test_the_problems_of_all_documents_are_told_at_once() -> None:
    commit = tree(
        base__x="things: {a: {size: big}}",
        base__y="things: [",
        roles__kiosk__z="things: {b: {needs: ['thing:zzz']}, c: {text: '${nope}'}}",
    )

    files = [line.split(":")[0] for line in refusal(commit)]
    assert ["base/x.yaml", "base/y.yaml", "roles/kiosk/z.yaml", "roles/kiosk/z.yaml"] == files


def test_an_entry_with_a_problem_is_still_known_to_those_that_need_it() -> None:
    commit = tree(base__x="things: {a: {size: big}, b: {needs: ['thing:a']}}")

    assert 1 == len(refusal(commit))


def test_what_every_entry_may_carry_is_read() -> None:
    text = "things: {a: {needs: ['thing:b'], keep: true, drift: report, restart_on: ['thing:c'], reload_on: ['thing:d']}, b: present, c: present, d: present}"
    a = loaded(tree(base__x=text)).resources[THING]

    assert frozenset({ResourceId.parse("thing:b")}) == a.needs
    assert frozenset({ResourceId.parse("thing:c")}) == a.restart_on
    assert frozenset({ResourceId.parse("thing:d")}) == a.reload_on
    assert (True, Drift.REPORT) == (a.keep, a.drift)


def test_edges_of_the_kind_are_needs() -> None:
    resources = loaded(tree(base__x="things: {a/b: present, a: present}")).resources

    assert frozenset({THING}) == resources[ResourceId.parse("thing:a/b")].needs


def test_an_order_that_is_declared_turns_round_one_that_is_habit() -> None:
    resources = loaded(tree(base__x="things: {a/b: present, a: {needs: ['thing:a/b']}}")).resources

    assert frozenset() == resources[ResourceId.parse("thing:a/b")].needs
    assert frozenset({ResourceId.parse("thing:a/b")}) == resources[THING].needs


def test_what_is_expanded_gives_way_to_what_is_declared() -> None:
    commit = tree(base__x="things: {a: {parts: [p, q], keep: true}, a/q: {text: mine}}")

    assert ["thing:a", "thing:a/p", "thing:a/q"] == ids(commit)
    assert ("p", "mine") == (of(commit, "thing:a/p").text, of(commit, "thing:a/q").text)
    assert loaded(commit).resources[ResourceId.parse("thing:a/p")].keep


def test_two_that_expand_to_one_name_are_an_error_with_both_places() -> None:
    commit = tree(base__x="things:\n  a: {parts: [b/c]}\n  a/b: {parts: [c]}\n")

    assert [
        (
            "base/x.yaml:3:3: things.a/b: thing:a/b/c would come from here and from base/x.yaml:2:3; "
            "declare it by itself, or take one away"
        )
    ] == refusal(commit)


def test_what_only_follows_comes_once_and_takes_nothing_from_its_entry() -> None:
    text = "things: {d/a: {above: true, keep: true, needs: ['thing:z']}, d/b: {above: true}, z: present}"
    resources = loaded(tree(base__x=text)).resources
    above = resources[ResourceId.parse("thing:d")]

    assert (True, False, frozenset()) == (above.implied, above.keep, above.needs)
    assert ["thing:d", "thing:d/a", "thing:d/b", "thing:z"] == list(map(str, resources))


def test_who_needs_an_entry_needs_all_that_it_stands_for() -> None:
    commit = tree(base__x="things: {a: {parts: [p]}, b: {needs: ['thing:a']}}")

    assert {"thing:a", "thing:a/p"} == set(
        map(str, loaded(commit).resources[ResourceId.parse("thing:b")].needs)
    )


def test_a_template_is_filled_in_from_the_same_names() -> None:
    commit = tree(base__x="things: {a: {source: files/t, template: true}}")
    commit = FakeTree(files={**commit.files, "base/files/t": b"{{ host }} {{ site }} {{ facts.arch }}\n"})
    data = of(commit, "thing:a").data

    assert data is not None
    assert b"edge-01 berlin x86_64\n" == b"".join(data.chunks())


def test_a_template_error_says_its_file_its_line_and_for_what() -> None:
    commit = tree(base__x="things:\n  a: {source: files/t, template: true}\n")
    commit = FakeTree(files={**commit.files, "base/files/t": b"one\n{{ nope }}\n"})

    assert ["base/files/t:2: template: 'nope' is undefined (for thing:a, base/x.yaml:2)"] == refusal(commit)


def test_sections_full_of_dollars_are_left_alone_unless_they_ask() -> None:
    commit = tree(
        base__x="scripts:\n  a: echo ${HOME} $$\n  b: {text: 'echo ${site} $$', substitute: true}\n"
    )

    assert "echo ${HOME} $$" == of(commit, "script:a").text
    assert "echo berlin $" == of(commit, "script:b").text


def test_a_document_that_is_a_link_is_refused() -> None:
    commit = FakeTree(files=tree().files, links={"base/z.yaml": "/etc/passwd"})

    assert ["base/z.yaml:1:1: expected a file, found a symbolic link; links are not followed"] == refusal(
        commit
    )


class Watched(FakeTree):
    """A commit that remembers what was asked of it ahead."""

    rounds: list[frozenset[TreePath]] = []  # noqa: RUF012 # one test's own

    def prefetch(self, paths: frozenset[TreePath]) -> None:
        self.rounds.append(paths)


def test_it_reads_ahead_in_four_requests() -> None:
    files = tree(base__x="things: {a: {source: f}, b: {source: g}}", base__vars="{}").files
    loaded(Watched(files={**files, "base/f": b"", "base/g": b""}))
    fleet, folders, documents, sources = ([str(path) for path in sorted(asked)] for asked in Watched.rounds)

    assert ["fleet.yaml"] == fleet
    assert ["base/vars.yaml", "hosts/edge-01/vars.yaml", "roles/kiosk/vars.yaml"] == folders
    assert ["base/nothing.yaml", "base/vars.yaml", "base/x.yaml", "roles/kiosk/nothing.yaml"] == documents
    assert ["base/f", "base/g"] == sources


PIECES = st.sampled_from(
    [
        "a",
        "b/c",
        "things",
        "scripts",
        "size",
        "text",
        "needs",
        "keep",
        "drift",
        "${site}",
        "${",
        "thing:a",
        "nope",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 200) | PIECES | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PIECES, inner, max_size=4),
    max_leaves=12,
)


@patient
@given(st.dictionaries(st.just("things") | PIECES, VALUES, max_size=3), VALUES, VALUES)
def test_any_document_is_loaded_or_refused_with_places(
    base: object, host: object, variables: object
) -> None:
    """Whatever stands in the documents: a state that is sound, or one line with a place for each problem."""
    texts = {
        name: json.dumps(value)
        for name, value in (("base__x", base), ("hosts__edge_01__x", host), ("base__vars", variables))
    }
    try:
        state = loaded(tree(**texts))
    except DocumentError as error:
        lines = str(error).split("\n")
        assert [] == [line for line in lines if not re.match(r"[a-z0-9/.-]+:\d+:\d+: .", line)]
    else:
        assert [] == [one for one in state.resources.values() if not one.needs <= state.resources.keys()]
