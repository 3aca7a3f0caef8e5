"""Whoever owns a repository on this machine may put anything in it: it holds nothing up, and leads nowhere else."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.remote import open_remote
from tests.git.test_local_push import REF, ROADS, choose, commit, git, loose, pushed
from tests.git.test_local_trouble import read


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def link(path: Path) -> None:
    """To what nobody would read the end of."""
    fifo = path.with_name("elsewhere")
    os.mkfifo(fifo)
    path.symlink_to(fifo)


STRANGE: Mapping[str, Callable[[Path], None]] = {"fifo": os.mkfifo, "socket": listen, "link": link}


@pytest.fixture(name="strange", params=STRANGE)
def _strange(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.unlink(missing_ok=True)
        monkeypatch.chdir(path.parent)  # the name of a socket is short
        STRANGE[request.param](Path(path.name))

    return put


@pytest.mark.parametrize("settings", ROADS)
@pytest.mark.parametrize("name", [REF, "packed-refs", "config", "shallow"])
def test_what_is_no_file_holds_no_push_up(
    place: Path, strange: Callable[[Path], None], name: str, settings: tuple[str, ...]
) -> None:
    choose(place, settings)
    first = pushed(place, commit(b"one"))
    if name == "config" and settings:
        return  # says what it did
    if name == "packed-refs":
        (place / REF).unlink()  # what stands loose is not looked for there
    strange(place / name)

    if name == "shallow" and not settings:
        pushed(place, commit(b"two", first), first)
        return
    with pytest.raises(
        SourceError, match=f"{place / name}: expected a file, found a link, a FIFO"
    ) as caught:
        pushed(place, commit(b"two", first), first)

    assert f"put a file there, or remove {place / name}" == caught.value.hint


@pytest.mark.parametrize("name", [REF, "packed-refs"])
def test_what_is_no_file_holds_no_poll_up(place: Path, strange: Callable[[Path], None], name: str) -> None:
    pushed(place, commit(b"one"))
    (place / REF).unlink()
    strange(place / name)

    with pytest.raises(SourceError, match=f"{place / name}: expected a file"):
        open_remote(Access(url=str(place))).poll(REF)


@pytest.mark.parametrize("name", ["object", "pack", "idx", "info/alternates"])
def test_what_is_no_file_holds_no_fetch_up(
    place: Path, tmp_path: Path, strange: Callable[[Path], None], name: str
) -> None:
    sha = pushed(place, commit(b"one"))
    path = {"object": loose(place, sha), "info/alternates": place / "objects" / name}.get(name)
    if path is None:
        git(place, "gc", "-q")
        (path,) = place.glob(f"objects/pack/*.{name}")
    elif name == "info/alternates":
        loose(place, sha).unlink()
    strange(path)

    with pytest.raises(SourceError, match=f"{path}: expected a file"):
        read(place, sha, tmp_path)


def test_a_pack_may_be_a_link_to_a_file(place: Path, tmp_path: Path) -> None:
    """As where repositories share what they hold; a link leads to nothing that Git would not read, too."""
    sha = pushed(place, commit(b"one"))
    git(place, "gc", "-q")
    for path in place.glob("objects/pack/pack-*"):
        path.symlink_to(path.rename(tmp_path / path.name))

    assert read(place, sha, tmp_path)


@pytest.mark.parametrize("settings", ROADS)
@pytest.mark.parametrize("name", ["refs", "refs/heads", "refs/heads/status", REF, "objects", "objects/xx"])
def test_a_link_to_another_folder_is_not_written_through(
    place: Path, tmp_path: Path, settings: tuple[str, ...], name: str
) -> None:
    """Root would make files in any folder of the machine, and take away the empty ones below it."""
    choose(place, settings)
    items = commit(b"one")
    link = place / name.replace("xx", items[0].id[:2])
    other = tmp_path / "other"
    if link.is_dir():
        link.rename(other)
    (other / "empty" / "deep").mkdir(parents=True)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(other)
    before = {path: path.lstat().st_ctime_ns for path in (other, *other.rglob("*"))}

    with pytest.raises(SourceError, match=f"{link}: expected a f.*found a link"):
        pushed(place, items)

    assert before == {path: path.lstat().st_ctime_ns for path in (other, *other.rglob("*"))}


def test_a_ref_that_names_another_leads_through_no_link_either(place: Path, tmp_path: Path) -> None:
    git(place, "symbolic-ref", REF, "refs/heads/elsewhere/sudoers")
    (tmp_path / "other").mkdir()
    (place / "refs/heads/elsewhere").symlink_to(tmp_path / "other")

    with pytest.raises(SourceError, match="refs/heads/elsewhere: expected a folder, found a link"):
        pushed(place, commit(b"one"))

    assert [] == list((tmp_path / "other").iterdir())


def test_a_link_among_empty_folders_where_the_ref_is_to_be_stays(place: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / "empty").mkdir(parents=True)
    (place / REF).mkdir(parents=True)
    (place / REF / "link").symlink_to(tmp_path / "other")

    with pytest.raises(SourceError, match=f"{place / REF}"):
        pushed(place, commit(b"one"))

    assert (tmp_path / "other" / "empty").is_dir()
