"""Homes, keys and passwords of users on a real machine, as sshd and su have them; and users that were made by half."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.host.machine.accounts import (
    HASH,
    HASH_FILE,
    attributes,
    line,
    make_keys,
    outcomes,
    public,
    ssh,
    users,
    with_keys,
)
from tests.host.machine.fixtures import Manage
from tests.host.machine.host import Host
from tests.host.machine.python import COMMAND


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def test_a_home_that_was_kept_is_given_back_with_its_number(managed: Host) -> None:
    """Whoever comes back finds everything as it was."""
    machine = managed.machine
    everything = {**users(ada={}, bob={}), "files": {"/srv/x": {"content": "x"}}}
    managed.declare(everything)
    managed.apply()
    uid = line(machine, "passwd", "ada")[2]
    managed.declare({**everything, **users(bob={}, carol={})})
    managed.apply()
    managed.declare({**everything, **users(ada={}, bob={}, carol={})})
    managed.apply()

    assert uid == line(machine, "passwd", "ada")[2]
    assert int(uid) == machine.path("/home/ada/.bashrc").stat().st_uid


def test_a_home_goes_where_it_is_asked_for(managed: Host) -> None:
    managed.declare(users(ada={}, bob={}))
    managed.apply()
    managed.declare(users(ada={"state": "absent", "remove_home": True}, bob="absent"))
    managed.apply()

    assert not managed.machine.exists("/home/ada")
    assert managed.machine.exists("/home/bob")


def test_keys_are_added_and_only_exclusive_ones_are_all(managed: Host, keys: tuple[Path, Path]) -> None:
    """As sshd has it."""
    machine, (one, two) = managed.machine, keys
    managed.declare(with_keys(one))
    managed.apply()
    file = machine.path("/home/ada/.ssh/authorized_keys")
    file.write_text(f"# mine\n{public(two)}\n")
    managed.apply()
    assert f"# mine\n{public(two)}\n{public(one)}\n" == file.read_text()
    assert (0, 0) == (ssh(machine, one), ssh(machine, two))

    managed.declare(with_keys(one, exclusive_keys=True))
    managed.apply()
    assert f"{public(one)}\n" == file.read_text()
    assert (0, 255) == (ssh(machine, one), ssh(machine, two))


def test_the_keys_of_a_user_who_was_there_are_kept_first(managed: Host, keys: tuple[Path, Path]) -> None:
    """They may have been somebody's only way in."""
    machine, (one, two) = managed.machine, keys
    machine.run("useradd", "--create-home", "ada")
    machine.run("install", "-d", "-o", "ada", "-g", "ada", "-m", "700", "/home/ada/.ssh")
    machine.put("/home/ada/.ssh/authorized_keys", f"{public(two)}\n", mode=0o600)
    managed.declare(with_keys(one, exclusive_keys=True))
    # It belongs to root here: nothing of it is copied to the user, and it is replaced only as a whole.
    assert "authorized_keys belongs to uid 0" in outcomes(managed.apply())["user:ada"][2]

    assert f"{public(one)}\n" == machine.read("/home/ada/.ssh/authorized_keys")
    assert f"{public(two)}\n" == machine.read("/var/lib/trued/first/home/ada/.ssh/authorized_keys")


def test_a_hostile_home_leads_nowhere(managed: Host, keys: tuple[Path, Path]) -> None:
    """The user may put a link where the keys go: nothing is written through it, nothing is read through it."""
    machine = managed.machine
    managed.declare(with_keys(keys[0]))
    managed.apply()
    machine.run("runuser", "-u", "ada", "--", "sh", "-c", "rm -r ~/.ssh && ln -s /etc ~/.ssh")
    result, _, reason = outcomes(managed.apply(3))["user:ada"]
    assert ("blocked", "/home/ada/.ssh: is no folder") == (result, reason.split(";")[0])
    assert not machine.exists("/etc/authorized_keys")

    machine.run(
        "sh",
        "-c",
        "rm /home/ada/.ssh && install -d -o ada /home/ada/.ssh && ln /etc/shadow /home/ada/.ssh/authorized_keys",
    )
    result, _, reason = outcomes(managed.apply(3))["user:ada"]
    assert ("blocked", "/home/ada/.ssh/authorized_keys: belongs to uid 0, not to the user") == (
        result,
        reason.split(";")[0],
    )
    assert (0o640, 0) == attributes(machine, "/etc/shadow")[:2]


