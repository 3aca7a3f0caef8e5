"""Users and groups that every host of a distribution has go only when a person says yes."""

from __future__ import annotations

import pytest

from agent.kinds import AnyKind
from agent.kinds.group import KIND as GROUP
from agent.kinds.group import GroupSpec
from agent.kinds.user import KIND as USER
from agent.kinds.user.spec import UserSpec
from tests.fakes import FakeHost
from tests.kinds.hosts.accounts import furnish

ABSENT = {"user": UserSpec(state="absent"), "group": GroupSpec(state="absent")}


def objection(kind: AnyKind, want: object, name: str) -> str:
    host = FakeHost()
    passwd = "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\nada:x:1000:1000::/home/ada:/bin/sh"
    furnish(host, {"passwd": passwd, "group": "mail:x:8:\nada:x:1000:"})
    have = kind.observe(host.probe(), {name: want})[name]
    return kind.objection(name, want, have, ())


@pytest.mark.parametrize(("kind", "what"), [(USER, "user"), (GROUP, "group")])
def test_an_account_of_the_base_is_not_removed_unasked(kind: AnyKind, what: str) -> None:
    assert (
        f"{what} mail (8) belongs to the base of every host of this distribution, and programs count on it"
        == objection(kind, ABSENT[what], "mail")
    )


@pytest.mark.parametrize(("kind", "what"), [(USER, "user"), (GROUP, "group")])
def test_of_others_nobody_is_asked(kind: AnyKind, what: str) -> None:
    assert "" == objection(kind, ABSENT[what], "ada")
    assert "" == objection(kind, ABSENT[what], "nobody-there")


@pytest.mark.parametrize(("kind", "want"), [(USER, UserSpec()), (GROUP, GroupSpec())])
def test_to_declare_one_is_no_removal(kind: AnyKind, want: object) -> None:
    assert "" == objection(kind, want, "mail")
