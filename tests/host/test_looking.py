"""What `Local` sees: files, links, folders, and what is in the way."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path, PurePosixPath

import pytest

from agent.errors import HostError
from agent.host import DetourError, Entry, FileType, shown
from agent.host.files import AUDIT, Sight
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


def test_a_file_that_was_just_written_is_read_again(local: Local, root: Path) -> None:
    """Git's racy files: the same size in the same tick of the clock leaves the stat as it was."""
    (root / "etc/motd").write_bytes(b"x")
    assert one(local, "/etc/motd") is not one(local, "/etc/motd")


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


def test_after_an_hour_everything_is_read_again(root: Path, tmp_path: Path) -> None:
    now = [0.0]
    sight = Sight(clock=lambda: time.time_ns() + 10**10, uptime=lambda: now[0])
    local = Local(root, tmp_path / "state", sight=sight)
    (root / "etc/motd").write_bytes(b"x")
    first = one(local, "/etc/motd")
    now[0] = AUDIT
    assert first is one(local, "/etc/motd")
    now[0] = AUDIT + 1
    assert first is not one(local, "/etc/motd")
    assert first == one(local, "/etc/motd")


def test_what_is_not_asked_for_any_more_is_forgotten(root: Path, tmp_path: Path) -> None:
    now = [AUDIT]
    sight = Sight(clock=lambda: time.time_ns() + 10**10, uptime=lambda: now[0])
    local = Local(root, tmp_path / "state", sight=sight)
    one(local, "/etc")
    assert 1 == len(sight._known)
    now[0] += 2 * AUDIT
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
    read = os.read

    def grow_and_read(fd: int, count: int) -> bytes:
        with file.open("ab") as log:
            log.write(b"y")
        return read(fd, count)

    monkeypatch.setattr(os, "read", grow_and_read)
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
