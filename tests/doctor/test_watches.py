"""How many watches are left, by the kernel's own word."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from agent.doctor import Grade
from agent.doctor.watches import watches
from agent.host.inotify import CREATE, Inotify


def scratch(tmp_path: Path, most: int, instances: int, held: int) -> Path:
    """Return a /proc in which one process of ours has so many watches."""
    limits, process = tmp_path / "sys/fs/inotify", tmp_path / "7"
    for folder in (limits, process / "fd", process / "fdinfo"):
        folder.mkdir(parents=True)
    (limits / "max_user_watches").write_text(f"{most}\n")
    (limits / "max_user_instances").write_text(f"{instances}\n")
    (process / "fd/3").symlink_to("anon_inode:inotify")
    (process / "fd/4").symlink_to("/dev/null")
    (process / "fdinfo/3").write_text("pos:\t0\n" + "inotify wd:1 ino:1\n" * held)
    return tmp_path


@pytest.mark.parametrize(
    ("most", "instances", "grade", "mend"),
    [
        (8192, 128, Grade.OK, ""),
        (1100, 128, Grade.WARNING, "sysctl -w fs.inotify.max_user_watches=2200"),
        (8192, 1, Grade.WARNING, "sysctl -w fs.inotify.max_user_instances=2"),
    ],
)
def test_what_is_left_is_judged(tmp_path: Path, most: int, instances: int, grade: Grade, mend: str) -> None:
    found = watches(scratch(tmp_path, most, instances, held=100))

    assert found.grade is grade
    assert found.text.startswith(f"100 of {most} folders and files, 1 of {instances} ")
    assert found.mend.endswith(mend)


def test_a_kernel_without_it_is_said(tmp_path: Path) -> None:
    assert watches(tmp_path).grade is Grade.WARNING


def test_the_watches_of_this_process_are_counted(tmp_path: Path) -> None:
    """The real /proc: two more when there are two more. Others come and go meanwhile, so ours alone is held against it."""
    ear = Inotify()
    said = Path(f"/proc/self/fdinfo/{ear.fileno()}")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        descriptor = os.open(tmp_path / name, os.O_PATH)
        ear.watch(descriptor, CREATE)
        os.close(descriptor)

    assert 2 == said.read_text().count("\ninotify wd:")
    assert int(re.match(r"\d+", watches().text)[0]) >= 2
    ear.close()
