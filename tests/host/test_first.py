"""What stood there before trued is kept, once, whatever it is called."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from agent.errors import HostError
from agent.host.local import Local
from agent.model import KeepFirst

P = PurePosixPath


def keep(local: Local, path: str, *, anew: bool = False) -> None:
    local.perform(KeepFirst(path=P(path), anew=anew, why=""))


def test_a_file_is_kept_at_its_path_for_trued_alone(local: Local, root: Path, tmp_path: Path) -> None:
    (root / "etc/motd").write_bytes(b"first")
    (root / "etc/motd").chmod(0o4755)
    keep(local, "/etc/motd")
    kept = tmp_path / "state/first/etc/motd"
    assert (b"first", 0o600) == (kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode))
    assert 0o700 == stat.S_IMODE(kept.parent.stat().st_mode)
    noted = json.loads((tmp_path / "state/first.jsonl").read_text())
    assert {"path": "/etc/motd", "mode": "4755", "uid": os.getuid(), "gid": os.getgid()} == noted


def test_what_is_kept_is_never_overwritten(local: Local, root: Path, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (root / "etc/motd").write_bytes(content)
        keep(local, "/etc/motd")
    assert b"first" == (tmp_path / "state/first/etc/motd").read_bytes()


def test_what_was_let_go_and_is_met_anew_is_kept_as_well(local: Local, root: Path, tmp_path: Path) -> None:
    for content in (b"first", b"second", b"second", b"first", b"third"):
        (root / "etc/motd").write_bytes(content)
        keep(local, "/etc/motd", anew=True)
    kept = [(tmp_path / f"state/{tree}/etc/motd").read_bytes() for tree in ("first", "first.1", "first.2")]
    assert [b"first", b"second", b"third"] == kept
    assert not (tmp_path / "state/first.3").exists()


def test_when_there_is_no_place_left_nothing_is_kept_and_the_way_out_is_said(
    local: Local, root: Path, tmp_path: Path
) -> None:
    for number in range(10):
        (root / "etc/motd").write_text(f"{number}")
        keep(local, "/etc/motd", anew=True)
    (root / "etc/motd").write_text("10")
    with pytest.raises(HostError) as caught:
        keep(local, "/etc/motd", anew=True)
    assert "/etc/motd: cannot be kept, and is therefore not touched: all 10 folders" in str(caught.value)
    assert f"{tmp_path}/state/first" in caught.value.hint


def test_a_link_is_kept_as_a_link(local: Local, root: Path, tmp_path: Path) -> None:
    (root / "etc/motd").symlink_to("/etc/shadow")
    keep(local, "/etc/motd")
    assert "/etc/shadow" == os.readlink(tmp_path / "state/first/etc/motd")


def test_a_link_that_was_kept_is_no_way_for_what_comes_later(
    local: Local, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "etc/d").symlink_to(outside)
    keep(local, "/etc/d")
    (root / "etc/d").unlink()
    (root / "etc/d").mkdir()
    (root / "etc/d/x").write_bytes(b"first")
    keep(local, "/etc/d/x")
    assert [] == os.listdir(outside)
    assert b"first" == (tmp_path / "state/first.1/etc/d/x").read_bytes()


def test_a_path_that_was_a_file_and_is_a_folder_keeps_both(local: Local, root: Path, tmp_path: Path) -> None:
    (root / "etc/d").write_bytes(b"file")
    keep(local, "/etc/d")
    (root / "etc/d").unlink()
    (root / "etc/d").mkdir()
    (root / "etc/d/x").write_bytes(b"below")
    keep(local, "/etc/d/x")
    keep(local, "/etc/d/x")
    assert b"file" == (tmp_path / "state/first/etc/d").read_bytes()
    assert b"below" == (tmp_path / "state/first.1/etc/d/x").read_bytes()


def test_nothing_folders_and_fifos_are_not_kept(local: Local, root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "etc/fifo")
    (root / "link").symlink_to("etc")
    for path in ("/etc/none", "/none/x", "/link/x", "/etc", "/etc/fifo"):
        keep(local, path)
    assert not (tmp_path / "state").exists()


def test_holes_stay_holes(local: Local, root: Path, tmp_path: Path) -> None:
    """Whoever may write in a folder can put a file there that says it is a terabyte."""
    with (root / "etc/huge").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 30)
        file.write(b"data")
    keep(local, "/etc/huge")
    with (tmp_path / "state/first/etc/huge").open("rb") as kept:
        kept.seek(1 << 30)
        assert b"data" == kept.read(4)
        assert (1 << 40, True) == (os.fstat(kept.fileno()).st_size, os.fstat(kept.fileno()).st_blocks < 1000)


def test_what_a_killed_copy_left_goes_with_the_next(local: Local, root: Path, tmp_path: Path) -> None:
    """It may be as large as what there is to keep, and the next would find no room."""
    (tmp_path / "state/first/etc").mkdir(parents=True)
    (tmp_path / "state/first/etc/.trued-0123456789abcdef").write_bytes(b"half")
    (root / "etc/motd").write_bytes(b"first")
    keep(local, "/etc/motd")
    assert ["motd"] == os.listdir(tmp_path / "state/first/etc")


def test_a_long_copy_shows_life(local: Local, root: Path) -> None:
    (root / "etc/large").write_bytes(bytes(3 << 20))
    beats: list[int] = []
    local.perform(KeepFirst(path=P("/etc/large"), why=""), lambda: beats.append(1))
    assert len(beats) >= 3


@pytest.mark.root
def test_no_room_to_keep_it_is_an_error_so_that_it_is_not_touched(root: Path, tmp_path: Path) -> None:
    state = tmp_path / "small"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", state], check=True)
    try:
        (root / "etc/x").write_bytes(b"x" * 200_000)
        with pytest.raises(HostError) as caught:
            keep(Local(root, state), "/etc/x")
        assert [] == os.listdir(state / "first/etc")
    finally:
        subprocess.run(["umount", state], check=True)
    message = (
        f"/etc/x: cannot be kept in {state}/first, and is therefore not touched: no space left on device"
    )
    assert message == str(caught.value)
