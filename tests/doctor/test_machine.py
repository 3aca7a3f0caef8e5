"""What is found out of the machine itself."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.doctor import Found, Grade, machine
from agent.doctor.holders import holder


@pytest.mark.parametrize(
    ("skew", "kept", "grade", "text"),
    [
        (0.4, True, Grade.OK, "as git.example.com has it, kept by NTP"),
        (None, True, Grade.OK, "held against no server, kept by NTP"),
        (None, None, Grade.OK, "held against no server"),
        (-59.0, False, Grade.WARNING, "as git.example.com has it, but nothing keeps it right (NTP)"),
        (61.0, True, Grade.WARNING, "61 s ahead of git.example.com"),
        (-61.0, True, Grade.WARNING, "61 s behind git.example.com"),
        (-86400.0, True, Grade.FAILED, "86400 s behind git.example.com"),
    ],
)
def test_the_clock_is_held_against_the_server(
    skew: float | None, kept: bool | None, grade: Grade, text: str
) -> None:
    found = machine.clock(skew, "git.example.com", kept=kept)

    assert (grade, text) == (found.grade, found.text)
    assert (grade is not Grade.OK) == ("timedatectl" in found.mend)


@pytest.mark.parametrize("take", [fcntl.flock, fcntl.lockf])
def test_who_holds_a_lock_is_known_without_taking_it(take: object, tmp_path: Path) -> None:
    """flock(2) as trued does it, fcntl(2) as dpkg does."""
    path = tmp_path / "lock"
    assert holder(path) is None
    with path.open("w") as file:
        assert holder(path) is None
        take(file, fcntl.LOCK_EX)  # type: ignore[operator]

        assert os.getpid() == holder(path)
    assert holder(path) is None


LISTING = "ii \tbash\niF \tnginx\niU \tcurl\nrc \told\nhi \tlinux\niHR\ttzdata\niiR\tbroken\n"


def test_packages_that_are_not_whole_are_named() -> None:
    """As dpkg-query lists them after an installation that was cut off."""
    assert [
        "nginx (half-configured)",
        "curl (unpacked)",
        "tzdata (half-installed)",
        "broken (to be installed again)",
    ] == machine.unfinished(LISTING)


def test_packages_in_the_hands_of_another_are_let_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Halfway is then as it should be."""
    lock = tmp_path / "lock-frontend"
    monkeypatch.setattr(machine, "DPKG_LOCK", lock)
    with lock.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        found = machine.packages()

    assert Grade.WARNING is found.grade
    assert f"another process works with dpkg now (pid {os.getpid()})" == found.text


def test_a_tool_is_missed_only_by_what_needs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host that goes by https does without ssh."""
    for name in set(machine.TOOLS) - {"ssh"}:
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setitem(machine.commands.ENVIRONMENT, "PATH", str(tmp_path))

    need_not, needs = machine.tools(()), machine.tools(("ssh",))

    text = "no ssh: a repository cannot be reached over SSH"
    mend = "install what this host needs of: openssh-client"
    assert Found(Grade.WARNING, text, mend) == need_not
    assert Found(Grade.FAILED, text, mend) == needs


def room(folder: Path, options: str, then: str = "true") -> subprocess.CompletedProcess[str]:
    """Look at a file system of its own, mounted where nobody else sees it."""
    look = (
        "from pathlib import Path; from agent.doctor import machine;"
        f"found = machine.disk({{'state_dir': Path('{folder}/not/yet')}}); print(found.grade, found.text)"
    )
    script = f'mount -t tmpfs -o {options} none "$0" && {then} && exec "$@"'
    argv = ("unshare", "--mount", "sh", "-c", script, str(folder), sys.executable, "-c", look)
    top = Path(__file__).parents[2]
    return subprocess.run(argv, cwd=top, capture_output=True, text=True, check=False)


@pytest.mark.root
@pytest.mark.parametrize(
    ("options", "then", "said"),
    [
        ("size=8m", "true", "failed state_dir {}: full (8 MiB free)"),
        ("size=1g,nr_inodes=50", "true", "failed state_dir {}: no room for more files (49 inodes free)"),
        ("size=1g", 'mount -o remount,ro "$0"', "failed state_dir {}: read-only"),
        ("size=100m", "true", "warning state_dir {}: 100 MiB free"),
        ("size=1g,nr_inodes=500", "true", "warning state_dir {}: 499 inodes free"),
        ("size=1g", "true", "ok state_dir {}: 1024 MiB free"),
    ],
)
def test_room_on_the_disk(options: str, then: str, said: str, tmp_path: Path) -> None:
    """Also where the folder is not made yet: that of the one above it."""
    answer = room(tmp_path, options, then)

    assert (said.format(tmp_path / "not/yet"), "") == (answer.stdout.strip(), answer.stderr)
