"""The kind `group`: what can be declared, and what comes first."""

from __future__ import annotations

import pytest

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import DocumentError
from agent.kinds.file import KIND as FILE
from agent.kinds.file.spec import FileSpec
from agent.kinds.group import KIND, GroupSpec
from agent.model import AccountId, ResourceId
from tests.fakes import FakeTree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{gid: 0}", "gid: expected a number from 1 to 4294967294"),
        ("{gid: ops}", "gid: expected a number from 1 to 4294967294"),
        ("{state: absent, gid: 1500}", "a group that is absent has no gid and is no system group"),
        ("{members: [ada]}", "members: unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, reason: str) -> None:
    node = parse(text.encode(), "base.yaml")
    assert node is not None
    with pytest.raises(DocumentError) as caught:
        decode(node, GroupSpec)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "spec", [GroupSpec(state="absent"), GroupSpec(gid=AccountId(5)), GroupSpec(system=True)]
)
def test_the_group_root_stays_as_it_is(spec: GroupSpec) -> None:
    with pytest.raises(ValueError, match="the group root is there, with gid 0, and stays so"):
        list(KIND.expand("root", spec, FakeTree()))


def test_a_group_goes_after_all_users() -> None:
    """Any of them may have had it as the primary one; and one that is made comes before them."""
    users = [ResourceId("user", name) for name in ("ada", "bob")]
    declared = {*users, ResourceId("group", "ops"), ResourceId("file", "/etc/motd")}

    assert users == list(KIND.edges("ops", GroupSpec(state="absent"), declared))
    assert [] == list(KIND.edges("ops", GroupSpec(), declared))


def test_a_file_comes_after_whom_it_belongs_to() -> None:
    declared = {ResourceId("user", "ada"), ResourceId("group", "ops"), ResourceId("file", "/srv")}
    spec = FileSpec(directory=True, owner="ada", group="ops")

    assert declared == set(FILE.edges("/srv/hers", spec, declared))
    assert {ResourceId("file", "/srv")} == set(
        FILE.edges("/srv/x", FileSpec(directory=True, owner="0"), declared)
    )
