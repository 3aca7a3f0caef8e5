"""What `Watcher` hears of mounts, of which inotify says nothing: real ones."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.host.mounted import SWARM, MountEar
from agent.host.watch import GATHER, Watcher
from tests.host import hearing
from tests.waiting import until

MOMENT = GATHER * 10  # seconds in which nothing is heard, or it would have been

pytestmark = pytest.mark.root


@pytest.fixture(name="heard")
def _heard() -> hearing.Heard:
    return hearing.Heard(MOMENT)


@pytest.fixture(name="watcher")
def _watcher(tmp_path: Path, heard: hearing.Heard) -> Iterator[Watcher]:
    """Four folders, of which one is kept as a whole, and nothing is in the last."""
    for folder in ("srv/app", "srv/clean", "srv/mounts", "data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "srv/app/conf").write_text("x")
    watcher = Watcher(tmp_path)
    watcher.listen(heard)
    yield watcher
    watcher.close()


PLACES = ("/srv/app/conf", "/srv/clean/", "/srv/motd")


def look(watcher: Watcher) -> frozenset[str] | None:
    untold = watcher.attend(PLACES, anew=False)
    watcher.rest(well=True)
    return untold


def only(heard: hearing.Heard, *places: str) -> bool:
    return frozenset().union(*heard.taken(5)) == frozenset(places)


@contextmanager
def mounted(*argv: str | Path) -> Iterator[None]:
    """Mount something for as long as it is needed."""
    subprocess.run(["mount", *argv], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", argv[-1]], check=True)


def test_a_mount_over_a_folder_is_heard_and_so_is_its_end(
    watcher: Watcher, heard: hearing.Heard, tmp_path: Path
) -> None:
    """A bind mount, too, whose file system lives on: no event of inotify tells that it has gone."""
    look(watcher)
    with mounted("--bind", tmp_path / "data", tmp_path / "srv/app"):
        assert only(heard, "/srv/app/")
        look(watcher)
        assert heard.nothing()

    assert only(heard, "/srv/app/")


def test_what_is_mounted_is_watched_from_the_next_look_on(
    watcher: Watcher, heard: hearing.Heard, tmp_path: Path
) -> None:
    """A look at what was heard of will do; and what was there before is watched again when the mount has gone."""
    look(watcher)
    with mounted("-t", "tmpfs", "none", tmp_path / "srv/app"):
        assert only(heard, "/srv/app/")
        look(watcher)
        (tmp_path / "srv/app/conf").write_text("mounted")
        assert only(heard, "/srv/app/conf")
    assert only(heard, "/srv/app/")
    look(watcher)
    (tmp_path / "srv/app/conf").write_text("below")

    assert only(heard, "/srv/app/conf")


def test_a_mount_above_is_one_over_all_that_is_below(
    watcher: Watcher, heard: hearing.Heard, tmp_path: Path
) -> None:
    look(watcher)
    with mounted("-t", "tmpfs", "none", tmp_path / "srv"):
        assert only(heard, "/srv/")
        assert {"/srv/app", "/srv/clean"}.isdisjoint(watcher.missed or ())


def test_a_mount_over_a_file_is_heard(watcher: Watcher, heard: hearing.Heard, tmp_path: Path) -> None:
    look(watcher)
    with mounted("--bind", "/etc/hostname", tmp_path / "srv/app/conf"):
        assert only(heard, "/srv/app/conf")


def test_a_mount_in_a_folder_that_is_kept_as_a_whole_is_heard(
    watcher: Watcher, heard: hearing.Heard, tmp_path: Path
) -> None:
    (tmp_path / "srv/clean/guest").mkdir()
    look(watcher)
    with mounted("-t", "tmpfs", "none", tmp_path / "srv/clean/guest"):
        assert only(heard, "/srv/clean/")


def test_other_mounts_wake_nobody_and_are_read_together(
    watcher: Watcher, heard: hearing.Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine mounts all the time: beside what is kept, which may be in the same folder."""
    read: Callable[[MountEar], frozenset[str]] = MountEar.news
    readings: list[float] = []
    monkeypatch.setattr(MountEar, "news", lambda ear: (readings.append(time.monotonic()), read(ear))[1])
    look(watcher)
    began = time.monotonic()
    for number in range(30):
        point = tmp_path / "srv/mounts" / str(number % 3)
        point.mkdir(exist_ok=True)
        with mounted("-t", "tmpfs", "none", point):
            pass
    took = time.monotonic() - began
    time.sleep(SWARM * 1.5)

    assert not heard.told
    assert 1 <= len(readings) <= took / SWARM + 2
    with mounted("-t", "tmpfs", "none", tmp_path / "srv/app"):
        assert only(heard, "/srv/app/")


def test_a_mount_that_nobody_has_told_of_yet_is_handed_to_the_look_that_begins(
    watcher: Watcher, heard: hearing.Heard, tmp_path: Path
) -> None:
    """The watches are set anew for another reason, and would hide it."""
    look(watcher)
    for _ in range(2):  # right after another one it is not heard at once
        with mounted("-t", "tmpfs", "none", tmp_path / "srv/app"):
            untold = watcher.attend(PLACES, anew=True) or frozenset()
            watcher.rest(well=True)
            assert "/srv/app/" in untold | frozenset().union(*heard.told)
        look(watcher)
        heard.told.clear()


def test_a_name_with_a_space_in_it(watcher: Watcher, heard: hearing.Heard, tmp_path: Path) -> None:
    """mountinfo has it escaped."""
    (tmp_path / "my data").mkdir()
    watcher.attend(("/my data/file",), anew=False)
    watcher.rest(well=True)
    with mounted("-t", "tmpfs", "none", tmp_path / "my data"):
        assert only(heard, "/my data/")


CHILD = """
import sys
from pathlib import Path
from agent.host.watch import Watcher
watcher = Watcher(Path(sys.argv[1]))
watcher.listen(lambda places: print(sorted(places), flush=True))
watcher.attend(("/app/conf",), anew=False)
watcher.rest(well=True)
print("listens", flush=True)
sys.stdin.read()
"""


def test_in_a_mount_namespace_of_its_own_it_hears_of_the_hosts_mounts(tmp_path: Path) -> None:
    """As systemd makes one, whose mounts follow those of the host (MountFlags= in systemd.exec(5))."""
    (tmp_path / "app").mkdir()
    with mounted("--bind", tmp_path, tmp_path):
        subprocess.run(["mount", "--make-shared", tmp_path], check=True)
        argv = ["unshare", "--mount", "--propagation", "slave", sys.executable, "-c", CHILD, str(tmp_path)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            assert child.stdin
            assert "listens\n" == child.stdout.readline()
            with mounted("-t", "tmpfs", "none", tmp_path / "app"):
                heard = select.select([child.stdout], [], [], 5)[0]
                told = child.stdout.readline() if heard else ""
            child.stdin.close()
            until(lambda: child.poll() is not None, 5)

    assert "['/app/']\n" == told
