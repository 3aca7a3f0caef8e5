"""What `Local` sees: files, links, folders, and what is in the way."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from agent.errors import HostError
from agent.host import DetourError, Entry, FileType, shown
from agent.host.files import AUDIT, RACY, Sight
from agent.host.local import Local
from agent.model import blob_id

P = PurePosixPath
ODD_NAMES = (
    "with space",
    "-n",
    "--help",
    "quote'\"`$(x)",
    "naïve-ü-漢字-🦊",
    ".hidden",
    "...",
    "new\nline",
    "tab\tand\\backslash",
    "*?[a]",
    "x" * 255,
    os.fsdecode(b"latin-\xe9"),
)


def one(local: Local, path: str) -> Entry | HostError | None:
    return local.probe().entries([path], digests=[path])[path]


@contextmanager
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Lend a list that grows by the size of each content that is read."""
    done: list[int] = []
    pread = os.pread

    def counted(fd: int, count: int, at: int) -> bytes:
        data = pread(fd, count, at)
        done.append(len(data))
        return data

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", counted)
        yield done


def test_a_file_is_told_with_mode_owner_size_and_blob_id(local: Local, root: Path) -> None:
    (root / "etc/motd").write_bytes(b"hello\n")
    (root / "etc/motd").chmod(0o4751)
    expected = Entry(
        type=FileType.FILE,
        mode=0o4751,
        uid=os.getuid(),
        gid=os.getgid(),
        size=6,
        digest="ce013625030ba8dba906f756967f9e9ca394464a",  # git hash-object
    )
    assert expected == one(local, "/etc/motd")


def test_a_link_is_told_and_not_followed(local: Local, root: Path) -> None:
    (root / "etc/passwd").symlink_to("/etc/shadow")
    found = one(local, "/etc/passwd")
    assert isinstance(found, Entry)
    assert (FileType.LINK, "/etc/shadow") == (found.type, found.target)


def test_absent_is_none_also_where_the_way_is_no_folder(local: Local, root: Path) -> None:
    (root / "etc/file").touch()
    paths = ["/etc/none", "/none/at/all", "/etc/file/below"]
    assert dict.fromkeys(paths) == dict(local.probe().entries(paths))


def test_a_link_on_the_way_is_an_error_that_names_the_real_path(local: Local, root: Path) -> None:
    (root / "usr/lib").mkdir(parents=True)
    (root / "usr/lib/x").touch()
    (root / "lib").symlink_to("usr/lib")
    found = one(local, "/lib/x")
    assert isinstance(found, DetourError)
    assert "/lib is a link to usr/lib, and links are not followed on the way to a file" == str(found)
    assert "declare the real path: /usr/lib/… instead of /lib/…" == found.hint
    assert P("/lib") == found.link


def test_a_link_loop_on_the_way_is_an_error_of_that_path_alone(local: Local, root: Path) -> None:
    (root / "loop").symlink_to("loop")
    (root / "etc/motd").touch()
    seen = local.probe().entries(["/loop/x", "/etc/motd"])
    assert isinstance(seen["/loop/x"], DetourError)
    assert isinstance(seen["/etc/motd"], Entry)


def test_dots_never_lead_out_of_the_root(local: Local, root: Path) -> None:
    (root.parent / "outside").write_text("x")
    assert isinstance(one(local, "/etc/../../outside"), HostError)


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_odd_names_are_seen_and_listed(local: Local, root: Path, name: str) -> None:
    (root / "etc" / name).write_bytes(b"x")
    found = one(local, f"/etc/{name}")
    assert isinstance(found, Entry)
    assert blob_id(b"x") == found.digest
    assert (name,) == local.probe().names(P("/etc"))


def test_what_is_shown_of_an_odd_path_is_one_printable_line() -> None:
    assert "/a\\nb/\\xe9 ü" == shown(P("/a\nb") / (os.fsdecode(b"\xe9") + " ü"))


