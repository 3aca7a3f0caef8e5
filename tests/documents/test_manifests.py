"""
Files of manifests into plain data. What scalars mean is what `kubectl annotate --local -f … -o json x=y` of v1.20.2 has printed for
each of them; where trued refuses what kubectl takes, it would be something else than what is written.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.documents.manifests import MAX_ALIASED, MAX_BYTES, MAX_DEPTH, read_manifests
from agent.documents.nodes import Node, Scalar, from_plain
from agent.documents.problems import Findings
from agent.errors import DocumentError
from tests.properties import patient, thorough


def read(text: str | bytes) -> list[Any]:
    data = text if isinstance(text, bytes) else text.encode()
    return [one.data for one in read_manifests(data, "f.yaml")]


def refusal(text: str | bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return str(caught.value)


def problems(data: bytes) -> list[str]:
    try:
        json.dumps(read(data), allow_nan=False)
    except DocumentError as error:
        return str(error).splitlines()
    return []


BOOLS = {
    True: "y Y yes Yes YES true True TRUE on On ON",
    False: "n N no No NO false False FALSE off Off OFF",
}
NUMBERS = {
    "0": 0, "-0": 0, "00": 0, "08": 8, "007": 7, "0644": 420, "-0644": -420, "+0644": 420, "0o644": 420, "0O644": 420,
    "0x1F": 31, "-0x1f": -31, "0b101": 5, "-0b101": -5, "1_000": 1000, "1_": 1, "0x_1": 1, "0_8": 8, "08_1": 81, "-_5": -5,
    "1e3": 1000, "1E+3": 1000, "1e-3": 0.001, "1.5e3": 1500, ".5": 0.5, ".5_0": 0.5, ".1_1e1_0": 1_100_000_000, "5.": 5, "-.5": -0.5, "+.5": 0.5, "1_0.5": 10.5,
    "1e_3": 1000, "1.e3": 1000, "00.5": 0.5, "0.0": 0, "-0.0": 0, "1.0": 1, "1.10": 1.1, "1e-400": 0, "1e21": 1e21,
    "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63), "0x7fffffffffffffff": 2**63 - 1,
    "100000000000000000000.5": 1e20, "!!int '0644'": 420, "!!float 1": 1, "!!float '1.5'": 1.5, "!!float 0x10": 16,
}  # fmt: skip
AS_WRITTEN = """
    yEs tRue nUll inf nan NaN Infinity 12:30:45 1:30 0:0 190:20:30.15 2001-01-01 2001-12-14t21:59:43.10-05:00 = << _1 _ . + +.
    1.2.3 1e e3 .e3 1e400 -1e400 0xg 0b2 0b 0x 0o 0o8 --1 +-1 1,000 1+1 0x1p3 ._5 .5_
