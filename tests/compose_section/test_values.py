"""What `${…}` in a Compose file becomes, and where the names come from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.compose.dotenv import dotenv
from agent.compose.interpolate import Interpolation
from agent.documents.problems import Findings
from tests.compose_section.shop import entries, refusal, tree
from tests.properties import patient

VALUES = {"A": "a", "EMPTY": "", "N_1": "5", "DOLLAR": "$A ${A}", "_x": "y"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("$A", "a"),
        ("${A}", "a"),
        ("$A-$_x.$N_1", "a-y.5"),
        ("${EMPTY}", ""),
        ("${A:-d}", "a"),
        ("${EMPTY:-d}", "d"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${A-d}", "a"),
        ("${EMPTY-d}", ""),
        ("${NONE-d}", "d"),
        ("${A:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${NONE:+x}", ""),
        ("${A+x}", "x"),
        ("${EMPTY+x}", "x"),
        ("${NONE+x}", ""),
        ("${A:?say}", "a"),
        ("${EMPTY?say}", ""),
        ("${NONE:-${A}}", "a"),
        ("${NONE:-${NONE:-${EMPTY:-x}}}y", "xy"),
        ("${NONE:-$A}", "a"),
        ("${A:+${N_1}${N_1}}", "55"),
        ("${NONE:-a:-b}", "a:-b"),
        ("${NONE-a?b}", "a?b"),
        ('${NONE:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("$$A", "$A"),
        ("$$${A}$$", "$a$"),
        ("100$ and $1 $. $", "100$ and $1 $. $"),
        ("$DOLLAR", "$A ${A}"),  # what comes out is not looked at again
        ("${NONE:-\n}", "\n"),
    ],
)
def test_a_text_is_filled_in(text: str, wanted: str) -> None:
    assert wanted == Interpolation(VALUES).text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$NONE", "unknown variable 'NONE'"),
        ("$DOLAR", "unknown variable 'DOLAR'; did you mean 'DOLLAR'?"),
        ("${NONE}", "or write ${NONE:-} if it may be empty"),
        ("${NONE:?}", "variable 'NONE' needs a value"),
        ("${NONE:?say $A}", "variable 'NONE' needs a value: say a"),
        ("${NONE?why}", "variable 'NONE' needs a value: why"),
        ("${EMPTY:?why}", "variable 'EMPTY' needs a value: why"),
        ("${A", "expected a } for each ${, found '${A'; a dollar is $$"),
        ("${A:-${N_1}", "expected a } for each ${"),
        ("${}", "expected ${NAME}"),
        ("${1}", "expected ${NAME}"),
        ("${A.b}", "expected ${NAME}"),
        ("${A:x}", "expected ${NAME}"),
        ("${A/a/b}", "expected ${NAME}"),
        ("${a b}", "expected ${NAME}"),
        ("${NONE:-" * 30 + "}" * 30, "expected at most 20 variables inside one another"),
    ],
)
def test_a_text_that_cannot_be_filled_in_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        Interpolation(VALUES).text(text)
    assert message in str(caught.value)


def test_what_comes_out_is_bounded() -> None:
    long = {"A": "a" * 1000}

    with pytest.raises(ValueError, match="at most 1 MiB"):
        Interpolation(long).text("$A" * 2000)

    filled = Interpolation(long)
    for _ in range(16):
        filled.text("$A" * 1000)
    with pytest.raises(ValueError, match="at most 16 MiB in all"):
        filled.text("$A" * 1000)


@patient
@given(st.text(alphabet="${}:-?+Aa1 ", max_size=40))
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    """And one in which each dollar is doubled stays as it was."""
    with suppress(ValueError):
        Interpolation(VALUES).text(text)
    assert text == Interpolation(VALUES).text(text.replace("$", "$$"))


def environment(compose: str, **around: object) -> object:
    commit = tree(f"services: {{web: {{image: i, environment: {compose}}}}}", **around)  # type: ignore[arg-type] # as given
    return entries(commit, "containers")["shop-web"]["environment"]


def test_names_come_from_the_entry_then_variables_then_the_file_beside() -> None:
    found = environment(
        '{A: "$A", B: "$B", C: "$C", HOST: "$host", NAME: "$COMPOSE_PROJECT_NAME"}',
        document="compose: {shop: {source: shop/compose.yaml, environment: {A: '${B}-entry', COMPOSE_PROJECT_NAME: x}}}",
        variables="A: vars\nB: vars\nlist: [1]\nmany: {A: 1}\n",
        files={"shop/.env": "A=env\nB=env\nC=env\nCOMPOSE_PROJECT_NAME=y\n"},
    )

    assert {"A": "vars-entry", "B": "vars", "C": "env", "HOST": "edge-01", "NAME": "shop"} == found


def test_values_keep_their_spelling() -> None:
    variables = "version: 1.10\nyes_: yes\non_: true\nmode: 0644\nlong: 1000000\n"

    assert ["A=1.10 yes true 0644 1000000"] == environment(
        '["A=$version $yes_ $on_ $mode $long"]', variables=variables
    )


def test_what_is_filled_in_may_be_a_number_or_a_word() -> None:
    """As Compose does where one is expected; nothing at all is text."""
    commit = tree(
        "services: {web: {image: i, privileged: '$P', mem_limit: \"$M\", user: '$U', domainname: '${W:-null}'}}",
        variables="P: true\nM: 5\nU: ''\n",
    )
    web = entries(commit, "containers")["shop-web"]

    assert (True, 5, "", "null") == (web["privileged"], web["mem_limit"], web["user"], web["domainname"])


def test_dollars_of_the_file_mean_nothing_to_the_variables_of_documents() -> None:
    commit = tree(
        "services: {web: {image: i, command: 'echo $${site} $$$$ $$x ${V}', labels: {'$${k}': v, '${site}': w}}}",
        variables="site: berlin\nV: '$${site}'\n",
    )
    web = entries(commit, "containers")["shop-web"]

    assert "echo ${site} $$ $x ${site}" == web["command"]
    assert {"$${k}", "${site}"} <= set(web["labels"] or ())  # type: ignore[arg-type] # a mapping; keys are not filled in


@pytest.mark.parametrize("written", ["[A, B=x]", "{A: , B: x}", "{A: null, B: x}"])
def test_a_name_without_a_value_has_the_one_that_is_known(written: str) -> None:
    found = environment(written, variables="A: a b\n")

    assert found in (["A=a b", "B=x"], {"A": "a b", "B": "x"})


@pytest.mark.parametrize(
    ("compose", "line"),
    [
        ("services: {web: {image: 'i:$TAG'}}", "base/shop/compose.yaml:1:25: services.web.image: unknown variable 'TAG'; give it in environment of the compose entry, in vars or in .env, or write ${TAG:-} if it may be empty"),
        ("services: {web: {image: i, environment: [A]}}", 'base/shop/compose.yaml:1:42: services.web.environment[0]: A has no value here, and there is no variable A; give it in environment of the compose entry, in vars or in .env, or say here that it is empty: ""'),
        ("services: {web: {image: i, environment: {A: }}}", 'base/shop/compose.yaml:1:42: services.web.environment.A: A has no value here, and there is no variable A; give it in environment of the compose entry, in vars or in .env, or say here that it is empty: ""'),
        ("services: {web: {image: i}}\nnetworks: {default: {name: '${X:?which net?}'}}", "base/shop/compose.yaml:2:28: networks.default.name: variable 'X' needs a value: which net?"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_told_with_its_place(compose: str, line: str) -> None:
    assert [line] == refusal(tree(compose))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("\n\n# only a note\n", {}),
        ("A=b", {"A": "b"}),
        ("  A = b  \nB=\n", {"A": "b", "B": ""}),
        ("export A=b\nB: c", {"A": "b", "B": "c"}),
        ("A=b # note\nB=c#d\n", {"A": "b", "B": "c#d"}),
        ("A='b # c' # note", {"A": "b # c"}),
        ('A="b\\nc\\t\\"d\\" \\\\"', {"A": 'b\nc\t"d" \\'}),
        ("A='b\\nc'", {"A": "b\\nc"}),
        ("A='it\\'s'", {"A": "it's"}),
        ('A="one\ntwo"\nB=c', {"A": "one\ntwo", "B": "c"}),
        ("A=b\nB=$A/${A}\nC='$A'\nD=\"$A\"", {"A": "b", "B": "b/b", "C": "$A", "D": "b"}),
        ("A=b\nKNOWN=other\nB=$KNOWN", {"A": "b", "KNOWN": "other", "B": "known"}),
        ("KNOWN\nNOT\nA=b", {"KNOWN": "known", "A": "b"}),
        ("A=${NONE:-d}\nB=\\$x", {"A": "d", "B": None}),
        ('A="\\$x $$y"', {"A": "$x $y"}),
        ("\ufeffA=b\r\nB=c\r\n", {"A": "b", "B": "c"}),
        ("A.b-c=d", {"A.b-c": "d"}),
        ("A==", {"A": "="}),
    ],
)
def test_a_file_of_variables_is_read(text: str, wanted: Mapping[str, str | None]) -> None:
    findings = Findings()
    found = dotenv(text.encode(), ".env", {"KNOWN": "known"}, findings)

    if (
        None in wanted.values()
    ):  # `\$` is a dollar only between double quotes: here the name after it is unknown
        assert findings
    else:
        assert (wanted, []) == (found, findings.told())


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"A=b\nnot a name=c", ".env:2:1: expected NAME=value"),
        (b"A=b\n=c", ".env:2:1: expected NAME=value"),
        (b'A=b\n\nB="c\n\nC=d', '.env:3:1: expected a " at the end of the value'),
        (b"A='b", ".env:1:1: expected a ' at the end of the value"),
        (b"A=b\nB=$NONE", ".env:2:1: unknown variable 'NONE'; give it"),
        (b"A=b\nB=\xff", ".env:2:1: expected UTF-8 text, found other bytes"),
    ],
)
def test_what_is_wrong_with_a_file_of_variables_is_told(data: bytes, line: str) -> None:
    findings = Findings()
    dotenv(data, ".env", {}, findings)

    assert [line] == [told[: len(line)] for told in findings.told()]


def test_a_file_of_variables_stays_small_whatever_it_says() -> None:
    """Each line that uses the one before it would double what is held."""
    lines = "\n".join(["A=" + "a" * 100000, *(f"A{at}=$A$A$A$A" for at in range(2000))])
    findings = Findings()
    found = dotenv(lines.encode(), ".env", {}, findings)

    assert findings
    assert 20 << 20 > sum(map(len, found.values()))


@patient
@given(st.text(alphabet="AB=:#'\"\\$ \n{}", max_size=60))
def test_any_file_of_variables_is_read_or_refused(text: str) -> None:
    dotenv(text.encode(), ".env", {}, Findings())
