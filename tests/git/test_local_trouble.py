"""What kills, power cuts, bad disks and other hands leave in a repository on this machine costs nothing that was pushed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.remote import open_remote
from agent.git.snapshot import Shelf
from tests.git.reports import BRANCH, publishing, put
from tests.git.test_local_push import REF, ROADS, choose, commit, git, loose, pushed
from tests.host.machine.mounts import mount_disk, unmount
from tests.host.machine.tools import call
from tests.servers.repo import bare

# Root without the right to read what it may not.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--") if os.geteuid() == 0 else ()


@pytest.fixture(params=["ext4", "xfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that keeps what it is told late: see `power_cut`."""
    where = tmp_path / "disk"
    mount_disk(tmp_path / "image", where, size="320M", kind=request.param)
    yield where
    unmount(where)


def power_cut(disk: Path) -> None:
    """Lose what was not synced, and mount what is left."""
    kind = call("findmnt", "-n", "-o", "FSTYPE", disk).strip()
    call("xfs_io", "-x", "-c", "shutdown", disk)
    unmount(disk)
    mount_disk(disk.with_name("image"), disk, size="", kind=kind)


def damage(path: Path, data: bytes = b"") -> None:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


@pytest.mark.root
@pytest.mark.parametrize("settings", ROADS)
def test_a_power_cut_takes_nothing_that_was_pushed(disk: Path, settings: tuple[str, ...]) -> None:
    """The report has left the spool by then: it would be nowhere."""
    place = disk / "bare.git"
    bare(place)
    choose(place, settings)
    os.sync()
    with publishing(Access(url=str(place)), disk / "state") as publisher:
        for number in (1, 2):
            put(publisher, number)
            assert 1 == publisher.push()
            power_cut(disk)

            assert "" == git(place, "fsck", "--strict", "--no-dangling")
            assert str(number) == git(place, "rev-list", "--count", BRANCH)
            assert f'{{"n": {number}}}' == git(place, "show", f"{BRANCH}:status.json")


