"""What `trued adopt` writes of the users and groups that are there: a plan for it is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.documents.decode import decode
from agent.documents.emit import emit
from agent.documents.parse import parse
from agent.errors import HostError
from agent.kinds import AnyKind
from agent.kinds.group import KIND as GROUP
from agent.kinds.user import KIND as USER
from agent.model import Stale
from tests.fakes import FakeHost, Node
from tests.kinds.hosts.accounts import furnish

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5LdBBBNny0hWZGPfmBGlE7QX+TW8Bgybv+vysPPhJr ada@example.com"
HASHED = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"
PASSWD = """\
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash
bob:x:1001:50::/home/bob:
odd name:x:1002:1002::/home/odd:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
torn:x:1003
"""
GROUPS = """\
staff:x:50:
ada:x:1000:
crew:x:1500:ada,bob
video:x:44:ada
odd name:x:1002:
"""


def host(mode: int = 0o700) -> FakeHost:
    folder = Node(type=Node.folder().type, mode=mode, uid=1000, gid=1000)
    keys = Node(data=f"# mine\n{KEY}\nnonsense\n".encode(), mode=0o600, uid=1000, gid=1000)
    fake = FakeHost({"/home/ada": folder, "/home/ada/.ssh": folder, "/home/ada/.ssh/authorized_keys": keys})
    shadow = f"root:*:1::::::\nada:{HASHED}:1::::::\nbob:!:1::::::"
    furnish(fake, {"passwd": PASSWD, "group": GROUPS, "shadow": shadow})
    return fake


def entries(kind: AnyKind, fake: FakeHost) -> dict[str, Any]:
    return {found.name: found.entry for found in kind.survey(fake.probe()) if not found.skipped}


def left_to_do(kind: AnyKind, fake: FakeHost, declared: Mapping[str, Any]) -> list[Any]:
    wants = {}
    for name, entry in declared.items():
        node = parse(emit(entry).encode(), "adopted.yaml")
        assert node is not None
        wants[kind.name(name)] = decode(node, kind.spec)
    haves = kind.observe(fake.probe(), wants)
    assert [] == [have for have in haves.values() if isinstance(have, HostError)]
    return [
        step for name, want in wants.items() for step in kind.steps(name, want, haves[name], stale=Stale.NO)
    ]


def test_people_are_found_with_groups_and_keys_and_without_passwords() -> None:
    ada = {
        "uid": 1000,
        "groups": ["crew", "video"],
        "comment": "Ada,,,",
        "home": "/home/ada",
        "shell": "/bin/bash",
        "authorized_keys": [KEY],
    }
    bob = {"uid": 1001, "group": "staff", "groups": ["crew"], "home": "/home/bob"}

    assert {"ada": ada, "bob": bob} == entries(USER, host())
    assert "saltsalt" not in str(list(USER.survey(host().probe())))


def test_a_plan_for_what_was_found_is_empty() -> None:
    assert [] == left_to_do(USER, host(), entries(USER, host()))
    assert [] == left_to_do(GROUP, host(), entries(GROUP, host()))


def test_keys_that_trued_would_have_to_touch_are_left_out() -> None:
    """The folder is open to others here: to close it is a change."""
    fake = host(mode=0o755)

    assert "authorized_keys" not in entries(USER, fake)["ada"]
    assert [] == left_to_do(USER, fake, entries(USER, fake))


def test_what_cannot_be_declared_is_told_with_the_reason() -> None:
    skipped = {found.name: found.skipped for found in USER.survey(host().probe()) if found.skipped}

    assert {"odd name", "torn"} == skipped.keys()
    assert "expected a name of at most 32 letters" in skipped["odd name"]
    assert "/etc/passwd:7: expected 7 fields" in skipped["torn"]


def test_groups_that_belong_to_no_person_are_found() -> None:
    """The one with the odd name is the primary one of a person's."""
    assert {"crew": {"gid": 1500}} == entries(GROUP, host())
