"""A push into a repository on this machine leaves what Git itself would have written, and reads what Git left."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.index import Index
from agent.git.objects import Item, Kind, flat_tree
from agent.git.remote import PushRejectedError, open_remote
from tests.servers.repo import environment

REF = "refs/heads/status/a"
# Nothing set: all is written by us. Otherwise dulwich writes.
ROADS = [(), ("core.sharedRepository", "group"), ("core.compression", "9")]


def git(place: Path, *words: str) -> str:
    done = subprocess.run(
        ("git", "-C", place, *words), env=environment(), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def loose(place: Path, sha: str) -> Path:
    return place / "objects" / sha[:2] / sha[2:]


def choose(place: Path, settings: tuple[str, ...]) -> None:
    if settings:
        git(place, "config", *settings)


def commit(text: bytes, *parents: str, size: int = 1) -> list[Item]:
    """Return a commit with what it refers to."""
    blob = Item.of(Kind.BLOB, text * size)
    tree = flat_tree({"f": blob.id, "ä": blob.id})
    above = "".join(f"parent {parent}\n" for parent in parents).encode()
    who = b"A <a@example.com> 1 +0000"
    data = b"tree %s\n%sauthor %s\ncommitter %s\n\n%s" % (tree.id.encode(), above, who, who, text)
    return [Item.of(Kind.COMMIT, data), tree, blob]


def pushed(place: Path, items: list[Item], old: str | None = None) -> str:
    open_remote(Access(url=str(place))).push(REF, old, items[0].id, items)
    return items[0].id


def test_git_finds_nothing_wrong_with_it(place: Path) -> None:
    first = pushed(place, commit(b"one", size=100_000))
    second = pushed(place, commit(b"two", first), first)

    assert "" == git(place, "fsck", "--strict", "--no-dangling")
    assert [second, first] == git(place, "rev-list", REF).split()
    assert "one" * 100_000 == git(place, "show", f"{first}:ä")
    assert [] == [path for path in place.rglob("*") if path.name.endswith(".lock") or "tmp_obj" in path.name]


@pytest.mark.parametrize("settings", ROADS)
def test_it_goes_on_where_git_has_packed_everything(place: Path, settings: tuple[str, ...]) -> None:
    """Objects and refs that stand in packs are as good, and what is there is not moved by somebody who missed that."""
    choose(place, settings)
    first = pushed(place, commit(b"one"))
    git(place, "gc", "-q")
    git(place, "pack-refs", "--all")
    assert not (place / REF).exists()

    with pytest.raises(PushRejectedError, match="somebody else moved it first"):
        pushed(place, commit(b"other"))
    second = pushed(place, commit(b"two", first), first)

    assert [second, first] == git(place, "rev-list", REF).split()


def test_what_the_owner_has_set_holds(place: Path) -> None:
    git(place, "config", "core.sharedRepository", "group")

    first = pushed(place, commit(b"one"))

    assert (place / "objects" / first[:2]).stat().st_mode & stat.S_IWGRP


@pytest.mark.root
@pytest.mark.parametrize("settings", ROADS)
def test_what_root_makes_belongs_to_whom_the_repository_belongs(
    place: Path, settings: tuple[str, ...]
) -> None:
    """Else its owner could read nothing of it, with the umask that the service has, nor push beside it."""
    choose(place, settings)
    for path in (place, *place.rglob("*")):
        os.chown(path, 65534, 65533)

    before = os.umask(0o077)
    try:
        first = pushed(place, commit(b"one"))
        pushed(place, commit(b"two", first), first)
    finally:
        os.umask(before)

    there = {path: path.stat() for path in (place, *place.rglob("*"))}
    assert {(65534, 65533)} == {(known.st_uid, known.st_gid) for known in there.values()}
    if not settings:
        assert 0o644 == stat.S_IMODE(there[place / REF].st_mode)
        assert 0o755 == stat.S_IMODE(there[(place / REF).parent].st_mode)
        assert 0o444 == stat.S_IMODE(there[loose(place, first)].st_mode)
        assert 0o755 == stat.S_IMODE(there[loose(place, first).parent].st_mode)


def test_a_ref_that_names_another_moves_that_one(place: Path) -> None:
    git(place, "symbolic-ref", REF, "refs/heads/other")

    first = pushed(place, commit(b"one"))

    assert "refs/heads/other" == git(place, "symbolic-ref", REF)
    assert first == git(place, "rev-parse", "refs/heads/other")


@pytest.mark.parametrize("settings", ROADS)
def test_a_ref_that_somebody_has_locked_stays(place: Path, settings: tuple[str, ...]) -> None:
    """Git's own lock is honoured, and is not taken away; a kill may have left it, so the way out is said."""
    choose(place, settings)
    first = pushed(place, commit(b"one"))
    lock = place / f"{REF}.lock"
    lock.touch()

    with pytest.raises(
        SourceError, match=r"\.lock: another Git is moving this ref, or was killed"
    ) as caught:
        pushed(place, commit(b"two", first), first)

    assert lock.exists()
    assert first == git(place, "rev-parse", REF)
    assert f"if none is at work there: rm {lock}" == caught.value.hint