def test_a_fifo_and_a_socket_are_told_and_never_opened(local: Local, root: Path) -> None:
    os.mkfifo(root / "etc/fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "etc/socket"))
        for name in ("fifo", "socket"):
            found = one(local, f"/etc/{name}")
            assert isinstance(found, Entry)
            assert FileType.OTHER == found.type
    assert local.probe().content(P("/etc/fifo"), limit=10) is None


def test_content_is_read_up_to_the_limit(local: Local, root: Path) -> None:
    (root / "etc/motd").write_bytes(b"x" * 100)
    assert b"x" * 10 == local.probe().content(P("/etc/motd"), limit=10)
    assert local.probe().content(P("/etc/none"), limit=10) is None
    assert local.probe().content(P("/etc"), limit=10) is None


def test_an_unchanged_file_gives_the_identical_entry(later: Local, root: Path) -> None:
    (root / "etc/motd").write_bytes(b"x")
    (root / "etc/link").symlink_to("motd")
    for path in ("/etc/motd", "/etc/link", "/etc"):
        assert one(later, path) is one(later, path)


@pytest.mark.parametrize(("seconds", "reads"), [(0, 3), (10, 1)])
def test_a_file_that_was_just_written_is_read_again(
    root: Path, tmp_path: Path, seconds: int, reads: int
) -> None:
    """Git's racy files: the same size in the same tick of the clock leaves the stat as it was. Nothing else is read again."""
    looked: list[int] = []

    def clock() -> int:
        looked.append(time.time_ns() + seconds * 10**9)
        return looked[-1]

    local = Local(root, tmp_path / "state", sight=Sight(clock=clock))
    (root / "etc/motd").write_bytes(b"x")
    found = [one(local, "/etc/motd") for _ in range(3)]
    assert len(looked) == reads
    assert found[0] is found[1] is found[2]


def test_what_is_otherwise_is_another_entry(local: Local, root: Path) -> None:
    """Whatever it is: content of one length, mode, owner; and of a link where it points to."""
    file, link = root / "etc/motd", root / "etc/link"
    file.write_bytes(b"one")
    link.symlink_to("one")
    seen = [one(local, "/etc/motd"), one(local, "/etc/link")]
    file.write_bytes(b"two")
    seen.append(one(local, "/etc/motd"))
    file.chmod(0o600)
    seen.append(one(local, "/etc/motd"))
    file.unlink()
    file.symlink_to("two")
    seen.append(one(local, "/etc/motd"))
    link.unlink()
    link.symlink_to("two")
    seen.append(one(local, "/etc/link"))
    assert len({repr(entry) for entry in seen}) == 5  # two links to one place look alike
    assert isinstance(seen[3], Entry)
    assert (seen[3].mode, seen[3].digest) == (0o600, blob_id(b"two"))


def test_a_file_with_its_times_put_back_is_read_again(later: Local, root: Path) -> None:
    file = root / "etc/motd"
    file.write_bytes(b"one")
    before = one(later, "/etc/motd")
    stat = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = one(later, "/etc/motd")
    assert isinstance(before, Entry)
    assert isinstance(after, Entry)
    assert (blob_id(b"one"), blob_id(b"two")) == (before.digest, after.digest)


def test_what_an_hour_later_is_still_the_same_is_the_identical_entry(root: Path, tmp_path: Path) -> None:
    now = [0.0]
    sight = Sight(clock=lambda: time.time_ns() + 10**10, uptime=lambda: now[0])
    local = Local(root, tmp_path / "state", sight=sight)
    (root / "etc/motd").write_bytes(b"x")
    first = one(local, "/etc/motd")
    now[0] = AUDIT + 1
    assert first is one(local, "/etc/motd")


def test_a_change_that_left_no_trace_in_the_stat_is_found_an_hour_later(root: Path, tmp_path: Path) -> None:
    """As a program makes it that writes to mapped memory once more: mmap(2) has no time for that before the page is written out."""
    now = [0.0]
    sight = Sight(clock=lambda: time.time_ns() + 10**10, uptime=lambda: now[0])
    local = Local(root, tmp_path / "state", sight=sight)
    (root / "etc/motd").write_bytes(b"x")
    one(local, "/etc/motd")
    known = sight._known["/etc/motd"]
    sight._known["/etc/motd"] = (*known[:5], replace(known[5], digest="0" * 40))
    assert replace(known[5], digest="0" * 40) == one(local, "/etc/motd")
    now[0] = AUDIT + 1
    assert known[5] == one(local, "/etc/motd")


@pytest.mark.parametrize("back", [3600, 1, 0])
def test_while_the_clock_is_behind_a_file_it_is_read_at_each_look(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    """The clock was set back: a change could bear the very time that the file has, so its stat proves nothing."""
    sight = Sight(clock=lambda: (root / "etc/motd").stat().st_mtime_ns - back * 10**9)
    local = Local(root, tmp_path / "state", sight=sight)
    (root / "etc/motd").write_bytes(b"x")
    with reads(monkeypatch) as read:
        one(local, "/etc/motd")
        one(local, "/etc/motd")
    assert [1, 1] == read


def test_once_the_clock_has_passed_a_file_its_stat_proves_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sight = Sight(clock=lambda: (root / "etc/motd").stat().st_ctime_ns + RACY)
    local = Local(root, tmp_path / "state", sight=sight)
    (root / "etc/motd").write_bytes(b"x")
    with reads(monkeypatch) as read:
        one(local, "/etc/motd")
        one(local, "/etc/motd")
    assert [1] == read


def test_a_file_that_the_clock_was_set_back_for_is_read_again(later: Local, root: Path) -> None:
    """Its times are older than those that were seen, and differ all the same."""
    file = root / "etc/motd"
    file.write_bytes(b"one")
    one(later, "/etc/motd")
    file.write_bytes(b"two")
    os.utime(file, ns=(0, 0))
    found = one(later, "/etc/motd")
    assert isinstance(found, Entry)
    assert blob_id(b"two") == found.digest


@pytest.mark.parametrize("becomes", ["fifo", "folder", "link", "file"])
def test_what_takes_the_place_of_a_file_right_before_it_is_opened_is_told(
    local: Local, root: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    file = root / "etc/motd"
    file.write_bytes(b"one")
    real = os.open

    def replaced(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "motd" and file.is_file() and file.read_bytes() == b"one":
            file.unlink()
            match becomes:
                case "fifo":
                    os.mkfifo(file)
                case "folder":
                    file.mkdir()
                case "link":
                    file.symlink_to("elsewhere")
                case _:
                    (root / "etc/new").write_bytes(b"two")
                    (root / "etc/new").rename(file)
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", replaced)
    found = one(local, "/etc/motd")
    assert isinstance(found, Entry)
    types = {
        "fifo": FileType.OTHER,
        "folder": FileType.DIRECTORY,
        "link": FileType.LINK,
        "file": FileType.FILE,
    }
    assert types[becomes] == found.type
    assert (blob_id(b"two") if becomes == "file" else "") == found.digest


def test_after_an_hour_everything_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    sight = Sight(clock=lambda: time.time_ns() + 10**10, uptime=lambda: now[0])
    local = Local(root, tmp_path / "state", sight=sight)
    (root / "etc/motd").write_bytes(b"x")
    first = one(local, "/etc/motd")
    now[0] = AUDIT
    with reads(monkeypatch) as read:
        assert first is one(local, "/etc/motd")
        assert [] == read
        now[0] = AUDIT + 1
        assert first == one(local, "/etc/motd")
        assert [1] == read
        one(local, "/etc/motd")
        assert [1] == read


def test_what_is_not_asked_for_any_more_is_forgotten(root: Path, tmp_path: Path) -> None:
    now = [AUDIT]
    sight = Sight(clock=lambda: time.time_ns() + 10**10, uptime=lambda: now[0])
    local = Local(root, tmp_path / "state", sight=sight)
    one(local, "/etc")
    assert 1 == len(sight._known)
    now[0] += 2 * AUDIT + 1
    local.probe()
    assert {} == sight._known


def test_a_stat_that_was_taken_without_content_does_not_stand_for_it(later: Local, root: Path) -> None:
    (root / "etc/motd").write_bytes(b"x")
    shallow = later.probe().entries(["/etc/motd"])["/etc/motd"]
    deep = one(later, "/etc/motd")
    assert isinstance(shallow, Entry)
    assert isinstance(deep, Entry)
    assert ("", blob_id(b"x")) == (shallow.digest, deep.digest)


def test_one_probe_gives_equal_answers_to_equal_questions(local: Local, root: Path) -> None:
    (root / "etc/motd").write_bytes(b"x")
    probe = local.probe()
    first = probe.entries(["/etc/motd"], digests=["/etc/motd"])
    (root / "etc/motd").unlink()
    assert first["/etc/motd"] is probe.entries(["/etc/motd"])["/etc/motd"]


def test_a_file_that_never_holds_still_cannot_be_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "etc/log"
    file.write_bytes(b"x")
    read, pread = os.read, os.pread

    def grow() -> None:
        with file.open("ab") as log:
            log.write(b"y")

    monkeypatch.setattr(os, "read", lambda fd, count: (grow(), read(fd, count))[1])
    monkeypatch.setattr(os, "pread", lambda fd, count, at: (grow(), pread(fd, count, at))[1])
    found = one(Local(root, tmp_path), "/etc/log")
    assert isinstance(found, HostError)
    assert "/etc/log: cannot be read: it changes while it is being read" == str(found)


def test_a_missing_root_is_said_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="none: the root folder cannot be opened: no such file") as caught:
        Local(tmp_path / "none", tmp_path).probe().entries(["/etc"])
    assert "see root in agent.yaml" == caught.value.hint


@pytest.mark.root
def test_a_mount_below_the_root_is_told_as_the_host_sees_it(local: Local, root: Path) -> None:
    point = root / "mnt with space"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    try:
        assert {P("/mnt with space")} == local.probe().mounts()
    finally:
        subprocess.run(["umount", point], check=True)


def test_a_pass_over_1000_files_stays_cheap(later: Local, root: Path) -> None:
    """About 3 ms on an idle machine; four times that is still far from reading them all."""
    paths = frozenset(f"/d{n // 50}/f{n}" for n in range(1000))
    for path in paths:
        file = root / path[1:]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 1024)
    later.probe().entries(paths, digests=paths)
    spent = []
    for _ in range(7):
        start = time.process_time()
        later.probe().entries(paths, digests=paths)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.012
