"""Users and groups on a real machine: what shadow-utils makes of them, and what stands in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.machine.accounts import (
    HASH,
    HASH_FILE,
    attributes,
    line,
    make_keys,
    outcomes,
    public,
    run_as,
    users,
)
from tests.host.machine.host import Host
from tests.host.machine.machine import Machine
from tests.host.machine.python import PLACE

PYTHON = f"{PLACE}/bin/python"
SURVEY = """\
import json, pathlib
from agent.host.local import Local
from agent.kinds.group import KIND as groups
from agent.kinds.user import KIND as users
probe = Local(pathlib.Path("/"), pathlib.Path("/var/lib/trued")).probe()
print(json.dumps({kind.section: {one.name: one.entry for one in kind.survey(probe)} for kind in (users, groups)}))
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def test_a_user_is_made_with_all_that_is_declared(managed: Host, keys: tuple[Path, Path]) -> None:
    """Groups before users, users before their files; and the next cycle has nothing to do."""
    machine = managed.machine
    machine.put(HASH_FILE, f"{HASH}\n", mode=0o600)
    ada = {
        "uid": 1500,
        "group": "ops",
        "groups": ["video"],
        "comment": "Ada Lovelace",
        "home": "/srv/people/ada",
        "home_mode": "0750",
        "shell": "/bin/bash",
        "password_file": HASH_FILE,
        "authorized_keys": [public(keys[0])],
    }
    kiosk = {"system": True, "home": "/var/lib/kiosk", "create_home": True, "shell": "/usr/sbin/nologin"}
    managed.declare(
        {
            **users(ada=ada, kiosk=kiosk),
            "groups": {"ops": {"gid": 1600}, "kiosk": {"system": True}},
            "files": {"/srv/hers": {"content": "x", "owner": "ada", "group": "kiosk"}},
        }
    )
    managed.apply()

    assert ["ada", "x", "1500", "1600", "Ada Lovelace", "/srv/people/ada", "/bin/bash"] == line(
        machine, "passwd", "ada"
    )
    assert "ada" == line(machine, "group", "video")[3]
    assert HASH == line(machine, "shadow", "ada")[1]
    assert int(line(machine, "passwd", "kiosk")[2]) < 1000
    assert line(machine, "passwd", "kiosk")[3] == line(machine, "group", "kiosk")[2]
    assert (0o750, 1500, 1600) == attributes(machine, "/srv/people/ada")
    assert (0o700, 1500, 1600) == attributes(machine, "/srv/people/ada/.ssh")
    assert (0o600, 1500, 1600) == attributes(machine, "/srv/people/ada/.ssh/authorized_keys")
    assert machine.exists("/srv/people/ada/.bashrc")
    assert 1500 == machine.path("/srv/hers").stat().st_uid
    assert "nothing to do" in managed.trued("plan", code=0)


def test_a_shell_that_was_changed_by_hand_is_changed_back(managed: Host) -> None:
    managed.declare(users(ada={"shell": "/bin/bash"}))
    managed.apply()
    managed.machine.run("usermod", "--shell", "/bin/false", "ada")

    report = outcomes(managed.apply())
    assert ("changed", "drift", "shell is /bin/false, wanted /bin/bash") == report["user:ada"]
    assert "/bin/bash" == line(managed.machine, "passwd", "ada")[6]


def test_groups_are_added_and_only_exclusive_ones_are_all(managed: Host) -> None:
    machine = managed.machine
    managed.declare(users(ada={"groups": ["video"]}))
    managed.apply()
    machine.run("usermod", "--append", "--groups", "audio", "ada")
    machine.run("gpasswd", "--delete", "ada", "video")
    managed.apply()
    assert "ada audio video" == groups_of(machine)

    managed.declare(users(ada={"groups": ["video"], "exclusive": True}))
    assert ("changed", "commit", "is in audio") == outcomes(managed.apply())["user:ada"]
    assert "ada video" == groups_of(machine)

    managed.declare(users(ada={"exclusive": True}))
    managed.apply()
    assert "ada" == groups_of(machine)


def groups_of(machine: Machine) -> str:
    first, *others = machine.run("id", "-nG", "ada").stdout.split()
    return " ".join((first, *sorted(others)))


def test_who_has_a_number_is_told_and_the_others_go_on(managed: Host) -> None:
    managed.machine.run("useradd", "--uid", "1500", "bob")
    managed.machine.run("groupadd", "--gid", "1700", "crew")
    managed.declare({**users(ada={"uid": 1500}, eve={}), "groups": {"ops": {"gid": 1700}}})

    report = outcomes(managed.apply(3))
    assert "blocked" == report["user:ada"][0]
    assert "uid 1500 is taken by bob" in report["user:ada"][2]
    assert "gid 1700 is taken by crew" in report["group:ops"][2]
    assert "changed" == report["user:eve"][0]