"""
TEXTS = {
    **{text: text for text in AS_WRITTEN.split()},
    "2001-12-14 21:59:43": "2001-12-14 21:59:43", "'1'": "1", '"yes"': "yes", "!!str 12": "12", "! 12": "12",
}  # fmt: skip
OTHERS = {"~": None, "null": None, "Null": None, "NULL": None, "": None, "!!null ''": None, "!!str": "", "!!bool 'yes'": True}  # fmt: skip
SCALARS = [
    *((text, value) for value, texts in BOOLS.items() for text in texts.split()),
    *NUMBERS.items(), *TEXTS.items(), *OTHERS.items(), ("!!binary aGVsbG8=", "hello"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), SCALARS)
def test_a_scalar_means_what_it_does_to_kubectl(written: str, value: object) -> None:
    (found,) = read(f"v: {written}\n")

    assert value == found["v"]
    assert type(value) is type(found["v"])


@pytest.mark.parametrize("written", [".inf", "-.Inf", "+.INF", ".nan", "!!float .inf"])
def test_a_number_that_json_has_not_is_refused(written: str) -> None:
    assert refusal(f"a: 1\nv: {written}").startswith("f.yaml:2:4: v: expected a number that ends")


@pytest.mark.parametrize(
    "written",
    ["9223372036854775808", "-9223372036854775809", "0xffffffffffffffff", "1" * 5000, "0" * 99 + "8_0"],
)
def test_a_whole_number_of_more_than_64_bits_is_refused(written: str) -> None:
    """kubectl would round it."""
    if written.startswith("00"):  # no octal number: a fraction
        assert [{"v": 80}] == read(f"v: {written}")
    else:
        assert "f.yaml:1:4: v: expected a whole number of at most 64 bits" in refusal(f"v: {written}")


@pytest.mark.parametrize(
    "tag",
    [
        "!foo x",
        "!foo {a: 1}",
        "!foo [1]",
        "!!set {a}",
        "!!omap [a: 1]",
        "!!timestamp 2001-01-01",
        "!!map [1]",
        "!!python/none x",
    ],
)
def test_a_tag_that_is_not_of_json_is_refused(tag: str) -> None:
    assert "f.yaml:1:4: v: expected plain YAML, found the tag" in refusal(f"v: {tag}")


@pytest.mark.parametrize(
    "value",
    ["!!int hunter2", "!!int 1.0", "!!bool hunter2", "!!null hunter2", "!!binary hunter2", "!!binary /w=="],
)
def test_a_tag_that_does_not_fit_is_refused_and_the_value_not_shown(value: str) -> None:
    assert "hunter2" not in refusal(f"v: {value}")


def test_keys_become_text_as_in_json() -> None:
    text = "{true: a, no: b, 1: c, 010: d, 2001-01-01: e, '': f, =: g, !!str 2: h, '<<': i, 1e3e: j}"
    keys = ["true", "false", "1", "8", "2001-01-01", "", "=", "2", "<<", "1e3e"]

    assert keys == list(read(text)[0])


@pytest.mark.parametrize("key", ["~", "null", "1.5", "9223372036854775808", "[a]", "{a: b}", "*x "])
def test_what_cannot_be_a_key_is_refused(key: str) -> None:
    assert refusal(f"a: &x 1\nv: {{{key}: 1}}").startswith(
        ("f.yaml:2:5: v: expected", "f.yaml:2:8: v: expected")
    )


@pytest.mark.parametrize(("one", "other"), [("a", "a"), ("1", "'1'"), ("yes", "true"), ("010", "8")])
def test_a_key_that_comes_twice_is_refused_with_both_places(one: str, other: str) -> None:
    told = refusal(f"v:\n  {one}: 1\n  {other}: 2\n")

    assert told.startswith("f.yaml:3:3: v: key ")
    assert told.endswith("is given twice, first at f.yaml:2:3")


def test_all_problems_are_told_at_once() -> None:
    assert 3 == len(refusal("a: !x 1\nb: .inf\n---\nc: {d: 1, d: 2}\n").splitlines())


def test_aliases_are_what_they_stand_for_and_merges_give_way() -> None:
    (found,) = read("a: &x {p: 1, q: [2]}\nb: *x\nc: {<<: *x, p: 3}\nd: {<<: [*x, {p: 4, z: 5}]}\n")

    assert {"p": 1, "q": [2]} == found["a"] == found["b"]
    assert {"p": 3, "q": [2]} == found["c"]
    assert {"p": 1, "q": [2], "z": 5} == found["d"]


def test_a_merge_after_a_key_that_it_has_is_refused() -> None:
    """YAML has the mapping's own key win, and kubectl the merged one."""
    told = refusal("a: &x {p: 1}\nb: {p: 2, <<: *x}")

    assert told == "f.yaml:2:15: b: key 'p' stands before <<, which has it as well; put << first"
    assert "expected a mapping" in refusal("a: {<<: 1}")


def test_an_alias_of_another_document_is_unknown() -> None:
    assert refusal("a: &x 1\n---\na: *x\n").startswith("f.yaml:3:4: expected a name that was given with &")