def test_a_password_works_and_is_told_nowhere(managed: Host) -> None:
    """In no argument, no report, no journal; not in what trued keeps."""
    machine = managed.machine
    machine.put(HASH_FILE, f"{HASH}\n", mode=0o600)
    # It is found before the real one, and tells what everybody can see of it in /proc, and of who started it.
    spying = "tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' ' ' </proc/$PPID/cmdline; env"
    spy = f'#!/bin/sh\n{{ {spying}; }} >/srv/seen\nexec /usr/sbin/chpasswd "$@"\n'
    machine.put("/usr/local/sbin/chpasswd", spy, mode=0o755)
    managed.declare(users(ada={"password_file": HASH_FILE}))
    said = managed.trued("plan", "--json") + managed.trued("apply", "--json")
    login = ("runuser", "-u", "nobody", "--", "su", "ada", "-c", "id -un")
    assert "ada\n" == machine.run(*login, stdin="correct horse\n").stdout
    assert 0 != machine.run(*login, stdin="wrong horse\n", check=False).code

    machine.run("usermod", "--password", "$6$other$", "ada")
    said += managed.trued("apply", code=0)
    assert HASH == line(machine, "shadow", "ada")[1]
    said += machine.read("/srv/seen")
    assert "chpasswd -e" in said
    said += json.dumps(machine.journal()) + "".join(managed.reports()) + json.dumps(managed.status())
    said += machine.run("grep", "-ra", "saltsalt", "/var/lib/trued", "/tmp", "/var/tmp", check=False).stdout
    assert "saltsalt" not in said


def test_a_lock_is_taken_and_given_back(managed: Host) -> None:
    machine = managed.machine
    machine.put(HASH_FILE, f"{HASH}\n", mode=0o600)
    for locked in (True, False):
        managed.declare(users(ada={"password_file": HASH_FILE, "locked": locked}))
        managed.apply()
        assert ("!" if locked else "") + HASH == line(machine, "shadow", "ada")[1]
        assert "nothing to do" in managed.trued("plan", code=0)


def test_a_kill_at_any_moment_leaves_what_the_next_cycle_finishes(
    managed: Host, keys: tuple[Path, Path]
) -> None:
    """Every process at once, in the middle of groupadd(8), useradd(8) or chpasswd(8)."""
    machine, moments = managed.machine, random.Random(4)
    machine.put(HASH_FILE, f"{HASH}\n", mode=0o600)
    everyone: dict[str, Any] = {}
    for number in range(6):
        more = {"password_file": HASH_FILE, "authorized_keys": [public(keys[0])]}
        everyone |= {f"ada{number}": more, f"bob{number}": more}
        managed.declare({**users(**everyone), "groups": {f"crew{number}": {}}})
        with machine.popen(COMMAND, "apply"):
            time.sleep(moments.uniform(0.3, 1.2))
            machine.crash()
        machine.start()
    managed.apply()

    assert "nothing to do" in managed.trued("plan", code=0)
    assert {HASH} == {line(machine, "shadow", name)[1] for name in everyone}
    assert [] == [name for name in everyone if not machine.exists(f"/home/{name}/.bashrc")]


def test_a_home_that_a_killed_useradd_did_not_come_to_is_made(managed: Host) -> None:
    """It makes the home last; from the files alone nobody could tell."""
    machine = managed.machine
    # It is found before the real one, ends before the home is made, and takes trued along.
    broken = machine.put(
        "/usr/local/sbin/useradd", "#!/bin/sh\n/usr/sbin/useradd -M -g ada ada\nkill -9 $PPID\n", mode=0o755
    )
    managed.declare(users(ada={}))
    managed.run("apply")
    broken.unlink()
    assert [] != line(machine, "passwd", "ada")
    assert not machine.exists("/home/ada")

    assert ("changed", "unfinished", "home is missing") == outcomes(managed.apply())["user:ada"]
    assert int(line(machine, "passwd", "ada")[2]) == machine.path("/home/ada/.bashrc").stat().st_uid


def test_power_cuts_at_any_moment_leave_what_the_next_cycle_finishes(manage: Manage) -> None:
    """What was not synced is lost, in the middle of groupadd(8), useradd(8) or chpasswd(8)."""
    managed = manage(disk="768M")
    machine, moments = managed.machine, random.Random(7)
    machine.put(HASH_FILE, f"{HASH}\n", mode=0o600)
    machine.run("sync")
    everyone: dict[str, Any] = {}
    for number in range(4):
        everyone |= {f"ada{number}": {"password_file": HASH_FILE}, f"bob{number}": {"groups": ["video"]}}
        managed.declare({**users(**everyone), "groups": {f"crew{number}": {}}})
        with machine.popen(COMMAND, "apply"):
            time.sleep(moments.uniform(0.3, 1.5))
            machine.power_cut()
        machine.start()
    managed.apply()

    assert "nothing to do" in managed.trued("plan", code=0)
    assert [] == [name for name in everyone if not machine.exists(f"/home/{name}")]
    assert {HASH} == {line(machine, "shadow", f"ada{number}")[1] for number in range(4)}
