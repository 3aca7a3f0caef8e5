"""The manifests of a commit, as one host sees them."""

from __future__ import annotations

import pytest

from agent.desired.sources import CommitSources, Manifests
from agent.errors import DocumentError
from agent.model import TreePath
from tests.desired.test_variables import variables
from tests.fakes import FakeTree

FILE = TreePath("app.yaml")


def sources(text: bytes, shared: Manifests | None = None) -> CommitSources:
    return CommitSources(FakeTree({"app.yaml": text}, links={"link.yaml": "app.yaml"}), variables(), shared)


def filled(text: str) -> object:
    (one,) = sources(text.encode()).manifests(FILE, substitute=True)
    return one.data


def refusal(text: bytes, path: TreePath = FILE) -> str:
    with pytest.raises(DocumentError) as caught:
        sources(text).manifests(path, substitute=True)
    return str(caught.value)


def test_without_substitute_a_dollar_is_itself() -> None:
    (one,) = sources(b"# head\na: ${site} $$\n").manifests(FILE, substitute=False)

    assert ({"a": "${site} $$"}, "app.yaml:2") == (one.data, one.place)


def test_with_substitute_variables_are_filled_in_as_in_a_document() -> None:
    text = "a: ${site}-1\nb: '${port}'\nc: ${flag}\nd: ${list}\ne: ${db}\nf: $${x} $HOME\ng: ${nope:-9}\n${site}: h\ni: ${version}\nj: v${version}"
    db = {"host": "db-1", "url": "pg://db-1/berlin"}

    assert filled(text) == {
        "a": "berlin-1", "b": 8080, "c": True, "d": ["a", "b"], "e": db, "f": "${x} $HOME", "g": 9, "${site}": "h", "i": 1.1, "j": "v1.10",
    }  # fmt: skip


def test_an_unknown_variable_is_told_with_its_place() -> None:
    assert (
        refusal(b"a:\n  - b: ${sit}\n") == "app.yaml:2:8: a.b: unknown variable 'sit'; did you mean 'site'?"
    )


def test_what_is_wrong_with_a_text_does_not_show_it() -> None:
    assert "hunter2" not in refusal(b"kind: Secret\nstringData: {a: '${hunter2 x}', b: '${hunter2'}\n")


def test_all_problems_come_at_once_with_their_lines() -> None:
    told = refusal(b"a: ${nope}\n---\nb: 1\nb: 2\n")

    assert ["app.yaml:1:4", "app.yaml:4:1"] == [line.split(": ")[0] for line in told.splitlines()]


def test_other_bytes_than_text_are_told_with_their_line() -> None:
    assert refusal(b"a: 1\nb: \xff\n") == "app.yaml:2:4: expected UTF-8 text, found other bytes"


def test_only_a_file_can_be_read() -> None:
    assert refusal(b"", TreePath("nope.yaml")) == "nope.yaml:1: there is no such file in the repository"
    assert refusal(b"", TreePath("link.yaml")) == "link.yaml:1: there is no such file in the repository"


def test_a_file_is_read_once_for_all_hosts() -> None:
    text = b"a: 1\n"
    shared = Manifests(FakeTree({"app.yaml": text}))
    one, other = (sources(text, shared).manifests(FILE, substitute=False) for _ in range(2))
    broken = Manifests(FakeTree({"app.yaml": b"a: ["}))

    assert one is other
    for _ in range(2):
        with pytest.raises(DocumentError, match="not YAML"):
            broken.documents(FILE)
