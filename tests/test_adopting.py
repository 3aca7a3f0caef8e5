"""What was found on a host, as documents that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from agent.adopting import Surveyed, documents, survey
from agent.documents.emit import emit
from agent.documents.nodes import to_plain
from agent.documents.parse import parse
from agent.errors import HostError
from agent.host import Probe
from agent.kinds import AnyKind, Found, discover
from tests.fakes import FakeHost

KINDS = discover()


def written(*found: Found, kind: str = "file") -> Mapping[str, bytes]:
    one = Surveyed(
        kind=kind,
        found=tuple(each for each in found if not each.skipped),
        skipped=tuple(each for each in found if each.skipped),
    )
    return dict(documents(one, KINDS[kind]))


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "0644",
        "1.10",
        "~",
        "",
        " x ",
        "#",
        "a: b",
        "two\nlines\n",
        "\ttab\n",
        "- x",
        "é\u2028",
        "'",
        "x" * 300,
    ],
)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    node = parse(emit({"files": {"/a": {"content": text, "mode": "0644"}}}).encode(), "a.yaml")

    assert node is not None
    assert {"files": {"/a": {"content": text, "mode": "0644"}}} == to_plain(node)


def test_an_entry_stands_in_its_section_and_its_files_beside_it() -> None:
    files = written(Found(name="/etc/a", entry={"source": "files/etc/a"}, files={"files/etc/a": b"\xff"}))

    assert {"files.yaml": b"files:\n  /etc/a:\n    source: files/etc/a\n", "files/etc/a": b"\xff"} == files


def test_a_dollar_stands_for_itself() -> None:
    (text,) = written(Found(name="/etc/$x", entry={"link": "${y}", "validate": ["$z"]})).values()

    assert b"files:\n  /etc/$$x:\n    link: $${y}\n    validate:\n    - $$z\n" == text


def test_what_is_not_taken_over_is_a_remark() -> None:
    files = written(Found(name="/etc/a", entry=None, skipped="may hold a\nsecret"))

    assert {"files.yaml": b"# not taken over: /etc/a: may hold a\\nsecret\n"} == files


def test_where_nothing_was_found_nothing_is_written() -> None:
    assert {} == written()


def test_a_kind_that_fails_holds_up_no_other() -> None:
    class Broken:
        section, rank = "broken", 1

        def survey(self, probe: Probe) -> Iterable[Found]:
            raise HostError("no answer")

    class Fine:
        section, rank = "fine", 2

        def survey(self, probe: Probe) -> Iterable[Found]:
            return [Found(name="a", entry="present")]

    kinds: dict[str, AnyKind] = {"fine": Fine(), "broken": Broken()}  # type: ignore[dict-item]
    broken, fine = survey(kinds, FakeHost().probe())

    assert ("broken", "no answer", ()) == (broken.kind, broken.error, broken.found)
    assert ("fine", "", 1) == (fine.kind, fine.error, len(fine.found))
