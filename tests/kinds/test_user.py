"""The kind `user`: what can be declared, what comes first, and what no case can say."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath
from typing import Any

import pytest

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import DocumentError, HostError
from agent.host import Entry, FileType
from agent.kinds.user import KIND
from agent.kinds.user.observe import HASH, Home, UserState
from agent.kinds.user.spec import UserSpec
from agent.model import AccountName, KeepFirst, Remove, ResourceId, Run, Stale
from tests.fakes import FakeHost, FakeTree, Node
from tests.kinds.hosts.accounts import furnish

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5LdBBBNny0hWZGPfmBGlE7QX+TW8Bgybv+vysPPhJr ada@example.com"
HASHED = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"


def read(text: str) -> UserSpec:
    node = parse(text.encode(), "base.yaml")
    assert node is not None
    return decode(node, UserSpec)


def host(**case: Any) -> FakeHost:
    made = FakeHost(case.pop("nodes", {}))
    furnish(made, case)
    return made


def state(fake: FakeHost, want: UserSpec | None, name: str = "ada") -> UserState:
    found = KIND.observe(fake.probe(), {name: want})[name]
    assert isinstance(found, UserState)
    return found


@pytest.mark.parametrize("name", ["ada", "_apt", "systemd-network", "Ada.Lovelace", "a" * 32, "www-data"])
def test_a_name_that_can_be_declared_stays_as_it_is(name: str) -> None:
    assert name == KIND.name(name)


@pytest.mark.parametrize(
    "name", ["", "-r", "1ada", "1000", "a b", "a:b", "a/b", "a\n", "ä", "a" * 33, ".a", "a,b", "+", "a$"]
)
def test_a_name_that_a_tool_could_misread_is_refused(name: str) -> None:
    """As an option, as a number, as the end of a field."""
    with pytest.raises(ValueError, match="expected a name of at most 32 letters"):
        KIND.name(name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{uid: 0}", "uid: expected a number from 1 to 4294967294"),
        ("{uid: 65535}", "uid: 65535 is no number for a user or group"),
        ("{uid: 4294967295}", "uid: expected a number from 1 to 4294967294"),
        ("{uid: -1}", "uid: expected a number from 1 to 4294967294"),
        ("{groups: [video, audio, video]}", "group 'video' is given twice"),
        ("{groups: ['a b']}", "groups[0]: expected a name of at most 32 letters"),
        ("{home: relative}", "expected an absolute path without ':', '..' and control characters for home"),
        (
            "{home: /srv/../etc}",
            "expected an absolute path without ':', '..' and control characters for home",
        ),
        (
            "{shell: '/bin/sh:x'}",
            "expected an absolute path without ':', '..' and control characters for shell",
        ),
        ("{shell: ''}", "expected an absolute path without ':', '..' and control characters for shell"),
        (
            "{password_file: hash}",
            "expected an absolute path without ':', '..' and control characters for password",
        ),
        ("{home: //srv}", "expected an absolute path without ':', '..' and control characters for home"),
        ("{home: //, create_home: true}", "expected an absolute path without ':', '..' and control"),
        ("{home: /, create_home: true}", "the root folder is nobody's own"),
        ('{comment: "a:b"}', "a comment has no ':' and no control characters"),
        ('{comment: "a\\nb:x:0:0::/:/bin/sh"}', "a comment has no ':' and no control characters"),
        ("{remove_home: true}", "remove_home goes with the state absent"),
        ("{state: absent, shell: /bin/sh}", "a user that is absent has no 'shell'"),
        ("{state: locked}", "state: expected one of present, absent"),
        ("{password: secret}", "password: unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"state": "absent"}, "root cannot be removed"),
        ({"shell": "/bin/false"}, "of root, 'shell' cannot be declared"),
        ({"home": "/srv"}, "of root, 'home' cannot be declared"),
        ({"group": AccountName("video")}, "of root, 'group' cannot be declared"),
    ],
)
def test_nothing_is_declared_of_root_that_could_lock_it_out(entry: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(KIND.expand("root", UserSpec(**entry), FakeTree()))


def test_keys_of_root_can_be_declared() -> None:
    spec = UserSpec(authorized_keys=(KEY,), groups=(AccountName("video"),), locked=True)

    assert [("root", spec)] == list(KIND.expand("root", spec, FakeTree()))


def test_a_user_comes_after_its_groups_its_shell_and_its_password() -> None:
    spec = UserSpec(
        groups=(AccountName("video"), AccountName("audio")), shell="/usr/bin/fish", password_file="/etc/hash"
    )
    ids = [*map(ResourceId.parse, ("group:ada", "group:video", "package:fish", "file:/etc/hash"))]
    others = [*map(ResourceId.parse, ("group:bob", "package:bash", "file:/etc", "user:video"))]

    assert ids == list(KIND.edges("ada", spec, {*ids, *others}))
    assert [] == list(KIND.edges("ada", UserSpec(state="absent"), {*ids, *others}))


def test_its_own_group_does_not_come_first_where_it_has_another() -> None:
    """So that the own group can be declared absent, which then comes after the user."""
    own, staff = ResourceId("group", "ada"), ResourceId("group", "staff")

    assert [staff] == list(KIND.edges("ada", UserSpec(group=AccountName("staff")), {own, staff}))


def test_a_hash_is_in_no_representation() -> None:
    """Whatever is logged, raised or reported by accident."""
    file = Node.file(f"{HASHED}\n".encode(), mode=0o600)
    fake = host(
        nodes={"/etc/hash": file},
        passwd="ada:x:1000:1000::/home/ada:/bin/sh",
        shadow=f"root:*:1::::::\nada:{HASHED}:1::::::",
    )
    spec = UserSpec(password_file="/etc/hash", locked=True)
    have = state(fake, spec)
    steps = list(KIND.steps("ada", spec, have, stale=Stale.NO))
    new = list(KIND.steps("bob", spec, state(fake, spec, "bob"), stale=Stale.NO))

    assert (HASHED, HASHED) == (have.hash, have.wanted)
    assert (
        "saltsalt" not in f"{have!r} {steps!r} {new!r} {fake.probe().accounts()!r} {KIND.fingerprint(spec)}"
    )


@pytest.mark.parametrize(
    "command", [("openssl", "passwd", "-6"), ("openssl", "passwd", "-5"), ("mkpasswd", "-m", "yescrypt")]
)
def test_what_the_usual_tools_make_is_taken_for_a_hash(command: tuple[str, ...]) -> None:
    try:
        said = subprocess.run((*command, "correct horse"), capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip(f"no {command[0]} here")

    assert HASH.fullmatch(said.strip())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$secret",
        "$6$",
        "$6$a b c d e f g",
        f"{HASHED}\nx",
        f"!{HASHED}",
        f"{HASHED}:0",
        "x" * 2000,
    ],
)
def test_what_is_no_hash_is_refused_and_not_quoted(text: str) -> None:
    fake = host(nodes={"/etc/hash": Node.file(text.encode(), mode=0o600)})
    spec = UserSpec(password_file="/etc/hash")
    with pytest.raises(HostError) as caught:
        list(KIND.steps("ada", spec, state(fake, spec), stale=Stale.NO))

    assert "/etc/hash: expected one line with the hash of a password" in str(caught.value)
    assert len(text) < 5 or text not in caught.value.reason


def test_a_password_file_that_is_made_with_the_plan_is_waited_for() -> None:
    """The user is made; whether the file came is looked at right before."""
    spec = UserSpec(password_file="/etc/hash")
    fake = host()

    assert ["groupadd", "useradd"] == [
        step.argv[0]
        for step in KIND.steps("ada", spec, state(fake, spec), stale=Stale.NO)
        if isinstance(step, Run)
    ]


def test_the_keys_that_were_there_first_are_kept() -> None:
    """They may be somebody's only way in."""
    entry = Entry(type=FileType.FILE, mode=0o600, uid=1000, gid=1000, size=1)
    home = Home(path=PurePosixPath("/home/ada"), folder=None, keys=entry)

    assert [KeepFirst(path=home.keys_path, why="")] == list(
        KIND.first("ada", UserState(line=None, home=home))
    )
    assert [] == list(KIND.first("ada", UserState(line=None)))


