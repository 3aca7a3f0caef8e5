"""What `Local` puts in place and takes away, on real files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from agent.errors import HostError, SourceError
from agent.host.local import Local
from agent.model import KeepFirst, MakeDirectory, MakeLink, Remove, SetAttributes, Text, WriteFile
from tests.host.test_looking import ODD_NAMES

P = PurePosixPath


def write(
    path: str | PurePosixPath,
    data: bytes = b"new\n",
    *,
    mode: int | None = None,
    owner: str | None = None,
    group: str | None = None,
    validate: tuple[str, ...] = (),
) -> WriteFile:
    return WriteFile(
        path=P(path),
        content=Text.of(data),
        mode=mode,
        owner=owner,
        group=group,
        validate=validate,
        why="missing",
    )


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_new_file_is_there_with_0644(local: Local, root: Path) -> None:
    local.perform(write("/etc/motd"))
    assert b"new\n" == (root / "etc/motd").read_bytes()
    assert 0o644 == mode_of(root / "etc/motd")
    assert ["motd"] == names(root / "etc")


def test_the_umask_plays_no_part(local: Local, root: Path) -> None:
    before = os.umask(0o077)
    try:
        local.perform(write("/etc/motd"))
        local.perform(MakeDirectory(path=P("/etc/dir"), why="missing"))
    finally:
        os.umask(before)
    assert (0o644, 0o755) == (mode_of(root / "etc/motd"), mode_of(root / "etc/dir"))


def test_a_mode_that_is_not_declared_stays(local: Local, root: Path) -> None:
    (root / "etc/key").write_bytes(b"old")
    (root / "etc/key").chmod(0o4710)
    local.perform(write("/etc/key"))
    assert (b"new\n", 0o4710) == ((root / "etc/key").read_bytes(), mode_of(root / "etc/key"))


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o1777, 0o2755, 0o6755])
def test_a_declared_mode_holds_with_all_its_bits(local: Local, root: Path, mode: int) -> None:
    local.perform(write("/etc/x", mode=mode))
    local.perform(MakeDirectory(path=P("/etc/d"), mode=mode, why="missing"))
    assert (mode, mode) == (mode_of(root / "etc/x"), mode_of(root / "etc/d"))


@pytest.mark.root
@pytest.mark.root
@pytest.mark.parametrize("content", [b"same", b"other"])
def test_setuid_does_not_come_along_to_another_owner(local: Local, root: Path, content: bytes) -> None:
    """Who owns the folder could else make a program that runs as root of what is declared to be root's."""
    file = root / "etc/tool"
    file.write_bytes(b"same")
    os.chown(file, 12345, 12345)
    file.chmod(0o6755)
    if content == b"same":
        local.perform(SetAttributes(path=P("/etc/tool"), owner="root", why=""))
    else:
        local.perform(WriteFile(path=P("/etc/tool"), content=Text.of(content), owner="root", why=""))

    assert (0, 0o755) == (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode))


def test_owner_and_setuid_are_both_there_in_the_end(local: Local, root: Path) -> None:
    """chown(2) takes setuid away, so the mode comes after it."""
    local.perform(write("/etc/x", mode=0o6755, owner="1234", group="2345"))
    found = (root / "etc/x").stat()
    assert (1234, 2345, 0o6755) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
    local.perform(SetAttributes(path=P("/etc/x"), mode=0o6755, owner="1235", why="owner"))
    found = (root / "etc/x").stat()
    assert (1235, 2345, 0o6755) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


@pytest.mark.root
def test_an_owner_that_is_not_declared_stays(local: Local, root: Path) -> None:
    (root / "etc/x").touch()
    os.chown(root / "etc/x", 1234, 2345)
    local.perform(write("/etc/x"))
    assert (1234, 2345) == ((root / "etc/x").stat().st_uid, (root / "etc/x").stat().st_gid)


