"""YAML text into nodes: what it means, where it stands, and what is refused."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.documents import events as module
from agent.documents.nodes import Map, Node, Place, Plain, Scalar, Seq, Spelled, from_plain, to_plain
from agent.documents.parse import MAX_BYTES, MAX_DEPTH, MAX_NODES, parse
from agent.errors import ConfigError, DocumentError
from tests.properties import patient, thorough


def plain(text: str) -> Plain:
    node = parse(text.encode(), "f.yaml")
    return None if node is None else to_plain(node)


def refusal(data: bytes | str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse(data.encode() if isinstance(data, str) else data, "f.yaml")
    return str(caught.value)


def problems(data: bytes) -> list[str]:
    try:
        parse(data, "f.yaml")
    except DocumentError as error:
        return str(error).split("\n")
    return []


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("+12", 12),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("1.5e3", 1500.0),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(spelled: str, value: Plain) -> None:
    assert {"a": value} == plain(f"a: {spelled}")


@pytest.mark.parametrize(
    "spelled",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "True",
        "TRUE",
        "Null",
        "0644",
        "0o644",
        "0x1f",
        "12:30:45",
        "1e3",
        "2020-01-01",
        ".inf",
        ".nan",
        "1_000",
        "1.2.3",
        "007",
    ],
)
def test_what_other_readers_trip_over_stays_text(spelled: str) -> None:
    assert {"a": spelled} == plain(f"a: {spelled}")


def test_a_number_too_long_to_be_one_stays_text() -> None:
    """Python raises for 5,000 digits, and a float would be infinite."""
    assert {"a": "9" * 5000, "b": "9" * 400 + ".5"} == plain(f"a: {'9' * 5000}\nb: {'9' * 400}.5")


def test_a_quoted_scalar_is_text() -> None:
    assert ["1", "true", "", "~", "a\tb"] == plain("['1', \"true\", '', '~', \"a\\tb\"]")


def test_every_scalar_keeps_its_spelling() -> None:
    node = parse(b"[1.10, no, 0644, +5]", "f.yaml")

    assert isinstance(node, Seq)
    assert ["1.10", "no", "0644", "+5"] == [item.text for item in node.items if isinstance(item, Scalar)]


def test_a_fraction_prints_as_it_was_written() -> None:
    assert "1.10" == str(to_plain(Scalar(Place("f"), "1.10", 1.1)))
    assert Spelled.of("1.10") == 1.1


def test_keys_are_text_as_they_are_spelled() -> None:
    assert {"8080": 1, "no": 2, "1.10": 3, "true": 4} == plain("8080: 1\nno: 2\n1.10: 3\ntrue: 4")


def test_nodes_and_keys_know_their_places() -> None:
    node = parse("a: 1\nü: {b: [x, y]}\n".encode(), "dir/f.yaml")

    assert isinstance(node, Map)
    inner = node.entries["ü"]
    assert isinstance(inner, Map)
    assert "dir/f.yaml:2:1" == str(node.keys["ü"])
    assert "dir/f.yaml:2:5" == str(inner.keys["b"])
    assert Place("dir/f.yaml", 1, 4) == node.entries["a"].place


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff"])
def test_a_document_may_say_nothing(text: str) -> None:
    assert plain(text) is None


def test_aliases_and_merge_keys_are_written_out() -> None:
    text = "a: &a {p: 1, q: 2}\nb: &b {q: 5, r: 6}\nc: {<<: [*a, *b], p: 9}\nd: *a\n"

    assert {"p": 9, "q": 2, "r": 6} == plain(text)["c"]  # type: ignore[index,call-overload]
    assert {"p": 1, "q": 2} == plain(text)["d"]  # type: ignore[index,call-overload]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert {"<<": 1} == plain('"<<": 1')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key 'a' is given twice, first at f.yaml:1:1"),
        ("x: {a: 1, 'a': 2}", "f.yaml:1:11: x: key 'a' is given twice, first at f.yaml:1:5"),
        (
            "a: !!python/x y",
            "f.yaml:1:4: a: expected plain YAML, found the tag 'tag:yaml.org,2002:python/x'; remove it",
        ),
        ("a: 1\n--- \nb: 2\n", "f.yaml:2:1: expected one document in a file, found a second one"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: expected spaces, found a tab; YAML is not indented with tabs"),
        ("a: &x [*x]", "f.yaml:1:8: expected data that ends, found *x inside itself"),
        ("a: *nope", "f.yaml:1:4: expected a name that was given with & before, found *nope"),
        ("? [a, b]\n: c", "f.yaml:1:3: expected text as a key, found a list or a mapping"),
        ("~: 1", 'f.yaml:1:1: expected a key, found nothing; quote it if it is text: ""'),
        ("a: {<<: 1}", "f.yaml:1:9: a: expected a mapping, or a list of them, to merge with <<"),
        ("a: b: c", "f.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        ("a: 'x", "f.yaml:1:6: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        (
            "a: {b: ${c}}",
            (
                "f.yaml:1:9: not YAML: while parsing a flow mapping, did not find expected ',' or '}'; "
                'inside {…} and […] a "${…}" needs quotes'
            ),
        ),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, message: str) -> None:
    assert message == refusal(text)


def test_bytes_that_are_no_utf8_are_placed() -> None:
    assert "f.yaml:2:5: expected UTF-8 text, found other bytes" == refusal("a: 1\nbü: ".encode() + b"\xff\n")


def test_a_control_character_is_placed() -> None:
    assert "f.yaml:2:4: expected text, found the control character U+0007" == refusal("a: 1\nb: \x07")


def test_all_doubled_keys_are_told_at_once() -> None:
    assert 2 == len(refusal("a: 1\na: 2\nb: 3\nb: 4\n").splitlines())


def test_deep_nesting_is_refused_and_does_not_end_the_process() -> None:
    assert f"f.yaml:1:{MAX_DEPTH + 1}: expected at most {MAX_DEPTH} levels of nesting" == refusal(
        "[" * 100_000
    )


def test_a_document_is_bounded_in_bytes() -> None:
    assert "f.yaml:1:1: expected a document of at most 4 MiB; split it up" == refusal(b" " * (MAX_BYTES + 1))


def test_aliases_of_aliases_are_bounded() -> None:
    """Ten levels of ten are ten thousand million values: refused by counting, before any is walked."""
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    started = time.monotonic()

    assert f"expected at most {MAX_NODES} values, aliases written out" in refusal("\n".join(lines))
    assert time.monotonic() - started < 1


def test_the_caller_chooses_the_error() -> None:
    with pytest.raises(ConfigError):
        parse(b"[", "agent.yaml", error=ConfigError)


def test_without_libyaml_it_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some platforms have PyYAML without its C part."""
    text = b"a: &x {p: [1, '2', no]}\nb: {<<: *x, q: 1.10}\nc: |\n  two\n  lines\n"
    fast = parse(text, "f.yaml")
    monkeypatch.setattr(module, "_Loader", yaml.SafeLoader)

    assert fast == parse(text, "f.yaml")
    assert refusal("a: 1\na: 2").startswith("f.yaml:2:1: key 'a' is given twice")


@thorough
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    assert all(line.startswith("f.yaml:") and line.isprintable() for line in problems(data))


@thorough
@given(st.lists(st.sampled_from(list("abc:-? [{}]&*!|>'\"%@`#,\n\t~<0.$")), max_size=40).map("".join))
def test_arbitrary_punctuation_is_read_or_refused(text: str) -> None:
    assert all(line.startswith("f.yaml:") for line in problems(text.encode()))


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff\ufeff"), max_size=8
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@patient
@given(VALUES)
def test_json_reads_as_json_does(value: Plain) -> None:
    """JSON is YAML (YAML 1.2.2, 1.2), but for control characters that it allows."""
    text = json.dumps(value, ensure_ascii=False)
    node = parse(text.encode(), "f.json")

    assert node is not None
    assert json.loads(text) == to_plain(node)


@patient
@given(VALUES)
def test_plain_data_survives_being_nodes(value: Plain) -> None:
    assert value == to_plain(from_plain(value, Place("facts")))


def test_nodes_are_frozen() -> None:
    node: Node = Scalar(Place("f"), "x", "x")
    with pytest.raises(AttributeError):
        node.text = "y"  # type: ignore[misc]
