"""This host's own disk is full, or gives back no more what it holds: said in words, and healed where Git can be reached."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git import snapshot
from agent.git.address import Access
from agent.git.source import Source
from agent.git.tree import GitTree
from tests.disk import limited_file_size
from tests.git.places import fleet, read, source
from tests.servers.repo import Fleet

FILES = {"fleet.yaml": "hosts: [a]\n", "base/a": "a\n" * 100}


@pytest.fixture
def work(tmp_path: Path) -> Fleet:
    return fleet(tmp_path / "work", FILES)


@pytest.fixture
def there(work: Fleet, tmp_path: Path) -> Iterator[Source]:
    made = source(Access(url=str(work.path)), tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def held(work: Fleet, there: Source) -> str:
    """The commit that is kept on this host."""
    read(there.newest(None).tree)
    there.keep([work.head()])
    return work.head()


def anew(there: Source, work: Fleet, tmp_path: Path) -> Source:
    there.close()
    return source(Access(url=str(work.path)), tmp_path / "state")


class Disk:
    """Has calls of `os` for some paths fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def fails(self, call: str, code: int, place: str, *, but: str = "nothing", after: int = 0) -> None:
        real, seen = getattr(os, call), [0]

        def failing(where: int | str | Path, *args: object, **more: object) -> object:
            path = os.readlink(f"/proc/self/fd/{where}") if isinstance(where, int) else str(where)
            struck = place in path and but not in path
            seen[0] += struck
            if struck and seen[0] > after:
                raise OSError(code, os.strerror(code), path)
            return real(where, *args, **more)

        self._patch.setattr(snapshot.os, call, failing)  # type: ignore[attr-defined]

    def heals(self) -> None:
        self._patch.undo()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_what_could_not_be_kept_leaves_the_disk_as_it_was(
    work: Fleet, there: Source, held: str, tmp_path: Path
) -> None:
    """Half of a large commit must not fill a disk for good: the ledger is on it."""
    work.write({"base/large": os.urandom(2 << 20)}).commit()
    read(there.newest(held).tree)

    with limited_file_size(1 << 20), pytest.raises(SourceError, match="cannot keep the commit"):
        there.keep([work.head()])

    assert {f"{held}.snap"} == {path.name for path in (tmp_path / "state/git").iterdir()}


@pytest.mark.parametrize("code", [errno.EIO, errno.EUCLEAN, errno.EBADMSG])
@pytest.mark.parametrize("call", ["open", "pread"])
@pytest.mark.parametrize("asked", ["newest", "at"])
def test_a_snapshot_that_cannot_be_read_is_fetched_anew(
    work: Fleet, there: Source, held: str, tmp_path: Path, disk: Disk, code: int, call: str, asked: str
) -> None:
    """It will not become readable by waiting."""
    again = anew(there, work, tmp_path)
    disk.fails(call, code, f"/{held}.snap")

    commit = again.newest(held) if asked == "newest" else again.at(held)
    found = read(commit.tree)
    disk.heals()
    again.keep([held])

    assert FILES == found
    assert FILES == read(anew(again, work, tmp_path).at(held).tree)


@pytest.mark.parametrize("after", [1, 3, 4, 5])
def test_a_snapshot_that_can_be_read_in_part_is_fetched_anew(
    work: Fleet, there: Source, held: str, tmp_path: Path, disk: Disk, after: int
) -> None:
    """Where it gives out is all the same, also when it is copied into the next one."""
    again = anew(there, work, tmp_path)
    work.write({"base/b": "b\n"}).commit()
    disk.fails("pread", errno.EIO, f"/{held}.snap", after=after)

    tree = again.newest(held).tree
    assert isinstance(tree, GitTree)
    if after < 5:
        read(tree)
    again.keep([work.head()])
    disk.heals()

    assert {**FILES, "base/b": "b\n"} == read(again.newest(held).tree)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EROFS])
def test_no_room_for_a_new_commit_is_an_error_in_words(
    work: Fleet, there: Source, held: str, tmp_path: Path, disk: Disk, code: int
) -> None:
    """No inode left: the next commit waits, and the held one is still there."""
    work.write({"base/b": "b\n"}).commit()
    disk.fails("open", code, str(tmp_path / "state/git"), but=".snap")

    said = set()
    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            there.newest(held)
        said.add(str(caught.value))

    place = tmp_path / "state/git"
    assert {f"{place}: cannot be read or written on this host: {os.strerror(code)}"} == said
    assert FILES == read(there.at(held).tree)


def test_no_room_for_a_file_that_is_read_later_is_an_error_in_words(
    work: Fleet, there: Source, held: str, tmp_path: Path, disk: Disk
) -> None:
    """A tree brings its objects when they are asked for."""
    work.write({"base/b": "b\n"}).commit()
    tree = there.newest(held).tree
    disk.fails("pwrite", errno.ENOSPC, str(tmp_path / "state/git"))

    with pytest.raises(SourceError, match="space left on"):
        read(tree)


def test_a_commit_that_cannot_be_had_any_more_keeps_no_other_from_being_kept(
    work: Fleet, there: Source, held: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The good one is lost, here and on the server: the followed one is kept, and what is not wanted is forgotten."""
    work.write({"base/b": "b\n"}).commit()
    followed = there.newest(held)
    read(followed.tree)
    gone = "1" * 40

    there.keep([followed.sha, gone])

    assert {f"{followed.sha}.snap"} == {path.name for path in (tmp_path / "state/git").iterdir()}
    assert f"commit {gone[:12]} cannot be kept on this host" in caplog.text
    with pytest.raises(SourceError):
        there.keep([gone, followed.sha])