@pytest.mark.root
def test_the_owner_of_a_link_is_its_own(local: Local, root: Path) -> None:
    (root / "etc/target").touch()
    local.perform(MakeLink(path=P("/etc/link"), target="target", owner="1234", why="missing"))
    assert 1234 == (root / "etc/link").lstat().st_uid
    local.perform(SetAttributes(path=P("/etc/link"), owner="1235", why="owner"))
    assert (1235, 0) == ((root / "etc/link").lstat().st_uid, (root / "etc/target").stat().st_uid)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (write("/etc/x", owner="no-such-user"), "no user 'no-such-user' on this host"),
        (write("/etc/x", group="no-such-group"), "no group 'no-such-group' on this host"),
        (write("/none/x"), "/none/x: cannot be written: there is no folder /none"),
        (write("/etc/fifo"), "/etc/fifo: a socket, a FIFO or a device is there, and trued replaces none"),
        (write("/etc/full"), "/etc/full: cannot be written: directory not empty"),
        (
            MakeLink(path=P("/none/x"), target="y", why=""),
            "/none/x: cannot be linked: there is no folder /none",
        ),
        (
            MakeDirectory(path=P("/etc/file"), why=""),
            "/etc/file: cannot be made: something that is no folder is there",
        ),
        (
            SetAttributes(path=P("/etc/none"), mode=0o600, why=""),
            "/etc/none: cannot set mode and owner: nothing is there",
        ),
        (
            Remove(path=P("/etc/fifo"), why=""),
            "/etc/fifo: a socket, a FIFO or a device is there, and trued replaces none",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    local: Local, root: Path, step: WriteFile, message: str
) -> None:
    os.mkfifo(root / "etc/fifo")
    (root / "etc/full").mkdir()
    (root / "etc/full/thing").touch()
    (root / "etc/file").touch()
    before = names(root / "etc")
    with pytest.raises(HostError) as caught:
        local.perform(step)
    assert message == str(caught.value)
    assert before == names(root / "etc")


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_names_are_written_linked_and_removed(local: Local, root: Path, name: str) -> None:
    path = P("/etc") / name
    local.perform(write(path))
    local.perform(SetAttributes(path=path, mode=0o600, why="mode"))
    assert (b"new\n", 0o600) == ((root / "etc" / name).read_bytes(), mode_of(root / "etc" / name))
    local.perform(MakeLink(path=path, target="-n", why="link"))
    assert "-n" == os.readlink(root / "etc" / name)
    local.perform(Remove(path=path, why="gone"))
    local.perform(MakeDirectory(path=path, why="missing"))
    assert (root / "etc" / name).is_dir()
    local.perform(Remove(path=path, why="gone"))
    assert [] == names(root / "etc")


def test_every_step_may_be_done_again(local: Local, root: Path) -> None:
    for step in (
        MakeDirectory(path=P("/etc/d"), mode=0o700, why=""),
        write("/etc/d/x"),
        MakeLink(path=P("/etc/d/y"), target="x", why=""),
        SetAttributes(path=P("/etc/d/x"), mode=0o600, why=""),
        KeepFirst(path=P("/etc/d/x"), why=""),
        Remove(path=P("/etc/d/y"), why=""),
    ):
        local.perform(step)
        local.perform(step)
    assert ["x"] == names(root / "etc/d")


def test_a_folder_with_something_in_it_stays(local: Local, root: Path) -> None:
    (root / "etc/d").mkdir()
    (root / "etc/d/x").touch()
    local.perform(Remove(path=P("/etc/d"), why="gone"))
    assert ["x"] == names(root / "etc/d")


def test_what_is_not_there_is_removed_already(local: Local, root: Path) -> None:
    (root / "away").mkdir()
    (root / "away/x").touch()
    (root / "link").symlink_to("away")
    for path in ("/etc/none", "/none/x", "/link/x"):
        local.perform(Remove(path=P(path), why="gone"))
    assert (root / "away/x").exists()


def test_a_link_on_the_way_stops_every_write(local: Local, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"old")
    (root / "var").symlink_to(outside)
    for step in (
        write("/var/x"),
        MakeLink(path=P("/var/l"), target="x", why=""),
        MakeDirectory(path=P("/var/d"), why=""),
        SetAttributes(path=P("/var/x"), mode=0o777, why=""),
    ):
        with pytest.raises(HostError, match="/var is a link to"):
            local.perform(step)
    assert (["x"], b"old", 0o644) == (names(outside), (outside / "x").read_bytes(), mode_of(outside / "x"))