def test_an_object_that_is_there_is_made_young_again(place: Path) -> None:
    """Else `git prune` might take it before the ref has moved."""
    items = commit(b"one")
    first = pushed(place, items)
    blob = loose(place, items[2].id)
    subprocess.run(("touch", "-d", "2001-01-01", blob), check=True)

    pushed(place, [*commit(b"two", first)[:2], items[2], commit(b"two")[2]], first)

    assert blob.stat().st_mtime > 1_000_000_000


def test_an_index_knows_what_git_knows(place: Path) -> None:
    tip = None
    for number in range(30):
        tip = pushed(place, commit(b"%d" % number, *([tip] if tip else [])), tip)
    git(place, "gc", "-q")
    (path,) = place.glob("objects/pack/*.idx")
    known = git(place, "verify-pack", "-v", str(path))
    places = {line.split()[0]: int(line.split()[4]) for line in known.splitlines() if line[40:41] == " "}

    index = Index(path)

    assert 90 == len(places)
    assert places == {sha: index.find(bytes.fromhex(sha)) for sha in places}
    assert index.find(bytes(20)) is None
    assert index.find(b"\xff" * 20) is None


def test_a_report_costs_no_library(place: Path) -> None:
    """What is pushed to a path is made and written without one."""
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from agent.git.address import Access
from agent.git.publish import Publisher
publisher = Publisher(Access(url=sys.argv[1]), "status/a", Path(sys.argv[2]))
publisher.put({"status.json": b"{}"}, "report", datetime.now(UTC))
assert publisher.push() == 1
assert not {"dulwich", "urllib3"} & sys.modules.keys()
"""
    subprocess.run((sys.executable, "-c", code, place, place.parent / "state"), check=True)


def test_a_repository_with_names_of_sha_256_is_refused(tmp_path: Path) -> None:
    """What was written with names of SHA-1 would be garbage in it."""
    place = tmp_path / "long.git"
    subprocess.run(
        ("git", "init", "-q", "--bare", "--object-format=sha256", place), env=environment(), check=True
    )
    before = sorted(place.rglob("*"))

    with pytest.raises(SourceError, match="uses SHA-256 object names, which trued does not know"):
        pushed(place, commit(b"one"))
    assert before == sorted(place.rglob("*"))

    git(place, "update-ref", REF, git(place, "commit-tree", "-m", "x", git(place, "write-tree")))
    with pytest.raises(SourceError, match="uses SHA-256 object names"):
        open_remote(Access(url=str(place))).poll(REF)


@pytest.mark.parametrize("value", ["sha1", '"sha1"', "sha1 ; as ever"])
def test_a_repository_that_says_its_names_are_of_sha_1_is_taken(place: Path, value: str) -> None:
    git(place, "config", "core.repositoryFormatVersion", "1")
    with (place / "config").open("a") as file:
        file.write(f"[extensions] objectFormat = {value}\n")

    assert pushed(place, commit(b"one"))