def test_the_home_of_a_new_user_is_where_this_host_makes_homes() -> None:
    fake = host(nodes={"/etc/default/useradd": Node.file(b"# x\nSHELL=/bin/sh\nHOME=/srv/home\n")})
    found = state(fake, UserSpec()).home

    assert found is not None
    assert "/srv/home/ada" == str(found.path)


@pytest.mark.parametrize(
    ("content", "comm", "age", "goes"),
    [
        (b"", None, 2000.0, True),  # a power cut, before the content was on the disk
        (b"77\0", b"nginx\n", 2000.0, True),  # the number is another's since the reboot
        (b"77\0", b"useradd\n", 2000.0, False),  # the clock may have jumped
        (b"77\0", None, 2000.0, False),  # the next program takes it over by itself
        (b"77\0", b"nginx\n", 900.0, False),  # from this boot
        (b"", None, 900.0, False),
    ],
)
def test_a_lock_from_before_this_boot_is_taken_away(
    content: bytes, comm: bytes | None, age: float, *, goes: bool
) -> None:
    nodes = {"/etc/passwd.lock": Node.file(content), "/proc/uptime": Node.file(b"1000.00 3.2\n")}
    if comm is not None:
        nodes["/proc/77/comm"] = Node.file(comm)
    fake = host(nodes=nodes)
    fake.ages["/etc/passwd.lock"] = age
    have = state(fake, UserSpec())

    removed = [
        step.path.name for step in KIND.prepare({}, {"ada": have, "bob": have}) if isinstance(step, Remove)
    ]
    assert (["passwd.lock"] if goes else []) == removed