def test_a_user_who_is_logged_in_goes_when_it_has_ended(managed: Host) -> None:
    """The report says what runs, and how it is ended; the home stays."""
    machine = managed.machine
    managed.declare({**users(ada={}), "files": {"/srv/x": {"content": "x"}}})
    managed.apply()
    machine.put("/home/ada/notes", "hers")
    run_as(machine, "ada")
    managed.declare({"files": {"/srv/x": {"content": "x"}}})

    result, _, reason = outcomes(managed.apply(3))["user:ada"]
    assert "failed" == result
    assert "user ada is currently used by process" in reason
    assert "sleep" in reason
    assert "loginctl terminate-user ada" in reason
    machine.run("systemctl", "stop", "hers.service")
    managed.apply()
    assert [] == line(machine, "passwd", "ada")
    assert [] == line(machine, "group", "ada")
    assert "hers" == machine.read("/home/ada/notes")


def test_a_user_that_was_there_before_is_left(managed: Host) -> None:
    managed.machine.run("useradd", "bob")
    managed.declare({**users(bob={"shell": "/bin/bash"}), "files": {"/srv/x": {"content": "x"}}})
    managed.apply()
    managed.declare({"files": {"/srv/x": {"content": "x"}}})
    managed.apply()

    assert "/bin/bash" == line(managed.machine, "passwd", "bob")[6]


def test_a_group_that_is_in_use_stays_and_the_user_is_told(managed: Host) -> None:
    machine = managed.machine
    managed.declare({"groups": {"ops": {}, "kept": {}}})
    managed.apply()
    machine.run("useradd", "--gid", "ops", "bob")
    managed.declare({"groups": {"kept": {}}})

    result, _, reason = outcomes(managed.apply(3))["group:ops"]
    assert "failed" == result
    assert "cannot remove the primary group of user 'bob'" in reason
    machine.run("userdel", "bob")
    managed.apply()
    assert [] == line(machine, "group", "ops")


def test_a_user_and_its_group_go_together(managed: Host) -> None:
    """userdel(8) takes the group along, and that is no failure."""
    managed.declare({**users(ada={"group": "ada"}), "groups": {"ada": {}, "kept": {}}})
    managed.apply()
    managed.declare({"groups": {"kept": {}}})
    managed.apply()

    assert [] == line(managed.machine, "group", "ada")
    assert "nothing to do" in managed.trued("plan", code=0)


@pytest.mark.parametrize("content", ["", "1", "x"])
def test_a_lock_that_a_power_cut_has_left_is_taken_away(managed: Host, content: str) -> None:
    """Empty, or with a number that something else has by now: useradd(8) would wait for it for ever."""
    machine = managed.machine
    for name in ("passwd", "group", "shadow", "gshadow", "subuid"):
        machine.put(f"/etc/{name}.lock", content, mode=0o600)
        machine.run("touch", "--date=@1000000000", f"/etc/{name}.lock")
    assert "cannot lock" in machine.run("useradd", "bob", check=False).stderr
    managed.declare({**users(ada={}), "groups": {"ops": {}}})
    managed.apply()

    assert [] != line(machine, "passwd", "ada")
    assert [] == [path.name for path in machine.path("/etc").glob("*.lock") if path.name != ".pwd.lock"]


def test_a_lock_that_is_held_is_left(managed: Host) -> None:
    """It says so, and comes to it in a later cycle."""
    managed.machine.put("/etc/passwd.lock", "1", mode=0o600)
    managed.declare(users(ada={}))

    result, _, reason = outcomes(managed.apply(3))["user:ada"]
    assert "failed" == result
    assert "cannot lock /etc/passwd; try again later" in reason
    assert managed.machine.exists("/etc/passwd.lock")


def test_a_broken_line_blocks_its_own_user_only(managed: Host) -> None:
    machine = managed.machine
    path = machine.path("/etc/passwd")
    path.write_text(f"{path.read_text()}bob:x:1500\n")
    managed.declare(users(ada={}, bob={}))

    report = outcomes(managed.apply(3))
    assert "changed" == report["user:ada"][0]
    assert "blocked" == report["user:bob"][0]
    assert "expected 7 fields with ':' in between, found 3; mend the line: pwck(8)" in report["user:bob"][2]


def test_the_people_that_are_there_can_be_declared_without_a_change(
    managed: Host, keys: tuple[Path, Path]
) -> None:
    """With their groups and keys; their passwords are nobody's business."""
    machine = managed.machine
    machine.run("groupadd", "--gid", "1700", "crew")
    machine.run(
        "useradd", "--create-home", "--comment=Ada,,,", "--groups=crew,video", "--password", HASH, "ada"
    )
    machine.run("useradd", "--gid=users", "--shell=/bin/bash", "bob")
    machine.run("install", "-d", "-o", "ada", "-g", "ada", "-m", "700", "/home/ada/.ssh")
    machine.put("/home/ada/.ssh/authorized_keys", public(keys[0]), mode=0o600)
    machine.run("chown", "ada:", "/home/ada/.ssh/authorized_keys")
    found = machine.run(PYTHON, "-c", SURVEY).stdout
    managed.declare(found)

    assert "nothing to do, 3 as declared" in managed.trued("plan", code=0)
    assert public(keys[0]) in found
    assert "saltsalt" not in found
