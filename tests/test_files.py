"""trued's own files and folders: for its owner alone, whole or not there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.files import atomic_write, make_private, sweep
from tests.disk import limited_file_size


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also those on the way to the one that was asked for."""
    make_private(tmp_path / "a/b/c")

    assert [0o700] * 3 == [mode_of(tmp_path / name) for name in ("a", "a/b", "a/b/c")]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o750)
    make_private(tmp_path / "a")
    make_private(tmp_path / "a/b")

    assert (0o750, 0o700) == (mode_of(tmp_path / "a"), mode_of(tmp_path / "a/b"))


@pytest.mark.parametrize("path", ["file", "file/below", "dangling", "dangling/below"])
def test_what_stands_in_the_place_of_a_folder_is_an_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")

    with pytest.raises(OSError):
        make_private(tmp_path / path)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_written_whole_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/x.json"
    for data in (b"one", b"two"):
        atomic_write(path, data)

    assert (b"two", 0o600, 0o700) == (path.read_bytes(), mode_of(path), mode_of(path.parent.parent))
    assert ["x.json"] == os.listdir(path.parent)


def test_what_kills_left_of_a_file_goes_and_nothing_else(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from agent.files import atomic_write
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
atomic_write(Path(sys.argv[1]), b"one")
"""
    for name in ("x.json", "y.json", "z"):
        subprocess.run((sys.executable, "-c", code, tmp_path / name), check=False)
    (tmp_path / "x.json").touch()
    assert 4 == len(os.listdir(tmp_path))

    sweep(tmp_path / "nowhere", "*.json")
    sweep(tmp_path, "*.json")

    assert ["x.json"] == [name for name in os.listdir(tmp_path) if not name.startswith(".z.")]
    assert 2 == len(os.listdir(tmp_path))


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    atomic_write(path, b"old")

    with limited_file_size(1000), pytest.raises(OSError, match="File too large"):
        atomic_write(path, b"x" * 5000)

    assert (b"old", ["x.json"]) == (path.read_bytes(), os.listdir(tmp_path))
