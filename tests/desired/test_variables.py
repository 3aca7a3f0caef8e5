"""`${name}` in strings."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.desired.variables import Variables
from agent.documents.nodes import Map, Place, Plain, Scalar, from_plain, text_scalar, to_plain
from agent.documents.parse import parse
from agent.documents.problems import Findings
from agent.model import Identity
from tests.desired.fleet import EDGE, loaded, of, refusal, tree
from tests.properties import patient

VARS = """
site: berlin
port: 8080
version: 1.10
flag: true
empty: ""
list: [a, b]
db: {host: db-1, url: "pg://${db.host}/${site}"}
chain: "${link}"
link: "<${site}>"
alias: "${db}"
"""


def variables(text: str = VARS, identity: Identity = EDGE) -> Variables:
    node = parse(text.encode(), "vars.yaml")
    assert isinstance(node, Map)
    findings = Findings()
    made = Variables(node, identity, findings)
    assert [] == findings.told()
    return made


def replaced(text: str, names: Variables | None = None) -> Plain:
    findings = Findings()
    node = (names or variables()).replace(text_scalar(Place("f"), text), ".x", findings)
    assert [] == findings.told()
    return to_plain(node)


def problem(text: str) -> str:
    findings = Findings()
    variables().replace(text_scalar(Place("f.yaml", 3, 7), text), ".x", findings)
    (line,) = findings.told()
    return line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("in ${site}!", "in berlin!"),
        ("${site}${site}", "berlinberlin"),
        ("${port}", 8080),
        (":${port}", ":8080"),
        ("${version}", 1.1),
        ("v${version}", "v1.10"),
        ("${flag}", True),
        ("is ${flag}", "is true"),
        ("${list}", ["a", "b"]),
        ("${list.1}", "b"),
        ("${db.host}", "db-1"),
        ("${db.url}", "pg://db-1/berlin"),
        ("${alias.host}", "db-1"),
        ("${chain}", "<berlin>"),
        ("${host}", "edge-01"),
        ("${labels.ring}", "stable"),
        ("${facts.os.id}", "debian"),
        ("${nope:-5}", 5),
        ("${nope:-}", ""),
        ("${empty:-full}", "full"),
        ("${site:-other}", "berlin"),
        ("a${nope:-b:-c}", "ab:-c"),
        ("$$", "$"),
        ("$${site}", "${site}"),
        ("$$$${site}", "$${site}"),
        ("costs 5$", "costs 5$"),
        ("$HOME and $1", "$HOME and $1"),
        ("^a$|b", "^a$|b"),
    ],
)
def test_names_are_replaced(text: str, value: Plain) -> None:
    assert value == replaced(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${stie}", "unknown variable 'stie'; did you mean 'site'?"),
        ("${facts.os.di}", "unknown variable 'facts.os.di'; did you mean 'facts.os.id'?"),
        ("${list.7}", "unknown variable 'list.7'"),
        ("a ${list}", "expected a single value inside text, found a list: '${list}'"),
        ("a ${db}", "expected a single value inside text, found a mapping: '${db}'"),
        ("${}", "expected ${name} or ${name:-default}, found '${}'; a dollar is $$"),
        ("a ${site", "expected ${name} or ${name:-default}, found '${site'; a dollar is $$"),
        ("${a b}", "expected ${name} or ${name:-default}, found '${a b}'; a dollar is $$"),
    ],
)
def test_what_cannot_be_replaced_is_told_at_its_place(text: str, message: str) -> None:
    assert problem(text).startswith(f"f.yaml:3:7: x: {message}")


def test_a_version_keeps_its_spelling_in_a_field_of_text() -> None:
    assert "1.10" == of(tree(base__x="things: {a: {text: '${v}'}}", base__vars="v: 1.10"), "thing:a").text


def test_a_variable_keeps_its_type_in_a_typed_field() -> None:
    assert 7 == of(tree(base__x="things: {a: {size: '${n}'}}", base__vars="n: 7"), "thing:a").size


def test_keys_and_names_are_replaced_too() -> None:
    text = "things: {'${site}': {tags: {'${host}': '${labels.ring}'}}}"

    assert {"edge-01": "stable"} == of(tree(base__x=text), "thing:berlin").tags


def test_what_a_variable_says_is_not_replaced_again() -> None:
    """A label is text: whoever may set one must not reach other variables by it."""
    identity = Identity(host="edge-01", labels={"ring": "${site}"})

    assert "${site}" == replaced("${labels.ring}", variables(identity=identity))
    assert "${x}" == replaced("${a}", variables("a: $${x}"))


def test_later_layers_change_variables_of_earlier_ones() -> None:
    commit = tree(
        base__x="things: {a: {text: '${site} ${who.name} ${who.age}'}}",
        base__vars="who: {name: base, age: 3}",
        roles__kiosk__vars="who: {name: kiosk}\nsite: paris",
    )

    assert "paris kiosk 3" == of(commit, "thing:a").text


def test_a_variable_that_hides_one_of_ours_is_told() -> None:
    line = "base/vars.yaml:1:1: facts: this name is trued's own; choose another"

    assert [line] == refusal(tree(base__vars="facts: {}"))


def test_a_circle_of_variables_is_told_whole() -> None:
    lines = refusal(tree(base__vars="a: ${b}\nb: ${c}\nc: ${a}\n"))

    assert (
        "base/vars.yaml:1:4: a: expected variables that end, found a circle: b uses c uses a uses b"
        == lines[0]
    )


def test_an_unknown_name_in_a_variable_is_told_where_it_stands() -> None:
    assert ["base/vars.yaml:1:4: a: unknown variable 'nope'"] == refusal(tree(base__vars="a: ${nope}"))


def test_an_unused_variable_of_another_layer_needs_no_dollar() -> None:
    assert {} == dict(loaded(tree(base__vars="a: 5$ and $$")).resources)


@pytest.mark.parametrize(("first", "each"), [("x" * 100, "{0}{0}"), ("[x, x]", "['{0}', '{0}']")])
def test_variables_of_variables_are_bounded(first: str, each: str) -> None:
    """Forty doublings are a million million: refused by counting."""
    names = [f"v{i}: {each.format('${v%d}' % (i - 1))}" for i in range(1, 41)]  # noqa: UP031 # braces
    started = time.monotonic()

    assert "at most" in "\n".join(refusal(tree(base__vars="\n".join([f"v0: {first}", *names]))))
    assert time.monotonic() - started < 5


@patient
@given(st.text())
def test_any_text_is_replaced_or_refused(text: str) -> None:
    findings = Findings()
    node = variables().replace(text_scalar(Place("f"), text), ".x", findings)

    if "${" not in text and "$$" not in text:
        assert ([], text_scalar(Place("f"), text)) == (findings.told(), node)
    assert findings or isinstance(node, Scalar)


@patient
@given(st.text())
def test_doubled_dollars_give_back_any_text(text: str) -> None:
    assert text == replaced(text.replace("$", "$$"))


@patient
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text("ab${}:-. ", max_size=12), max_size=3))
def test_any_variables_are_worked_out_or_refused(values: dict[str, str]) -> None:
    node = from_plain(values, Place("vars.yaml"))
    assert isinstance(node, Map)
    names = Variables(node, EDGE, Findings())

    assert values.keys() <= names.plain().keys()
    assert isinstance(names.replace(Scalar(Place("f"), "${a:-}", "${a:-}"), "", Findings()), Scalar)


def nested(count: int, levels: int) -> list[str]:
    """Return variables of so many levels each, each of which uses the one before."""
    opened, closed = "[" * levels, "]" * levels
    used = (f'v{at}: {opened}"${{v{at - 1}}}"{closed}' for at in range(1, count))
    return [f"v0: {opened}x{closed}", *used]


@pytest.mark.parametrize("backwards", [False, True])
def test_variables_that_nest_in_one_another_have_an_end(backwards: bool) -> None:
    """Each is within bounds, and so is the chain of them; all together are deeper than can be gone through."""
    lines = nested(49, 45)
    node = parse("\n".join(lines[::-1] if backwards else lines).encode(), "vars.yaml")
    assert isinstance(node, Map)
    findings = Findings()
    Variables(node, EDGE, findings).plain()

    assert "at most 50 levels of nesting, those that they use written out" in findings.told()[0]


@pytest.mark.parametrize("backwards", [False, True])
def test_variables_may_nest_as_deep_as_a_document(backwards: bool) -> None:
    lines = nested(50, 1)
    made = variables("\n".join(lines[::-1] if backwards else lines))

    assert f"{'[' * 50}'x'{']' * 50}" == str(made.plain()["v49"])


@pytest.mark.timeout(60)
def test_what_cannot_be_worked_out_is_tried_once() -> None:
    """However many use it: 45 variables that each use the one before twice would else take for ever."""
    lines = ['v0: "${unknown}"', *(f'v{at}: ["${{v{at - 1}}}", "${{v{at - 1}}}"]' for at in range(1, 45))]
    node = parse("\n".join(lines[::-1]).encode(), "vars.yaml")
    assert isinstance(node, Map)
    findings = Findings()
    Variables(node, EDGE, findings)

    assert "vars.yaml:45:5: v0: unknown variable 'unknown'" in findings.told()
