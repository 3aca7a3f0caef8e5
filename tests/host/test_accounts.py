"""The files of users and groups, as they are and as a crash leaves them."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.accounts import parse
from agent.host.local import Local

PASSWD = b"root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:Ada:/home/ada:/bin/sh\n"
GROUP = b"root:x:0:\nada:x:1000:\nvideo:x:44:ada,bob\n"
SHADOW = b"root:*:1:0:99999:7:::\nada:$6$a$b:1:0:99999:7:::\n"


@pytest.mark.root
def test_this_machine_is_read_as_its_c_library_reads_it(tmp_path: Path) -> None:
    found = Local(Path("/"), tmp_path).probe().accounts()

    assert {one.pw_name: one.pw_uid for one in pwd.getpwall()}.items() >= {
        name: user.uid for name, user in found.users.items()
    }.items()
    assert {one.gr_name: frozenset(one.gr_mem) for one in grp.getgrall()}.items() >= {
        name: group.members for name, group in found.groups.items()
    }.items()


def test_below_another_root_nothing_is_known_of_users(tmp_path: Path) -> None:
    """The commands that change them are about the machine itself."""
    with pytest.raises(HostError, match="`useradd` is not run"):
        Local(tmp_path, tmp_path / "state").probe().accounts()


def test_users_come_with_groups_and_passwords() -> None:
    found = parse(PASSWD, GROUP, SHADOW, b"")

    assert ("ada", "ada", "") == (found.user_of(1000), found.group_of(1000), found.user_of(5))
    assert (frozenset({"video"}), frozenset()) == (found.groups_with("ada"), found.groups_with("root"))
    assert "$6$a$b" == found.users["ada"].password
    assert "$6$" not in repr(found)


def test_a_password_that_is_not_in_shadow_is_told_from_none() -> None:
    """A host without shadow has it in passwd; a host with shadow may lack the line."""
    without = PASSWD.replace(b"root:x", b"root:*").replace(b"ada:x", b"ada:$6$x")

    assert "$6$x" == parse(without, GROUP, b"", b"").users["ada"].password
    assert parse(PASSWD, GROUP, SHADOW[: SHADOW.index(b"ada")], b"").users["ada"].password is None


def test_of_two_lines_with_a_name_or_a_number_the_first_counts() -> None:
    """As for getpwnam(3) and getpwuid(3)."""
    found = parse(PASSWD + b"ada:x:7:7::/:\nbob:x:1000:1000::/:\n", GROUP, SHADOW, b"")

    assert (1000, "ada") == (found.users["ada"].uid, found.user_of(1000))


@pytest.mark.parametrize("line", [b"+", b"+ada::::::", b"-bob", b"# x", b"", b"  "])
def test_what_is_no_line_for_a_user_is_passed_over(line: bytes) -> None:
    found = parse(PASSWD + line + b"\n", GROUP, SHADOW, b"")

    assert ({"root", "ada"}, {}) == (found.users.keys(), found.broken_users)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"bob", "expected 7 fields with ':' in between, found 1"),
        (b"bob:x:1:1::/:/bin/sh:more", "expected 7 fields with ':' in between, found 8"),
        (b"bob:x::1::/:/bin/sh", "expected a number as uid"),
        (b"bob:x:-1:1::/:/bin/sh", "expected a number as uid"),
        (b"bob:x:1:0x1::/:/bin/sh", "expected a number as gid"),
    ],
)
def test_a_broken_line_is_told_with_its_place_and_the_rest_goes_on(line: bytes, reason: str) -> None:
    found = parse(line + b"\n" + PASSWD, GROUP, SHADOW, b"")

    assert {"root", "ada"} == found.users.keys()
    assert f"/etc/passwd:1: {reason}; mend the line: pwck(8)" == found.broken_users["bob"].reason


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"ada:x:1000:1000::/:/bin/sh\n", b"root:x:0"])
def test_a_file_without_root_is_damaged(data: bytes) -> None:
    """Nobody in it is absent: users must not be made on top of what a power cut has left."""
    with pytest.raises(HostError, match="/etc/passwd: has no line for root: it is damaged"):
        parse(data, GROUP, SHADOW, b"")
    with pytest.raises(HostError, match="/etc/group: has no line for root: it is damaged"):
        parse(PASSWD, data, SHADOW, b"")


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, SHADOW[SHADOW.index(b"ada") :], b"root:*:1"])
def test_a_shadow_without_root_is_damaged(data: bytes) -> None:
    """pwconv(8) would give each user a line there in which the password is gone for good."""
    with pytest.raises(HostError, match="/etc/shadow: has no line for root, .*: it is damaged"):
        parse(PASSWD, GROUP, data, b"")


@pytest.mark.parametrize("cut", [3, 8])
def test_a_file_that_is_cut_off_is_damaged(cut: int) -> None:
    """Those after the cut are not absent."""
    with pytest.raises(HostError, match="/etc/passwd: ends in the middle of a line: it is damaged"):
        parse(PASSWD + b"bob:x:7:7::/:/bin/sh"[:cut], GROUP, SHADOW, b"")
    with pytest.raises(HostError, match="/etc/group: ends in the middle of a line: it is damaged"):
        parse(PASSWD, GROUP + b"team:x"[:cut], SHADOW, b"")


def test_a_last_line_without_its_end_is_whole() -> None:
    """An editor may leave such."""
    found = parse(PASSWD.rstrip(b"\n"), GROUP.rstrip(b"\n"), SHADOW.rstrip(b"\n"), b"")

    assert ({"root", "ada"}, frozenset({"ada", "bob"})) == (
        found.users.keys(),
        found.groups["video"].members,
    )


def test_who_counts_as_a_person_is_what_the_host_says() -> None:
    found = parse(PASSWD, GROUP, SHADOW, b"# UID_MIN 5\nUID_MIN\t\t  500\nUID_MAX 2000\nGID_MAX none\n")

    assert (range(500, 2001), range(1000, 60001)) == (found.uids, found.gids)