@pytest.mark.parametrize("settings", ROADS)
def test_an_object_that_was_left_empty_is_written_anew(place: Path, settings: tuple[str, ...]) -> None:
    choose(place, settings)
    items = commit(b"one")
    for item in items:
        damage(loose(place, item.id))

    pushed(place, items)

    assert "" == git(place, "fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize("settings", ROADS)
@pytest.mark.parametrize("packed", [False, True])
def test_an_empty_ref_is_a_damaged_one(place: Path, settings: tuple[str, ...], packed: bool) -> None:
    """Taken for absent, its branch would begin anew, or fall back to what was packed once."""
    choose(place, settings)
    first = pushed(place, commit(b"one"))
    if packed:
        git(place, "pack-refs", "--all")
    damage(place / REF)

    with pytest.raises(SourceError, match="the ref holds no object name: it is damaged") as caught:
        open_remote(Access(url=str(place))).poll(REF)
    with pytest.raises(SourceError):
        pushed(place, commit(b"two", first), first if packed else None)

    assert str(place / REF) in caught.value.hint
    assert b"" == (place / REF).read_bytes()
    assert [] == list(place.rglob("*.lock"))


@pytest.mark.parametrize("settings", ROADS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("other", ["refs/heads/status", f"{REF}/b"])
def test_no_ref_is_made_above_or_below_another(
    place: Path, settings: tuple[str, ...], other: str, packed: bool
) -> None:
    """Git could neither list both nor clone such a repository."""
    choose(place, settings)
    items = commit(b"one")
    open_remote(Access(url=str(place))).push(other, None, items[0].id, items)
    if packed:
        git(place, "pack-refs", "--all")

    with pytest.raises(
        SourceError, match=f"{REF}: there is {other}, and Git has no room for both"
    ) as caught:
        pushed(place, commit(b"two"))

    assert "choose another status.branch" == caught.value.hint
    assert other == git(place, "for-each-ref", "--format=%(refname)")
    assert "" == git(place, "fsck", "--strict", "--no-dangling")


def test_empty_folders_where_the_ref_is_to_be_go(place: Path) -> None:
    """Refs that were below it leave them, and Git takes them away, too."""
    first = pushed(place, commit(b"one"))
    git(place, "pack-refs", "--all")
    (place / REF / "b" / "c").mkdir(parents=True)
    (place / REF / "d").mkdir()

    second = pushed(place, commit(b"two", first), first)

    assert second == git(place, "rev-parse", REF)


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("left", [0, 5, 200])
def test_a_damaged_object_does_not_hide_a_good_one_in_a_pack(
    place: Path, tmp_path: Path, delta: bool, left: int
) -> None:
    text = "".join(f"{number}\n" for number in range(3000)).encode()
    tip, blobs = None, dict[str, bytes]()
    for more in (b"a", b"b"):
        items = commit(text + more, *([tip] if tip else []))
        tip = pushed(place, items, tip)
        blobs[items[2].id] = loose(place, items[2].id).read_bytes()
    git(place, "repack", "-adq", f"--window={10 if delta else 0}")
    (index,) = place.glob("objects/pack/*.idx")
    known = [line.split() for line in git(place, "verify-pack", "-v", str(index)).splitlines()]
    bases = {words[0]: len(words) == 7 for words in known if words[0] in blobs}
    sha = next(sha for sha, is_delta in bases.items() if is_delta == delta)
    damage(loose(place, sha), blobs[sha][:left])

    assert read(place, sha, tmp_path) == len(text) + 1


def test_deltas_on_deltas_are_read(place: Path, tmp_path: Path) -> None:
    """Of a file with twenty versions, each is read, though most stand as deltas on one another."""
    tip, sizes = None, dict[str, int]()
    lines = [b"%x\n" % (7**number % 2**127) for number in range(1000)]
    for number in range(20):
        text = b"".join(lines[number * 20 : number * 20 + 300])  # most like the one before
        items = commit(text, *([tip] if tip else []))
        tip, sizes[items[2].id] = pushed(place, items, tip), len(text)
    git(place, "repack", "-adq", "--window=50", "--depth=50")
    (index,) = place.glob("objects/pack/*.idx")
    depths = [
        int(words[5])
        for line in git(place, "verify-pack", "-v", str(index)).splitlines()
        if len(words := line.split()) == 7
    ]

    assert max(depths) > 5
    assert sizes == {sha: read(place, sha, tmp_path) for sha in sizes}


@pytest.mark.parametrize("data", [b"", b"garbage", b"x\x9c"])
def test_a_damaged_object_without_another_copy_is_told(place: Path, tmp_path: Path, data: bytes) -> None:
    sha = pushed(place, commit(b"one"))
    damage(loose(place, sha), data)

    with pytest.raises(SourceError, match=f"the object {sha} is damaged"):
        read(place, sha, tmp_path)


def read(place: Path, sha: str, room: Path) -> int:
    """Return how large an object is that was read."""
    with Shelf(room / "shelf") as shelf:
        open_remote(Access(url=str(place))).objects((sha,), shelf)
        record = shelf.find(sha)
        assert record
        return record.size


@pytest.mark.parametrize("mode", ["000", "644"])
def test_a_folder_of_refs_that_cannot_be_read_is_not_an_empty_one(place: Path, mode: str) -> None:
    """Else a fleet would have lost its hosts."""
    pushed(place, commit(b"one"))
    code = """
import sys
import time
from agent.git.address import Access
from agent.git.remote import open_remote
open_remote(Access(url=sys.argv[1])).refs("refs/")
"""
    (place / REF).parent.chmod(int(mode, 8))

    argv = (*POWERLESS, sys.executable, "-c", code, str(place))
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    (place / REF).parent.chmod(0o755)
    assert re.search(f"SourceError: {place}: {(place / REF).parent}.*: Permission denied", done.stderr)


def left(place: Path, text: str, *, seconds: float, owner: int | None = None) -> Path:
    """Leave a lock, as a kill between lock and rename does."""
    lock = place / f"{REF}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(text)
    os.chown(lock, os.geteuid() if owner is None else owner, -1)
    os.utime(lock, (time.time() - seconds,) * 2)
    return lock


@pytest.mark.parametrize("settings", ROADS)
@pytest.mark.parametrize("text", ["", "ours"])
def test_a_lock_that_a_killed_run_left_is_taken_away(
    place: Path, settings: tuple[str, ...], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Else no report would arrive until a person came by."""
    choose(place, settings)
    items = commit(b"one")
    lock = left(place, f"{items[0].id}\n" if text else "", seconds=400)

    assert items[0].id == git(place, "rev-parse", pushed(place, items))
    assert f"{lock}: was left by a run of trued that was killed: taken away" in caplog.messages


@pytest.mark.parametrize("text", ["", "ours", "another's"])
def test_a_lock_that_may_be_in_use_stays(place: Path, text: str) -> None:
    """One that is young, and one that holds what we did not write."""
    items = commit(b"one")
    held = {"": "", "ours": f"{items[0].id}\n", "another's": f"{commit(b'other')[0].id}\n"}[text]
    lock = left(place, held, seconds=400 if text == "another's" else 200)

    with pytest.raises(SourceError, match="another Git is moving this ref"):
        pushed(place, items)
    assert held == lock.read_text()


@pytest.mark.root
def test_an_empty_lock_of_the_repositorys_owner_stays(place: Path) -> None:
    lock = left(place, "", seconds=100_000, owner=65534)

    with pytest.raises(SourceError, match="another Git is moving this ref"):
        pushed(place, commit(b"one"))
    assert lock.exists()


@pytest.mark.root
def test_a_lock_is_roots_until_it_holds_the_commit(place: Path) -> None:
    """So that an empty one that is left is known by its owner, in a repository that is somebody else's, too."""
    os.chown(place, 65534, 65534)
    code = """
import os, signal, sys
from tests.git.test_local_push import commit, pushed
from agent.git import loose
from pathlib import Path
loose.resolve = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
pushed(Path(sys.argv[1]), commit(b"one"))
"""
    for path in place.rglob("*"):
        os.chown(path, 65534, 65534)
    subprocess.run((sys.executable, "-c", code, place), check=False)
    lock = place / f"{REF}.lock"
    assert (b"", 0) == (lock.read_bytes(), lock.stat().st_uid)
    os.utime(lock, (0, 0))

    first = pushed(place, commit(b"one"))

    assert first == (place / REF).read_text().strip()
    assert (65534, 0o644) == ((place / REF).stat().st_uid, (place / REF).stat().st_mode & 0o777)