def test_documents_come_with_the_line_where_they_begin() -> None:
    found = read_manifests(
        b"# first\n---\n\na: 1\n---\n# nothing\n---\n...\n---\nnull\n---\n- b\n", "f.yaml"
    )

    assert [("f.yaml:4", {"a": 1}), ("f.yaml:12", ["b"])] == [(one.place, one.data) for one in found]


def test_nothing_is_no_document() -> None:
    assert [] == read("") == read("# all of it is a comment\n") == read("---\n---\n")


def test_json_is_read_with_its_tabs_and_escapes() -> None:
    text = '{\n\t"a":"\\ud83d\\ude00 \\\\ud83d \\u00e9\\/\\n",\n\t"b":[1.0,true,null],"c":{}}'

    assert [json.loads(text)] == read(text)


def test_a_second_document_in_json_says_how_they_are_parted() -> None:
    assert refusal('{"a":1}\n{"a":2}').endswith("what is a document of its own begins with ---")


@pytest.mark.parametrize(
    "text",
    [
        b"a: \xff",
        b"a: \x07",
        b"a: b: c",
        b"a:\n\tb: 1",
        b"a: [1",
        b'a: "\\ud83d"',
        b"a: *nobody",
        b"a: &x [*x]",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: bytes) -> None:
    assert refusal(text).startswith("f.yaml:")


def test_a_few_bytes_cannot_stand_for_billions() -> None:
    level = "{name}: &{name} [{of}]\n"
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        level.format(name=name, of=",".join([f"*{below}"] * 9))
        for below, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    long = f"a: &a {'x' * (1 << 20)}\nb: [{','.join(['*a'] * 17)}]"
    start = time.process_time()

    assert f"at most {MAX_ALIASED} values" in refusal(bomb)
    assert "16 MiB of text" in refusal(long)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_has_an_end(opening: str) -> None:
    assert f"at most {MAX_DEPTH} levels" in refusal(opening * 100_000)


def test_a_file_has_an_end() -> None:
    assert (
        refusal(b" " * (MAX_BYTES + 1)) == "f.yaml:1:1: expected a document of at most 16 MiB; split it up"
    )


def test_a_bundle_of_definitions_is_read_in_seconds() -> None:
    one = {
        f"p{i}": {"type": "object", "properties": {f"q{j}": {"type": "string"} for j in range(20)}}
        for i in range(50)
    }
    text = yaml.dump_all([{"spec": one}] * 40, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    start = time.process_time()
    found = read(text)

    assert 40 == len(found)
    assert one == found[-1]["spec"]
    assert time.process_time() - start < 10


def test_texts_with_a_dollar_are_filled_and_keys_are_not() -> None:
    def fill(node: Scalar, path: str, findings: Findings) -> Node:
        findings.add(node.place, path, "seen") if "bad" in node.text else None
        return from_plain({"$n": 8, "$f": 2.0}.get(node.text, node.text.upper()), node.place)

    text = b"$key: a\nb: ['$n', $f, 1, x$, no]\nc: &c $x\nd: *c\n"
    assert {"$key": "a", "b": [8, 2, 1, "X$", False], "c": "$X", "d": "$X"} == read_manifests(
        text, "f", fill
    )[0].data
    with pytest.raises(DocumentError, match="f:2:4: b: seen"):
        read_manifests(b"a: 1\nb: $bad\n", "f", fill)


@thorough
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    assert all(line.startswith("f.yaml:") for line in problems(data))


WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_characters="\x7f", codec="utf-8"))
LEAVES = st.none() | st.booleans() | WHOLE | TEXT | st.floats(allow_nan=False, allow_infinity=False)


@patient
@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20))
def test_json_says_the_same_as_to_its_own_reader(value: object) -> None:
    """A control character that JSON may have as it is stands there as an escape."""
    text = json.dumps({"v": value})

    assert [{"v": value}] == read(text)
