"""What the kinds of a container engine know together: what was declared, references, labels, the ground it stands on."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import HostError
from agent.kinds._engine.declared import changed, digests
from agent.kinds._engine.ground import Silent, asked, ground_among
from agent.kinds._engine.pairs import labels_of
from agent.kinds._engine.references import checked_reference, normal, pinned, registry, repository, short
from agent.model import ResourceId
from tests.fakes import FakeHost

HEX = "4" * 64
PAIRS = st.dictionaries(st.text(), st.text())


@given(before=PAIRS, now=PAIRS)
def test_exactly_the_keys_that_are_declared_otherwise_are_told(
    before: Mapping[str, str], now: Mapping[str, str]
) -> None:
    expected = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}

    assert expected == set(changed(digests(before), now) or ())


def test_a_label_has_no_value_in_it_and_is_always_the_same() -> None:
    label = digests({"b": "hunter2", "a": "1"})

    assert label == digests({"a": "1", "b": "hunter2"})
    assert "hunter2" not in label
    assert {"a": "6b86b273", "b": "f52fbd32"} == json.loads(label)


@pytest.mark.parametrize("label", ["", "[1]", "{", "null", '{"a": 1}'])
def test_a_label_that_makes_no_sense_says_nothing(label: str) -> None:
    assert ("a",) == changed(label, {"a": "1"})


def test_what_has_no_label_was_not_made_by_trued() -> None:
    assert changed(None, {"a": "1"}) is None
    assert () == changed("{}", {})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("shop/web", "docker.io/shop/web:latest"),
        ("docker.io/shop/web:1", "docker.io/shop/web:1"),
        ("localhost/web", "localhost/web:latest"),
        ("localhost:5000/web:1", "localhost:5000/web:1"),
        ("registry.example.com:5000/a/b/web", "registry.example.com:5000/a/b/web:latest"),
        (f"nginx@sha256:{HEX}", f"docker.io/library/nginx@sha256:{HEX}"),
        (f"localhost:5000/web:1@sha256:{HEX}", f"localhost:5000/web@sha256:{HEX}"),
    ],
)
def test_a_reference_means_what_docker_takes_it_for(written: str, expected: str) -> None:
    assert written == checked_reference(written)
    assert expected == normal(written)
    assert expected == normal(normal(written))
    assert expected.startswith(f"{repository(written)}@" if "@" in written else f"{repository(written)}:")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "Nginx",
        "nginx:",
        "nginx:1 2",
        "nginx:-1",
        "a//b",
        "/nginx",
        "nginx/",
        "-nginx",
        "nginx--",
        "nginx@sha256:12",
        "https://registry.example.com/web",
        "registry.example.com:port/web",
        HEX,
        f"sha256:{HEX}",
        f"nginx:{'a' * 129}",
        "a" * 256,
        "a" * 100_000,
        "nginx\n",
    ],
)
def test_what_is_no_reference_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="^expected an? (image|name)"):
        checked_reference(written)


def test_the_name_of_the_section_is_no_image() -> None:
    with pytest.raises(ValueError, match="expected the whole name, docker.io/library/unused"):
        checked_reference("unused")
    assert "docker.io/library/unused" == checked_reference("docker.io/library/unused")


def test_parts_of_a_reference() -> None:
    assert "docker.io" == registry("nginx:1.25")
    assert "registry.example.com:5000" == registry("registry.example.com:5000/web")
    assert ("", f"sha256:{HEX}") == (pinned("nginx:1"), pinned(f"nginx:1@sha256:{HEX}"))
    assert "sha256:444444444444…" == short(f"sha256:{HEX}")


def test_labels_are_a_mapping_or_a_list() -> None:
    assert {"a": "1", "b": "", "c": "x=y"} == labels_of(("a=1", "b", "c=x=y"))
    assert {"a": "1", "b": ""} == labels_of({"a": "1", "b": None})


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (("=1",), "labels: expected a key, as in KEY=VALUE, got ''"),
        (("a=1", "a=2"), "labels: 'a' is given twice"),
        ({"io.trued.declared": "{}"}, "labels: those that begin with io.trued. are trued's own"),
    ],
)
def test_labels_that_make_no_sense_are_refused(written: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        labels_of(written)


def test_what_an_engine_stands_on_comes_before_what_it_has() -> None:
    ground = {ResourceId.parse(text) for text in ("package:docker.io", "unit:docker.service")}
    others = {ResourceId.parse(text) for text in ("package:nginx", "file:/etc/motd")}

    assert ground == set(ground_among(ground | others))


def test_an_engine_that_does_not_answer_is_a_value_that_stays_the_same() -> None:
    """Or each cycle would find something new."""
    probe = FakeHost().probe()
    one, other = (asked(probe, lambda engine: engine.networks()) for _ in range(2))

    assert isinstance(one, Silent)
    assert one == other
    with pytest.raises(HostError, match="no container engine answers on this host"):
        raise one.error