def test_a_folder_that_becomes_a_link_half_way_leads_nowhere(root: Path, tmp_path: Path) -> None:
    """The walk holds the folder itself: what is renamed away is still written in, not what took its name."""
    outside = tmp_path / "outside"
    outside.mkdir()

    @dataclass(frozen=True)
    class Swapping:
        digest: str = ""

        def chunks(self) -> Iterator[bytes]:
            (root / "etc").rename(root / "etc.moved")
            (root / "etc").symlink_to(outside)
            yield b"secret"

    step = WriteFile(path=P("/etc/shadow"), content=Swapping(), why="missing")
    Local(root, tmp_path / "state").perform(step)
    assert [] == names(outside)
    assert ["shadow"] == names(root / "etc.moved")


def test_content_that_cannot_be_had_leaves_the_old_file(local: Local, root: Path) -> None:
    (root / "etc/x").write_bytes(b"old")

    @dataclass(frozen=True)
    class Broken:
        digest: str = ""

        def chunks(self) -> Iterator[bytes]:
            yield b"half"
            raise SourceError("the connection was lost")

    with pytest.raises(HostError, match=r"^/etc/x: its content cannot be had: the connection was lost$"):
        local.perform(WriteFile(path=P("/etc/x"), content=Broken(), why=""))
    assert (["x"], b"old") == (names(root / "etc"), (root / "etc/x").read_bytes())


def test_a_check_that_says_no_leaves_the_old_file(local: Local, root: Path) -> None:
    """Twice in the same words: what is reported once is not news again."""
    (root / "etc/x").write_bytes(b"old")
    check = ("sh", "-c", "grep -q new $1 && echo $1: line 3: bad in $(basename $1) >&2; exit 4", "sh", "{}")
    for _ in range(2):
        with pytest.raises(HostError) as caught:
            local.perform(write("/etc/x", validate=check))
        assert str(caught.value).startswith("/etc/x: left as it was: `sh -c ")
        assert str(caught.value).endswith(" sh '{}'` exited with 4: {}: line 3: bad in {}")
    assert (["x"], b"old") == (names(root / "etc"), (root / "etc/x").read_bytes())


def test_a_check_that_cannot_be_run_leaves_the_old_file(local: Local, root: Path) -> None:
    (root / "etc/x").write_bytes(b"old")
    with pytest.raises(HostError) as caught:
        local.perform(write("/etc/x", validate=("no-such-command", "{}")))
    expected = "/etc/x: left as it was: `no-such-command {}` cannot be run: there is no command 'no-such-command' on this host"
    assert expected == str(caught.value)
    assert (["x"], b"old") == (names(root / "etc"), (root / "etc/x").read_bytes())


def test_a_check_sees_the_file_as_it_will_be(local: Local, root: Path) -> None:
    check = (
        "sh",
        "-c",
        'test "$(stat -c %a "${0#--file=}")" = 751 && grep -q new "${0#--file=}"',
        "--file={}",
    )
    local.perform(write("/etc/x", mode=0o751, validate=check))
    assert ["x"] == names(root / "etc")


def test_a_check_can_run_the_file_itself(local: Local, root: Path) -> None:
    """The descriptor that wrote it is closed by then: execve(2) would say ETXTBSY."""
    local.perform(write("/etc/x", b"#!/bin/sh\nexit 0\n", mode=0o755, validate=("{}",)))
    assert ["x"] == names(root / "etc")


def test_what_a_killed_run_left_is_taken_away(local: Local, root: Path) -> None:
    ours, theirs = ".trued-0123456789abcdef", [".trued-x", ".trued-0123456789abcdef.bak"]
    for name in (ours, *theirs):
        (root / "etc" / name).touch()
    (root / "etc/.trued-00000000000000aa").symlink_to("x")
    (root / "etc/.trued-00000000000000bb").mkdir()
    local.perform(write("/etc/x"))
    assert sorted([*theirs, "x"]) == names(root / "etc")


def test_a_folder_that_holds_only_our_leftovers_is_empty(local: Local, root: Path) -> None:
    (root / "etc/d").mkdir()
    (root / "etc/d/.trued-0123456789abcdef").touch()
    local.perform(Remove(path=P("/etc/d"), why="gone"))
    assert [] == names(root / "etc")
